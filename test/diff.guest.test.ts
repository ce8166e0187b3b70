/** `fsnoop diff` of what a real kernel does: regressions that were put in are found, equal runs are equal. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diff } from '../src/recorded/diff.js';
import { usualTolerance } from '../src/tree/compare.js';
import { parseCondition } from '../src/tree/condition.js';
import { buildCalls, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';

const below = 'vfs_read,rw_verify_area,security_file_permission,read_zero,timerfd_read_iter';
const flags = `-k ksys_read -g --fgraph-include '${below}' --comm calls`;
const ways = {
  recorded: `fsnoop record ${flags}`,
  counted: `fsnoop stat ${flags} --json`,
} as const;
type Way = keyof typeof ways;

const pairs = 10;
// each takes so long that there are ticks enough to know how fast the machine was
const runs: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Array.from({ length: pairs + 1 }, (_, at) => [`equal${at}`, 'read 3000'])),
  twice: 'read 6000',
  awake: 'timer 1500 3 0',
  asleep: 'timer 1500 3 3000',
};

/** Each run measured on its own, into a file of its name. */
const measure = (way: Way): string =>
  [
    `mkdir /tmp/${way}`,
    ...Object.entries(runs).map(
      ([name, reads]) => `${ways[way]} -o /tmp/${way}/${name} -c 'calls ${reads}' >&2 || exit`,
    ),
    `tar c -C /tmp ${way}`,
  ].join('\n');

const steps = {
  recorded: measure('recorded'),
  counted: measure('counted'),
  'on the kernel that it is of': `fsnoop diff /tmp/recorded/awake /tmp/counted/asleep --fail-on 'p90 > +10%'`,
};

/** So many calls, less by those that the kernel says it skipped. */
const lessSkipped = (made: number, lost: Readonly<Record<string, number>>): unknown =>
  expect.toSatisfy((calls: number) => {
    const most = Object.values(lost).reduce((sum, count) => sum + count, 0);
    return calls <= made && calls >= made - most;
  });

let calls: BuiltProgram;
let run: GuestSession<keyof typeof steps>;
/** On this machine, what the guest measured. */
let folder: string;

beforeAll(async () => {
  calls = await buildCalls();
  run = await guestSession({
    files: [{ path: calls.path }],
    steps,
    timeoutMs: 900_000,
    stepTimeoutMs: 400_000,
  });
  folder = await mkdtemp(join(tmpdir(), 'fsnoop-diff-'));
  for (const way of ['recorded', 'counted'] as const) {
    expect(run.steps[way]).toMatchObject({ status: 0 });
    await writeFile(join(folder, 'tar'), run.steps[way].stdoutBytes);
    execFileSync('tar', ['xf', join(folder, 'tar'), '-C', folder]);
  }
}, 1_000_000);

afterAll(async () => {
  await calls[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

type Line = Readonly<Record<string, unknown>>;

interface Found {
  readonly status: number;
  readonly lines: readonly Line[];
}

/** Paths from the folder. */
async function compare(before: string, after: string, ...failOn: string[]): Promise<Found> {
  const output = join(folder, 'output');
  const status = await diff({
    ...{ before: join(folder, before), after: join(folder, after), output },
    tolerance: usualTolerance,
    steady: false,
    ...{ show: 'all', sort: 'change', top: null, format: 'json', width: null, color: false },
    conditions: failOn.map(parseCondition),
    onNote: () => undefined,
  });
  const text = await readFile(output, 'utf8');
  const lines = text.trimEnd().split('\n');
  return { status, lines: lines.map((line) => JSON.parse(line) as Line) };
}

const functionIn = ({ lines }: Found, name: string): Line | undefined =>
  lines.find((line) => line['type'] === 'diff' && line['function'] === name);

/** For which functions. */
function holds({ lines }: Found, condition: string): string[] {
  const line = lines.find((one) => one['condition'] === condition);
  const found = (line?.['holds'] ?? []) as readonly { readonly function: string }[];
  return found.map(({ function: name }) => name).sort();
}

const more = ['p50 > +25%', 'p99 > +10%', 'calls > +10%'];
const all = ['ksys_read', 'read_zero', 'rw_verify_area', 'security_file_permission', 'vfs_read'];

describe.each(['recorded', 'counted'] as const)('%s', (way) => {
  test('ten pairs of equal runs give no alarm', async () => {
    for (let at = 0; at < pairs; at++) {
      const found = await compare(`${way}/equal${at}`, `${way}/equal${at + 1}`, ...more);
      const { lost } = found.lines.at(-1) as { readonly lost: object };
      // the kernel may have skipped runs of any task
      expect(more.map((condition) => holds(found, condition))).toEqual([[], [], []]);
      expect(found.status).toBe(/[1-9]/.test(JSON.stringify(lost)) ? 4 : 0);
      for (const name of all)
        expect(functionIn(found, name)).toMatchObject({
          calls: { before: 3000, after: 3000, change: 0, significant: false },
        });
    }
  });

  test('reads that are twice as many are found, and are no slower', async () => {
    const found = await compare(`${way}/equal0`, `${way}/twice`, ...more);
    expect(found.status).toBe(3);
    expect(holds(found, 'calls > +10%')).toEqual(all);
    expect(holds(found, 'p50 > +25%')).toEqual([]);
    expect(functionIn(found, 'read_zero')).toMatchObject({
      calls: { before: 3000, after: 6000, change: 1, significant: true },
    });
  });

  test('a sleep in one path is found, and not in the other', async () => {
    const found = await compare(`${way}/awake`, `${way}/asleep`, ...more, 'p90 > +25%');
    expect(found.status).toBe(3);
    expect(holds(found, 'calls > +10%')).toEqual([]);
    const slower = holds(found, 'p90 > +25%');
    expect(slower).toEqual(expect.arrayContaining(['ksys_read', 'timerfd_read_iter', 'vfs_read']));
    expect(holds(found, 'p50 > +25%')).toContain('timerfd_read_iter');
    expect(holds(found, 'p50 > +25%')).not.toContain('read_zero');
    const { lost } = found.lines.at(-1) as {
      readonly lost: Readonly<Record<'before' | 'after', Readonly<Record<string, number>>>>;
    };
    expect(functionIn(found, 'timerfd_read_iter')).toMatchObject({
      calls: { before: lessSkipped(500, lost.before), after: lessSkipped(500, lost.after) },
      p50: { significant: true },
      slower: { significant: true },
    });
  });

  test('another path is found', async () => {
    const found = await compare(`${way}/equal0`, `${way}/awake`, 'new of timerfd_*');
    expect(found.status).toBe(3);
    expect(holds(found, 'new of timerfd_*')).toEqual(['timerfd_read_iter']);
    expect(found.lines.filter(({ type }) => type === 'structure')).toEqual(
      way === 'counted'
        ? []
        : [
            expect.objectContaining({
              ...{ status: 'new', caller: 'vfs_read', callee: 'timerfd_read_iter' },
              significant: true,
            }),
          ],
    );
  });
});

test('people get a table, of a recording and of counts, and the exit status', () => {
  const { status, stdout, stderr } = run.steps['on the kernel that it is of'];
  expect(status).toBe(3);
  expect(stdout).toMatch(/^FUNCTION +CALLS .* SLOWER +ALSO$/m);
  expect(stdout).toMatch(/^timerfd_read_iter +500 /m);
  expect(stderr).toMatch(/^6 functions compared: \d changed, 0 new, 0 gone\.$/m);
  expect(stderr).toMatch(/^p90 > \+10%: holds for \d of 6 functions: .*timerfd_read_iter \(/m);
});
