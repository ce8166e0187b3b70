/** fsnoop as a library, installed from its package: types on this machine, traces in a guest. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { checkTypes, installPackage, type Consumer } from './consumer.js';
import { guestSession, type GuestSession } from './guest.js';
import { childrenOf, linesOf, onlyLineOf } from './json-lines.js';
import { asNobody } from './nobody.js';
import { leftovers } from './safety.js';
import { measuredOf, statsOf } from './stat-lines.js';
import type {
  JsonCall,
  JsonCallLine,
  JsonStart,
  JsonSummary,
  JsonTree,
} from '../src/render/json-contract.js';
import type { FunctionStat, TraceAggregate, TraceEvent } from '../src/library/trace-object.js';

const esm = `
import { exitStatus, Failure, stat, trace, type JsonTree, type Trace, type TraceEvent } from 'fsnoop';

const trees: Trace<JsonTree> = trace({ kfunc: 'vfs_read', outputFgraph: true });
for await (const { root, comm, complete } of trees) {
  const duration: number | null = root.durationNs;
  for (const child of root.children) {
    if ('function' in child) console.log(duration, comm, complete, child.errno?.startsWith('E'));
    else console.log(child.lost + 1);
  }
}
const { lost, stopped } = await trees.summary;
const losses: number = lost.ring + (stopped?.recordsPerSecond ?? 0);

const events: Trace<TraceEvent> = trace({ kfunc: ['vfs_read'], signal: AbortSignal.timeout(losses) });
for await (const event of events) {
  if (event.type === 'call') console.log(event.retval, event.args[0]?.value);
}
await using counting = stat({ kfunc: 'vfs_*', by: 'comm', interval: '1s' });
for await (const { elapsedMs, functions } of counting)
  console.log(elapsedMs, functions.map((one) => one.totalNs / one.calls));
const [first] = await counting.functions;
const named: string | undefined = first?.by?.comm;
await trace({ kfunc: 'x' }).next().catch((error: unknown) => {
  if (error instanceof Failure && error.exitStatus === exitStatus.cannotTrace) console.log(error.suggestions.join(), named);
});

// @ts-expect-error: no such option
trace({ kfnc: 'vfs_read' });
// @ts-expect-error: no such method
trace({ kfunc: 'vfs_read', method: 'kprobe' });
// @ts-expect-error: nothing is recorded
stat({ kfunc: 'vfs_read', outputArg: 'count' });
// @ts-expect-error: without outputFgraph there may be calls
const wrong: Trace<JsonTree> = trace({ kfunc: 'vfs_read' });
export { wrong };
`;

const cjs = `
import fsnoop = require('fsnoop');

const going: fsnoop.Trace<fsnoop.JsonTree> = fsnoop.trace({ kfunc: 'vfs_read', outputFgraph: true });
going.stop();
`;

const graph =
  '-k ksys_read -g --fgraph-include vfs_read,rw_verify_area,security_file_permission,read_zero --comm calls';
const home = '/root/consumer';
const runCases = (names: readonly string[], input = '/dev/null') => `
rm -f /tmp/result
cd ${home} && node library.mjs ${names.join(' ')} <${input}; status=$?
cat /tmp/result 2>/dev/null
exit $status`;

/** All of one program: it takes seconds until it has loaded. */
const cases = [
  ...['trees', 'calls', 'live', 'hits', 'aggregates', 'limit', 'break', 'throw', 'abort'],
  ...['dispose', 'stop', 'slow', 'own', 'again', 'together', 'stat', 'interval', 'errors'],
  ...['status', 'commonjs', 'recorded'],
];

/** The error of the command line, which the library is to have too. */
const complaint = (flags: string) => `fsnoop ${flags} 2>&1`;

const steps = {
  cases: `cat >/root/leftovers.sh <<'END'\n${leftovers}\ntrue\nEND\n${runCases(cases)}`,
  'trees of the command': `fsnoop ${graph} --format json -c 'calls read 5'`,
  'calls of the command': `fsnoop -k ksys_read --comm calls --format json -c 'calls mixed'`,
  exit: runCases(['exit']),
  'after exit': `${leftovers}; kill -9 $(pidof calls)`,
  'stat of the command': `fsnoop stat -k ksys_read,vfs_read,rw_verify_area,security_file_permission,read_zero --comm calls --sort name --json -c 'calls read 1000'`,
  'report of what was counted': 'fsnoop report /tmp/counted.fsnoop --json',
  'no such function': complaint('-k vfs_raed'),
  'no such program': complaint('-k vfs_read -c nonesuch'),
  'no -g': complaint("-k vfs_read --fgraph-include 'vfs_*'"),
  'no such argument': complaint("-k vfs_read --filter-arg 'cuont == 1'"),
  nobody: `rm -f /tmp/result; chmod 777 /root /tmp; cd ${home} && ${asNobody} node library.mjs trees 2>&1`,
  quiet: runCases(['quiet'], '/etc/hostname'),
  inherit: runCases(['inherit'], '/etc/hostname'),
  budget: `cd ${home} && node --test examples/read-budget.test.mjs`,
  'budget of 1': `cd ${home} && READ_BUDGET=1 node --test examples/read-budget.test.mjs`,
  'slow reads': `cd ${home} && node examples/slow-reads.mjs calls read 300`,
  'slow reads of nothing': `cd ${home} && node examples/slow-reads.mjs nonesuch`,
  afterwards: leftovers,
};
type Step = keyof typeof steps;

let calls: BuiltProgram;
let consumer: Consumer;
let run: GuestSession<Step>;

beforeAll(async () => {
  calls = await buildCalls();
  consumer = await installPackage({ 'usage.ts': esm, 'usage.cts': cjs }, [
    'test/programs/library.mjs',
    'examples',
  ]);
}, 120_000);

afterAll(async () => {
  await consumer[Symbol.asyncDispose]();
  await calls[Symbol.asyncDispose]();
});

describe('the package', () => {
  test('has what the library and the command need, and nothing of src or test', () => {
    const folders = new Set(consumer.packed.map((path) => path.replace(/\/.*/, '')));
    expect([...folders].sort()).toEqual([
      'LICENSE',
      'README.md',
      'bin',
      'bpf',
      'build',
      'dist',
      'docs',
      'examples',
      'oclif.manifest.json',
      'package.json',
      'schemas',
    ]);
    expect(consumer.packed).toEqual(
      expect.arrayContaining([
        'dist/bundle/library.cjs',
        'dist/bundle/types/library/index.d.cts',
        'examples/read-budget.test.mjs',
      ]),
    );
    expect(
      consumer.packed.filter(
        (path) => path.startsWith('dist/') && !path.startsWith('dist/bundle/'),
      ),
    ).toEqual([]);
  });

  test.each([
    ['usage.ts'],
    ['usage.cts'],
    ['examples/read-budget.test.mjs'],
    ['examples/slow-reads.mjs'],
  ])('has types that hold for %s', async (file) => {
    expect(await checkTypes(consumer.path, [file])).toBe('');
  });
});

describe('in a guest', () => {
  beforeAll(async () => {
    run = await guestSession({
      files: [
        { path: calls.path },
        { path: '/usr/sbin/bpftool' },
        { path: '/usr/bin/setpriv' },
        { path: consumer.path, guestPath: home },
      ],
      steps,
      memoryBytes: 3 * 2 ** 30,
      timeoutMs: 900_000,
      stepTimeoutMs: 300_000,
    });
  }, 1_000_000);

  const said = (name: Step): string => run.steps[name].stdout;

  /** What a case found. */
  function found<Name extends keyof Found>(name: Name): Found[Name] {
    const { status, stdout, stderr } = run.steps.cases;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return (JSON.parse(stdout) as Found)[name];
  }

  test('nothing is wrong with the kernel, and nothing is left in it', () => {
    expect(run.splats).toEqual([]);
    expect(run.steps.afterwards).toMatchObject({ stdout: '', stderr: '' });
  });

  test('trees are those of the command, field by field', () => {
    const { events, start, summary, status } = found('trees');
    const text = said('trees of the command');
    expect(events).toHaveLength(5);
    expect(events.map(likeAny)).toEqual(linesOf(text, 'tree').map(likeAny));
    expect(likeAny(start)).toEqual(likeAny(onlyLineOf(text, 'start')));
    expect(likeAny(summary)).toEqual(likeAny(onlyLineOf(text, 'summary')));
    expect(status).toBe(0);
    const [first] = events;
    expect(first && outline(first.root)).toBe(
      'ksys_read(vfs_read(rw_verify_area(security_file_permission()),read_zero()))',
    );
  });

  test('without outputFgraph there are the calls of the command', () => {
    const { events } = found('calls');
    expect(events.map(likeAny)).toEqual(linesOf(said('calls of the command'), 'call').map(likeAny));
    expect(events.map(({ retval }) => retval)).toEqual([1, 4096, 0, -9, -21, -14]);
  });

  test('live, there are entries too', () => {
    const { events } = found('live');
    expect(events.map(({ type }) => type)).toEqual(['entry', 'call', 'entry', 'call']);
  });

  test('of tracepoints there is each hit, with what was asked for', () => {
    const { events, summary } = found('hits');
    expect(events).toMatchObject([
      {
        type: 'tracepoint',
        tracepoint: 'sched_process_exec',
        comm: 'calls',
        outputs: [{ value: '/usr/bin/calls' }],
      },
    ]);
    expect(summary.marks).toBe(1);
  });

  test('what is counted comes in place of the calls', () => {
    const { events, aggregates } = found('aggregates');
    expect(events).toEqual([]);
    expect(aggregates).toMatchObject([
      { type: 'hist', label: 'ksys_read', expr: 'count', count: 6 },
    ]);
  });

  test('a limit ends it, and its command', () => {
    const { events, summary, status } = found('limit');
    expect(events).toHaveLength(3);
    expect(summary.trees).toBe(3);
    expect(status).toBe(0);
  });

  test('break detaches: nothing is left, neither a program nor the command', () => {
    expect(found('break')).toMatchObject({
      taken: ['ksys_read', 'ksys_read'],
      leftovers: '',
      summary: { type: 'summary' },
      next: { done: true },
    });
  });

  test('so does an error in the loop, which is thrown', () => {
    expect(found('throw')).toMatchObject({
      error: { message: 'seen: ksys_read', failure: false },
      leftovers: '',
    });
  });

  test('so does a signal that aborts', () => {
    const { trees, ...rest } = found('abort');
    expect(trees).toBeGreaterThan(0);
    expect(rest).toMatchObject({ error: { name: 'AbortError' }, leftovers: '' });
  });

  test('so does being disposed of', () => {
    const { during, leftovers: left } = found('dispose');
    expect(during).toMatch(/ name on_call/);
    expect(left).toBe('');
  });

  test('stop() gives what there is up to then', () => {
    const result = found('stop');
    expect(result).toMatchObject({ leftovers: '' });
    expect(result.calls).toBeGreaterThan(2);
    expect(result.calls).toBe(result.summary.calls);
  });

  test('a program that just exits leaves nothing', () => {
    expect(run.steps.exit.status).toBe(7);
    expect(said('after exit').replace(/^\d+\n$/, '')).toBe('');
  });

  test('who takes slowly loses records, which are counted', () => {
    const { calls: taken, summary } = found('slow');
    expect(summary.lost.ring).toBeGreaterThan(0);
    expect(taken).toBe(summary.calls);
    expect(taken + summary.lost.ring).toBeLessThanOrEqual(5 * 20_000);
    expect(taken + summary.lost.ring + summary.lost.recursion).toBeGreaterThanOrEqual(5 * 20_000);
  });

  test('a program traces itself where it asks for it', () => {
    expect(found('own')).toEqual(Array(5).fill(['call', true, 77]));
  });

  test('one after the other, each is whole, and no file stays open', () => {
    expect(found('again')).toEqual({ trees: Array(6).fill(3), opened: 0 });
  });

  test('three at the same time keep to themselves', () => {
    const { trees, calls: lines, lost, counted, leftovers: left } = found('together');
    expect(left).toBe('');
    expect(lost.map(({ ring, entry, user }) => ring + entry + user)).toEqual([0, 0]);
    // the three commands have one name: each trace follows its own
    expect(trees).toEqual(Array(100).fill(5));
    expect(lines).toBe(70);
    expect(counted).toEqual({ ksys_read: 400, vfs_read: 400 });
  });

  test('counts are those of the program, as the command has them', () => {
    const { functions, summary, start, status, snapshots } = found('stat');
    const names = [
      'ksys_read',
      'vfs_read',
      'rw_verify_area',
      'security_file_permission',
      'read_zero',
    ];
    expect(byName(functions)).toEqual(Object.fromEntries(names.map((name) => [name, 1000])));
    expect(byName(functions)).toEqual(byName(statsOf(said('stat of the command'))));
    expect(summary).toMatchObject({ calls: 5000, functions: 5, lost: { entry: 0 } });
    expect({ functions: start.functions, status, snapshots }).toEqual({
      functions: 5,
      status: 0,
      snapshots: 1,
    });
    expect(likeAny(functions)).toEqual(likeAny(statsOf(said('stat of the command'))));
  });

  test('what is counted is recorded, too, and is the same', () => {
    const { functions, notes } = found('recorded');
    expect(notes.join('')).toMatch(/^\/tmp\/counted\.fsnoop: 2,500 records in /m);
    const lines = functions.map((line) => JSON.stringify(line)).join('\n');
    expect(measuredOf(said('report of what was counted'))).toEqual(measuredOf(lines));
    expect(Object.keys(measuredOf(lines))).toHaveLength(5);
  });

  test('what was counted so far comes again and again, and grows', () => {
    const taken = found('interval');
    expect(taken.length).toBeGreaterThan(3);
    expect(taken.at(-1)?.[0]).toBeNull();
    expect(taken.slice(0, -1).every(([elapsedMs]) => Number(elapsedMs) > 0)).toBe(true);
    const counts = taken.map(([, counted]) => counted);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(counts.at(-1)).toBeGreaterThan(1000);
  });

  test('failures say what the command says', () => {
    const errors = found('errors');
    expect(errors.map(({ failure, status }) => [failure, status])).toEqual(
      Array(4).fill([true, 2]),
    );
    expect(errors.map(spell)).toEqual(
      (['no such function', 'no such program', 'no -g', 'no such argument'] as const).map(said),
    );
    expect(errors[0]?.suggestions.join()).toContain('vfs_read');
  });

  test('who may not trace gets a Failure with what is missing', () => {
    expect(run.steps.nobody.status).toBe(1);
    expect(said('nobody')).toMatch(/exit: 5/);
    expect(said('nobody')).toMatch(/CAP_|root/);
  });

  test("its status is the command's own", () => {
    expect(found('status')).toEqual([3, 137, 0]);
  });

  test('it prints nothing and listens to no signal; the command has no input and output of ours', () => {
    expect(run.steps.quiet).toMatchObject({ status: 0, stderr: '' });
    expect(said('quiet')).toBe('{"quiet":{"listeners":[0,0,0],"notes":[]}}');
  });

  test('the command has those of the program where that says so', () => {
    expect(run.steps.inherit).toMatchObject({
      status: 0,
      stdout: 'out\nfsnoop-guest\n{"inherit":null}',
      stderr: 'err\n',
    });
  });

  test('require() gives the same as import', () => {
    expect(found('commonjs')).toEqual({
      same: true,
      names: ['Failure', 'exitStatus', 'stat', 'trace'],
    });
  });

  test('the examples do what they say', () => {
    expect(run.steps.budget).toMatchObject({ status: 0 });
    expect(run.steps['budget of 1'].status).toBe(1);
    expect(said('budget of 1')).toMatch(/ \d+ calls:\n +ksys_read \d+ ns\n[^]* vfs_read \d+ ns\n/);
    expect(run.steps['slow reads']).toMatchObject({ status: 0, stderr: '' });
    expect(said('slow reads')).toMatch(/^300 reads, \d+ ns; 99 % of them within \d+ ns\n/);
    expect(said('slow reads')).toMatch(/^\d+ ns, longest in \w+$/m);
    expect(said('slow reads')).toMatch(/\nrecords lost: 0\n$/);
    expect(run.steps['slow reads of nothing']).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^There is no program nonesuch to run\.\s+Give a command/,
      ) as string,
    });
  });
});

interface Traced<Event = TraceEvent> {
  readonly events: Event[];
  readonly start: JsonStart;
  readonly summary: JsonSummary;
  readonly status: number;
  readonly aggregates: TraceAggregate[];
}

interface Complaint {
  readonly failure: boolean;
  readonly name: string;
  readonly status: number;
  readonly message: string;
  readonly suggestions: string[];
}

/** What test/programs/library.mjs prints of each case. */
interface Found {
  readonly trees: Traced<JsonTree>;
  readonly calls: Traced<JsonCallLine>;
  readonly live: Traced;
  readonly hits: Traced;
  readonly aggregates: Traced;
  readonly limit: Traced;
  readonly break: {
    readonly taken: string[];
    readonly leftovers: string;
    readonly summary: object;
  };
  readonly throw: { readonly error: Complaint; readonly leftovers: string };
  readonly abort: { readonly trees: number; readonly error: Complaint; readonly leftovers: string };
  readonly dispose: { readonly during: string; readonly leftovers: string };
  readonly stop: { readonly calls: number; readonly summary: JsonSummary };
  readonly slow: { readonly calls: number; readonly summary: JsonSummary };
  readonly own: unknown[];
  readonly again: { readonly trees: number[]; readonly opened: number };
  readonly together: {
    readonly trees: number[];
    readonly calls: number;
    readonly lost: JsonSummary['lost'][];
    readonly counted: Record<string, number>;
    readonly leftovers: string;
  };
  readonly stat: {
    readonly functions: FunctionStat[];
    readonly summary: object;
    readonly start: JsonStart;
    readonly status: number;
    readonly snapshots: number;
  };
  readonly recorded: { readonly functions: FunctionStat[]; readonly notes: string[] };
  /** How long it has counted, and how many calls. */
  readonly interval: [number | null, number][];
  readonly errors: Complaint[];
  readonly status: number[];
  readonly commonjs: { readonly same: boolean; readonly names: string[] };
}

/** As bin/run.js prints it. */
const spell = ({ message, suggestions }: Complaint) =>
  [`Error: ${message}`, ...suggestions.map((text) => `Try this: ${text}`), ''].join('\n');

const byName = (functions: readonly { readonly function: string; readonly calls: number }[]) =>
  Object.fromEntries(functions.map((one) => [one.function, one.calls]));

const outline = (call: JsonCall): string =>
  `${call.function}(${childrenOf(call).map(outline).join(',')})`;

/** What differs from run to run: its type is the same. */
const varying = new Set(
  'pid tid cpu startNs durationNs selfNs attachMs detachMs minNs maxNs meanNs totalNs p50Ns p90Ns p99Ns histogram recursion'.split(
    ' ',
  ),
);

/** All that two runs have alike. */
const likeAny = (value: object): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, of: unknown) => {
      if (key === 'outside') return undefined; // it is there where some are known
      if (varying.has(key)) return typeof of;
      return typeof of === 'string' && of.startsWith('0x') ? 'address' : of;
    }),
  );
