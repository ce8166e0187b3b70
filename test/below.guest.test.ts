/** Functions of which some are no roots, by one program for all: what it ignores early, and what it must not. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { countEach, countShapes, fromJson, type NamedCall } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { attached, leftovers } from './safety.js';

const below = 'vfs_read,rw_verify_area,security_file_permission,read_zero';
/** Called by interrupts, also by one that comes while the program runs: the kernel skips it then. */
const inInterrupts = '_raw_spin_*,update_*';
const sleep = '-k hrtimer_nanosleep -g --fgraph-include do_nanosleep --args off';
const sleeps = 'calls sleep 100 2';

/** `struct roots`: the only variable of the program (a map called bss) that is 16 bytes long. */
const findRoots = `roots=$(bpftool map |
  awk '/ name / { id = / name bss/ ? $1 + 0 : 0 } / value 16B/ && id { print id }')`;

/** How many tasks may have a root open: the upper half of `reach`. */
const countOpen = `bpftool -j map dump id $roots | grep -o '0x..' | head -12 | tail -4 | tr -d '\\n'; echo`;

/** Until it says so, for a few seconds. */
const waitFor = (open: string) =>
  `for try in $(seq 100); do [ "$(${countOpen})" = ${open} ] && break; sleep 0.05; done; ${countOpen}`;

const none = '0x000x000x000x00';
const one = '0x010x000x000x00';

const steps = {
  'a root that is entered now and then': `fsnoop ${sleep} --format json -c '${sleeps}'`,
  'by several tasks': `fsnoop ${sleep} --format json -c 'sh -c "${[1, 2, 3, 4, 5, 6]
    .map(() => `${sleeps} &`)
    .join(' ')} wait"'`,
  'calls before, between and behind':
    `fsnoop -k ksys_write -g --fgraph-include vfs_write,ksys_read,${below}
    --args off --format json -c 'calls mixed'`.replace(/\s+/g, ' '),
  'roots that call roots': `fsnoop -k ksys_read,rw_verify_area -g --fgraph-include ${below} --args off --format json -c 'calls family 3 3 200'`,
  counted: `fsnoop stat -k ksys_read -g --fgraph-include ${below} --json -c 'calls family 3 3 200'`,
  'who is counted': attached(
    `-k hrtimer_nanosleep -g --fgraph-include do_nanosleep --comm calls --args off --output /dev/null`,
    `${findRoots}
    echo \${roots:+found}
    ${countOpen}
    calls sleep 1 1000000 & sleeping=$!
    ${waitFor(one)}
    kill -KILL $sleeping; wait $sleeping
    ${waitFor(none)}
    ${sleeps}
    ${waitFor(none)}
    kill -INT $tracer; wait $tracer`,
  ),
  'skipped outside of trees': `
    dd if=/dev/zero of=/dev/null bs=1 count=100000000 2>/dev/null & load=$!
    fsnoop -k icmp_rcv -g --fgraph-include '${below},${inInterrupts}' --args off --format json --duration 2s
    kill $load`,
  'skipped in trees': `fsnoop -k ksys_read -g --fgraph-include '${below},${inInterrupts}' --args off --format json -c '
    dd if=/dev/zero of=/dev/null bs=1 count=50000' | tail -n 1`,
  'roots alone': attached(
    `-k vfs_read,vfs_write --args off --output /dev/null`,
    `${findRoots}; echo \${roots:+found}; kill -INT $tracer; wait $tracer`,
  ),
  afterwards: leftovers,
};

let calls: BuiltProgram;
let run: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  calls = await buildCalls();
  run = await guestSession({
    files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
    timeoutMs: 600_000,
    stepTimeoutMs: 120_000,
    steps,
  });
}, 700_000);

afterAll(() => calls[Symbol.asyncDispose]());

const step = (name: keyof typeof steps) => run.steps[name];

const namesIn = ({ name, children }: NamedCall): string[] => [name, ...children.flatMap(namesIn)];

/** Calls of each function, in any tree. */
const callsOf = (name: keyof typeof steps) =>
  countEach(linesOf(step(name).stdout, 'tree').flatMap(({ root }) => namesIn(fromJson(root))));

/** A task may be preempted in the program, which the kernel then skips for others: that is told. */
function expectAll(name: keyof typeof steps, functions: readonly string[], made: number): void {
  const { lost } = onlyLineOf(step(name).stdout, 'summary');
  const counts = callsOf(name);
  for (const one of functions) {
    expect(counts[one]).toBeLessThanOrEqual(made);
    expect(counts[one]).toBeGreaterThanOrEqual(made - lost.recursion - lost.entry);
  }
}

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
  expect(step('afterwards').stdout).toBe('');
});

test('each call in a root is there, however rare roots are', () => {
  const trees = linesOf(step('a root that is entered now and then').stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => fromJson(root)))).toEqual({
    'hrtimer_nanosleep(do_nanosleep)': 2 * 100 + 1,
  });
});

test('of tasks that sleep by turns too', () => {
  expectAll('by several tasks', ['hrtimer_nanosleep', 'do_nanosleep'], 6 * (2 * 100 + 1));
});

test('calls outside of roots are in no tree', () => {
  const { stdout } = step('calls before, between and behind');
  const { trees, lost } = onlyLineOf(stdout, 'summary');
  const counts = callsOf('calls before, between and behind');
  expect(trees).toBe(4);
  expect(counts).toMatchObject({ ksys_write: 4, vfs_write: 3 });
  expect(Object.keys(counts).filter((name) => name.includes('read'))).toEqual([]);
  expect(lost).toMatchObject({ ring: 0, recursion: 0, entry: 0 });
});

test('what was skipped outside of trees is told apart from what was in them', () => {
  const outside = onlyLineOf(step('skipped outside of trees').stdout, 'summary').lost;
  expect(outside.outside).toBeGreaterThan(100);
  // but for what was skipped since the last switch of each CPU
  expect(outside.outside).toBeGreaterThan(0.9 * outside.recursion);
  expect(outside.outside).toBeLessThanOrEqual(outside.recursion);
  const inside = onlyLineOf(step('skipped in trees').stdout, 'summary').lost;
  expect(inside.recursion - (inside.outside ?? 0)).toBeGreaterThan(100);
});

test('what is called by a root is in its tree, a root too', () => {
  expectAll('roots that call roots', ['ksys_read', ...below.split(',')], 3 * 4 * 200);
});

test('they are counted in the same way', () => {
  type Line = Partial<CountedLine> & { type: string };
  interface CountedLine {
    function: string;
    calls: number;
    lost: { recursion: number };
  }
  const lines = step('counted')
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  const counts = lines.filter(({ type }) => type === 'stat');
  expect(counts.map(({ function: name = '' }) => name).sort()).toEqual(
    ['ksys_read', ...below.split(',')].sort(),
  );
  const skipped = lines.at(-1)?.lost?.recursion ?? 0;
  for (const { calls: counted } of counts) {
    expect(counted).toBeLessThanOrEqual(3 * 4 * 200);
    expect(counted).toBeGreaterThanOrEqual(3 * 4 * 200 - skipped);
  }
});

test('where all are roots, nothing is looked for', () => {
  expect(step('roots alone').stdout).toBe('\n');
});

test('tasks with an open root are counted, and no longer when it is closed, or they are gone', () => {
  const { status, stdout } = step('who is counted');
  expect(status).toBe(130);
  expect(stdout.trimEnd().split('\n')).toEqual(['found', ...[none, one, none, none]]);
});
