/** A thousand functions and more, counted, recorded, and seen by ftrace at the same time: the same calls. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';
import { attached, nothingAttached } from './safety.js';
import { callsOf, measuredOf, parseStatLines, statOf, statsOf, summaryOf } from './stat-lines.js';

const reads = 1000;
const functions = `'vfs_*,ksys_*,__x64_sys_*,security_*,rw_verify_*,read_*,fsnotify*,file_*,inode_*,udp_*,unix_*,shmem_*,__do_*'`;
const globs = functions.replace(/'/g, '').replaceAll(',', ' ');

const stopped = `until grep -q '^State:.T' /proc/$calls/status; do sleep 0.1; done`;

/**
 * The command waits, stopped, until all three look at it, and stops itself before they are to end: all of them see
 * the same of it. Of function_graph there are those calls that returned. Nobody else runs on the command's CPU: who
 * is preempted in a program keeps it from running there. None of the functions is an interrupt's, which may come in
 * a program, too.
 */
const together = `
taskset -p 1 $$ >/dev/null
taskset 2 calls stopped read ${reads} & calls=$!
${stopped}
cd /sys/kernel/tracing
echo nop >current_tracer; echo 65536 >buffer_size_kb; echo $calls >set_ftrace_pid
for glob in ${globs}; do echo "$glob" >>set_ftrace_filter; done
echo 0 >tracing_on; echo function_graph >current_tracer; echo funcgraph-tail >trace_options
${attached(
  `record -k ${functions} --filter-pid $calls --args off -o /tmp/recording --buffer 64M`,
  `recorder=$tracer
  ${attached(
    `stat -k ${functions} --filter-pid $calls --json -o /tmp/stat`,
    `echo 1 >tracing_on
    kill -CONT $calls; sleep 0.2; ${stopped}
    echo 0 >tracing_on
    kill -INT $tracer $recorder; wait $tracer $recorder
    kill -CONT $calls; wait $calls`,
  )}`,
)}
cat /tmp/stat
echo ---
fsnoop report /tmp/recording --json
echo ---
grep -oE '[a-z_0-9.]+\\(\\);|\\} /\\* [a-zA-Z_0-9.]+' trace | sed 's,[(} /*);]*,,g' | sort | uniq -c
echo ---
cat per_cpu/cpu*/stats | grep -E 'overrun|dropped'
echo nop >current_tracer; echo >set_ftrace_filter; echo >set_ftrace_pid`;

/** By one program: it counts each call and records it. */
const recorded = `
calls stopped read ${reads} & calls=$!
${stopped}
${attached(
  `stat -k ${functions} --filter-pid $calls --json -o /tmp/stat --record /tmp/recording --buffer 64M`,
  `kill -CONT $calls; sleep 0.2; ${stopped}
  kill -INT $tracer; wait $tracer
  kill -CONT $calls; wait $calls`,
)}
cat /tmp/stat
echo ---
fsnoop report /tmp/recording --json`;

const inner = 'read_zero,rw_verify_area,security_file_permission';

/** Both in one run, in a guest where the same instructions take the same time. */
const timed = `
calls stopped read ${reads} & calls=$!
${stopped}
${attached(
  `record -k ${inner} --filter-pid $calls --args off -o /tmp/recording`,
  `recorder=$tracer
  ${attached(
    `stat -k ${inner} --filter-pid $calls --json -o /tmp/stat`,
    `kill -CONT $calls; sleep 0.2; ${stopped}
    kill -INT $tracer $recorder; wait $tracer $recorder
    kill -CONT $calls; wait $calls`,
  )}`,
)}
cat /tmp/stat
echo ---
fsnoop report /tmp/recording --json`;

let calls: BuiltProgram;
let run: GuestSession<'together' | 'recorded' | 'afterwards'>;

beforeAll(async () => {
  calls = await buildCalls();
  run = await guestSession({
    files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
    steps: { together, recorded, afterwards: nothingAttached },
    stepTimeoutMs: 240_000,
    timeoutMs: 580_000,
  });
});

afterAll(() => calls[Symbol.asyncDispose]());

const parts = () => run.steps.together.stdout.split('---\n');

const seenByFtrace = (): Readonly<Record<string, number>> =>
  Object.fromEntries<number>(
    [...(parts()[2] ?? '').matchAll(/(\d+) (\S+)/g)].map(([, count, name = '']) => [
      name,
      Number(count),
    ]),
  );

test('more than a thousand functions are counted, as often as ftrace sees them', () => {
  const [stat = ''] = parts();
  expect(parseStatLines(stat)[0]).toMatchObject({ type: 'start' });
  const [start] = parseStatLines(stat);
  expect(start?.type === 'start' ? start.functions : 0).toBeGreaterThan(1000);
  const counted = callsOf(stat);
  expect(counted).toMatchObject({ ksys_read: reads, vfs_read: reads, rw_verify_area: reads });
  expect(summaryOf(stat)).toMatchObject({ lost: { entry: 0 }, uncounted: 0 });
  expect(parts()[3]).not.toMatch(/[1-9]/);
  const traced = seenByFtrace();
  // ftrace's filter takes functions that BPF can't be attached to
  const alike = Object.keys(traced).filter((name) => name in counted);
  expect(alike.length).toBeGreaterThan(5);
  const pick = (all: Readonly<Record<string, number>>) =>
    Object.fromEntries(alike.map((name) => [name, all[name]]));
  expect(pick(counted)).toEqual(pick(traced));
  expect(Object.keys(counted).filter((name) => !(name in traced))).toEqual([]);
});

test('a recording of the same says the same', () => {
  const [stat = '', report = ''] = parts();
  const lines = parseReport(report);
  const errorsOf = ({ calls, errors }: Pick<ReportLine, 'calls' | 'errors'>) => ({ calls, errors });
  const reported = lines.filter(({ type }) => type === 'function');
  expect(Object.fromEntries(reported.map((one) => [one.function, errorsOf(one)]))).toEqual(
    Object.fromEntries(statsOf(stat).map((one) => [one.function, errorsOf(one)])),
  );
  expect(lines.at(-1)).toMatchObject({ lost: { ring: 0, entry: 0, user: 0 } });
});

test('what is recorded of the same run by the same program does not differ in anything', () => {
  const [stat = '', report = ''] = run.steps.recorded.stdout.split('---\n');
  expect(callsOf(stat)).toMatchObject({ ksys_read: reads, vfs_read: reads, read_zero: reads });
  expect(measuredOf(report)).toEqual(measuredOf(stat));
  expect(parseReport(report).at(-1)).toMatchObject({ lost: { ring: 0, entry: 0, user: 0 } });
});

test('its times are the same, but for what the two programs cost each other', async () => {
  const { steps, splats } = await guestSession({
    files: [{ path: calls.path }],
    icount: true,
    steps: { timed },
    stepTimeoutMs: 240_000,
  });
  const [stat = '', report = ''] = steps.timed.stdout.split('---\n');
  const reported = parseReport(report).filter(({ type }) => type === 'function');
  expect(reported.map((one) => one.function).toSorted()).toEqual(inner.split(',').toSorted());
  for (const one of reported) {
    const counted = statOf(stat, one.function);
    expect(counted.calls).toBe(one.calls);
    expect(counted.errors).toEqual(one.errors);
    // one half of the other's program: at the entry of one, at the return of the other
    const apart = one.minNs - counted.minNs;
    expect(Math.abs(apart)).toBeLessThan(400);
    for (const name of ['p50Ns', 'p99Ns'] as const) {
      const [exact, told] = [one[name] - apart, counted[name]];
      expect(Math.abs(told - exact) / exact).toBeLessThan(0.03);
    }
  }
  expect(splats).toEqual([]);
});

interface ReportLine {
  readonly type: string;
  readonly function: string;
  readonly calls: number;
  readonly minNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly errors: Readonly<Record<string, number>>;
}

function parseReport(text: string): ReportLine[] {
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as ReportLine);
}

test('nothing is wrong with the kernel, and nothing stays attached', () => {
  expect(run.splats).toEqual([]);
  expect(run.steps.afterwards).toMatchObject({ status: 0, stdout: '' });
});
