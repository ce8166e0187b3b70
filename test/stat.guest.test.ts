/** `fsnoop stat` on real kernels: as many calls as a program makes, and as ftrace and a trace count. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, buildProgram, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf } from './json-lines.js';
import { isMatrixWhole, tellsWhoseSkipped } from './matrix.js';
import { callsOf, measuredOf, parseStatLines, statOf, statsOf, summaryOf } from './stat-lines.js';

let calls: BuiltProgram;
let threadExec: BuiltProgram;

beforeAll(async () => {
  calls = await buildCalls();
  threadExec = await buildProgram('thread-exec');
});

afterAll(async () => {
  await calls[Symbol.asyncDispose]();
  await threadExec[Symbol.asyncDispose]();
});

const below = ['vfs_read', 'rw_verify_area', 'security_file_permission', 'read_zero'];
const graph = `-k ksys_read -g --fgraph-include '${below.join(',')}'`;
const nested = '-k ksys_read,vfs_read,rw_verify_area,security_file_permission,read_zero';

/** By every method. */
const firstSteps = {
  reads: `fsnoop stat ${nested} --comm calls --json -c 'calls read 1000'`,
  below: `fsnoop stat ${graph} --comm calls --json -c 'calls read 1000'`,
  mixed: `fsnoop stat -k ksys_read,ksys_write,do_sys_openat2 --comm calls --json -c 'calls mixed'`,
  failed: `fsnoop stat -k ksys_read,ksys_write,do_sys_openat2 --errors --comm calls --json -c 'calls mixed'`,
  family: `fsnoop stat ${nested} --json --comm calls -c 'calls family 3 4 200'`,
  'beside others': `taskset 1 calls urgent sleep 100000 1 & other=$!
    fsnoop stat ${nested},hrtimer_nanosleep --comm calls --json -c 'taskset 1 calls read 100000'
    kill $other`,
  'by pid': `fsnoop stat -k ksys_read --by pid --json --comm calls -c 'calls read 30; calls read 40'`,
  recorded: `fsnoop stat -k ksys_read,ksys_write,do_sys_openat2,get_signal -g --fgraph-include '${below.join(',')}' \
      --json --record /tmp/recorded -c 'calls read 300; calls mixed; calls family 2 2 100; calls die'
    echo ---; fsnoop report /tmp/recorded --json`,
  ticks: `cd /sys/kernel/tracing; echo mono >trace_clock
    for event in timer/hrtimer_expire_entry timer/hrtimer_expire_exit sched/sched_process_exec; do
      echo 1 >events/$event/enable
    done
    fsnoop stat -k ksys_read --json -c 'calls read 100000'
    echo 0 >events/enable
    echo ---; grep ' calls-' trace`,
  dying: `fsnoop stat -k get_signal,exit_files --json -c 'calls die'; echo status $? >&2`,
  afterwards: 'sleep 1; bpftool link; bpftool prog',
};

const otherSteps = {
  shallow: `fsnoop stat ${graph} --fgraph-max-depth 1 --comm calls --json -c 'calls read 1000'`,
  'failed in one way': `fsnoop stat -k ksys_read,ksys_write --errno EBADF --comm calls --json -c 'calls mixed'`,
  'of a size': `fsnoop stat -k ksys_read,vfs_read --filter-arg 'count == 4096' --comm calls --json -c 'calls mixed'`,
  'only long': `fsnoop stat -k hrtimer_nanosleep --min-duration 100ms --json -c 'calls sleep 3 300'`,
  'by CPU': `fsnoop stat -k ksys_read --by cpu --json --comm calls -c 'calls family 3 4 200'`,
  'by name': `ln -s $(which calls) /tmp/fifteen-letters
    fsnoop stat -k ksys_read --by comm --json -c '/tmp/fifteen-letters read 50; calls read 90'`,
  'by cgroup': `fsnoop stat -k ksys_read --by cgroup --json --comm calls -c 'calls read 50'`,
  'by what it returns': `fsnoop stat -k ksys_read --by retval --json --comm calls -c 'calls mixed'`,
  sleeping: `fsnoop stat -k hrtimer_nanosleep -g --fgraph-include do_nanosleep --json -c 'calls sleep 1 300'`,
  unfinished: `fsnoop stat -k hrtimer_nanosleep --comm sleep --json --duration 2 -c 'sleep 100'`,
  again: `fsnoop stat -k ksys_read --comm calls --interval 200ms --json --duration 3 -c 'calls forever'`,
  'recorded and by pid': `fsnoop stat ${nested} --by pid --min-duration 1us --json --record /tmp/recorded \
      -c 'calls read 30; calls read 40'
    echo ---; fsnoop report /tmp/recorded --json`,
  'nothing to record': `echo old >/tmp/old; fsnoop stat -k no_such_function --record /tmp/old; cat /tmp/old`,
  'recorded without some': `fsnoop stat ${nested} --errors --record /tmp/some -c true`,
  text: `fsnoop stat ${nested} --hist --sort name --comm calls -c 'calls read 1000'`,
  filtered: `fsnoop stat ${graph} --errors -c 'calls read 1'`,
  plain: `fsnoop stat ${nested} --json -c 'calls read 1000'`,
  'plain and mixed': `fsnoop stat -k ksys_write,do_sys_openat2 --json -c 'calls mixed'`,
  'plain family': `fsnoop stat ${nested} --json -c 'calls family 3 4 200'`,
  'plain and unfinished': `fsnoop stat -k hrtimer_nanosleep,do_nanosleep,ksys_read --json --duration 3 \
    -c 'sh -c "read name </etc/hostname; sleep 100; :"'`,
  'in an exec': `fsnoop stat -k bprm_execve,begin_new_exec,setup_arg_pages --json -c 'thread-exec /bin/true'`,
  idle: `fsnoop stat -k quiet_vmstat,tick_nohz_idle_enter,tick_nohz_idle_exit --json --duration 2`,
  interrupted: `fsnoop stat -k ksys_read,read_zero,hrtimer_interrupt --json -c 'calls large 10 64000000'`,
};

const steps = { ...otherSteps, ...firstSteps };

/** How long each tick was, in ns, in the order of their lengths: of lines of ftrace, by a clock in µs. */
function traceTicks(text: string): number[] {
  const began = new Map<string, number>();
  const ticks: number[] = [];
  for (const [, cpu = '', seconds, event, rest = ''] of text.matchAll(
    /\[(\d+)\] \S+ +([\d.]+): hrtimer_expire_(entry|exit): (.*)$/gm,
  )) {
    const since = began.get(cpu);
    began.delete(cpu);
    if (event === 'exit' && since !== undefined) ticks.push((Number(seconds) - since) * 1e9);
    if (event === 'entry' && /function=tick_(nohz_handler|sched_timer)/.test(rest))
      began.set(cpu, Number(seconds));
  }
  return ticks.sort((a, b) => a - b);
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? NaN;

describe.each([
  ['7.2', 'fsession.multi', true],
  ['7.0', 'fsession', isMatrixWhole],
  ['6.12', 'kprobe.session', isMatrixWhole],
  ['6.12', 'kprobe.multi', isMatrixWhole],
  ['6.1', 'fentry+fexit', isMatrixWhole],
])('in one guest of %s, by %s', (kernel, method, hasAll) => {
  let run: GuestSession<keyof typeof steps>;

  const out = (name: keyof typeof steps) => run.steps[name].stdout;

  beforeAll(async () => {
    const scripts = Object.entries<string>(hasAll ? steps : firstSteps).map(([name, script]) => [
      name,
      script.replaceAll('fsnoop stat', `fsnoop stat --method ${method}`),
    ]);
    run = await guestSession({
      kernel,
      files: [{ path: calls.path }, { path: threadExec.path }, { path: '/usr/sbin/bpftool' }],
      steps: Object.fromEntries(scripts) as typeof steps,
      timeoutMs: 580_000,
    });
  });

  test('each call is counted, and none is lost', () => {
    expect(callsOf(out('reads'))).toEqual(
      Object.fromEntries(['ksys_read', ...below].map((name) => [name, 1000])),
    );
    expect(summaryOf(out('reads'))).toMatchObject({
      calls: 5000,
      functions: 5,
      unfinished: 0,
      lost: { entry: 0 },
      uncounted: 0,
      other: 0,
    });
  });

  test('what a function takes is what itself takes and what is below', () => {
    for (const step of ['reads', 'below'] as const) {
      const of = (name: string) => statOf(out(step), name);
      const belowRead = ['rw_verify_area', 'read_zero'].map(of);
      expect(of('ksys_read').totalNs).toBe(of('ksys_read').selfNs + of('vfs_read').totalNs);
      expect(of('vfs_read').totalNs).toBe(
        belowRead.reduce((sum, { totalNs }) => sum + totalNs, of('vfs_read').selfNs),
      );
      expect(of('read_zero').selfNs).toBe(of('read_zero').totalNs);
    }
  });

  test('times lie where they must', () => {
    for (const line of statsOf(out('reads'))) {
      const { minNs, p50Ns, p90Ns, p99Ns, maxNs, meanNs, totalNs } = line;
      expect([minNs, p50Ns, p90Ns, p99Ns, maxNs].toSorted((a, b) => a - b)).toEqual([
        ...[minNs, p50Ns, p90Ns, p99Ns, maxNs],
      ]);
      expect(meanNs).toBe(Math.round(totalNs / 1000));
      expect(minNs).toBeGreaterThan(0);
    }
  });

  test('ticks of the kernel are those that ftrace tells of, and take as long', () => {
    const [counted = '', traced = ''] = out('ticks').split('---\n');
    const told = (summaryOf(counted).ticks ?? []).flatMap(([lowestNs, count]) =>
      new Array<number>(count).fill(lowestNs),
    );
    // who waits to execute it is called the same, and is counted from some time in between
    const truth = traceTicks(traced.slice(traced.lastIndexOf('sched_process_exec')));
    expect(truth.length).toBeGreaterThan(10);
    expect(told.length).toBeGreaterThanOrEqual(truth.length);
    expect(told.length).toBeLessThanOrEqual(traceTicks(traced).length);
    expect(median(told) / median(truth)).toBeGreaterThan(0.5);
    expect(median(told) / median(truth)).toBeLessThan(2);
  });

  test('errors are counted by their names', () => {
    expect(statOf(out('mixed'), 'ksys_read')).toMatchObject({
      calls: 6,
      errors: { EBADF: 1, EISDIR: 1, EFAULT: 1 },
    });
    expect(statOf(out('mixed'), 'ksys_write')).toMatchObject({
      calls: 4,
      errors: { ENOSPC: 1, EBADF: 1 },
    });
    expect(statOf(out('mixed'), 'do_sys_openat2')).toMatchObject({
      calls: 6,
      errors: { ENOENT: 1, ENOTDIR: 1 },
    });
  });

  const plainToo = hasAll ? (['family', 'plain family'] as const) : (['family'] as const);

  test.each(plainToo)('what a whole family calls is counted: %s', (step) => {
    const { lost } = summaryOf(out(step));
    const all = 3 * 5 * 200 + 200;
    for (const name of ['ksys_read', ...below]) {
      const { calls: counted } = statOf(out(step), name);
      // and two that read the program
      expect(counted).toBeLessThanOrEqual(step === 'family' ? all : all + 2);
      expect(counted).toBeGreaterThanOrEqual(all - lost.recursion - lost.entry);
    }
  });

  test('what the kernel skips of others, which preempt ours in the program, is none of ours', () => {
    const { calls: made, lost } = summaryOf(out('beside others'));
    const all = 5 * 100_000;
    expect(made).toBeLessThanOrEqual(all);
    expect(made).toBeGreaterThanOrEqual(all - lost.recursion - lost.entry);
    // of a call that was skipped, both halves were at most
    if (tellsWhoseSkipped(method)) expect(lost.recursion).toBeLessThanOrEqual(2 * (all - made));
  });

  test('below a root is counted what is counted alone', () => {
    expect(callsOf(out('below'))).toEqual(callsOf(out('reads')));
  });

  test('calls that failed are counted alone', () => {
    expect(callsOf(out('failed'))).toEqual({ ksys_read: 3, ksys_write: 2, do_sys_openat2: 2 });
  });

  test('a recording of the counted calls says the same of them, to the nanosecond', () => {
    const [stat = '', report = ''] = out('recorded').split('---\n');
    expect(Object.keys(measuredOf(stat)).length).toBeGreaterThan(6);
    expect(statOf(stat, 'ksys_read').errors).toMatchObject({ EBADF: 1, EISDIR: 1, EFAULT: 1 });
    expect(measuredOf(report)).toEqual(measuredOf(stat));
    const { calls: counted, unfinished, lost, ticks } = summaryOf(stat);
    expect(unfinished).toBeGreaterThanOrEqual(1);
    // there those calls are told, too, that did not return
    expect(linesOf(report, 'summary')).toMatchObject([
      { calls: counted + unfinished, lost: { ...lost, ring: 0, user: 0 }, ticks },
    ]);
    expect(run.steps.recorded.stderr).toMatch(/^\/tmp\/recorded: [0-9,]+ records in /m);
  });

  test('each process is counted for itself', () => {
    const byPid = statsOf(out('by pid'));
    expect(byPid.map((line) => line.calls).toSorted()).toEqual([30, 40]);
    expect(new Set(byPid.map(({ by }) => by?.pid)).size).toBe(2);
  });

  test('calls that a task ends in are told, and not counted', () => {
    expect(callsOf(out('dying'))['exit_files']).toBe(1);
    expect(summaryOf(out('dying')).unfinished).toBeGreaterThanOrEqual(1);
    expect(run.steps.dying.stderr).toContain('status 137');
  });

  test('nothing is left in the kernel, whose log is clean', () => {
    expect(out('afterwards')).not.toMatch(/tracing|fsession|kprobe|on_stat/);
    expect(run.splats).toEqual([]);
  });
  if (!hasAll) return;

  test('below a root no deeper than asked', () => {
    expect(callsOf(out('shallow'))).toEqual({ ksys_read: 1000, vfs_read: 1000 });
    const read = statOf(out('shallow'), 'vfs_read');
    expect(read.selfNs).toBe(read.totalNs);
  });

  test('filters hold for each call', () => {
    expect(callsOf(out('failed in one way'))).toEqual({ ksys_read: 1, ksys_write: 1 });
    expect(callsOf(out('of a size'))).toEqual({ ksys_read: 1, vfs_read: 1 });
    expect(callsOf(out('only long'))).toEqual({ hrtimer_nanosleep: 3 });
    expect(statOf(out('only long'), 'hrtimer_nanosleep').minNs).toBeGreaterThan(300e6);
  });

  test('calls are told apart by what is asked for', () => {
    const byCpu = statsOf(out('by CPU'));
    expect(byCpu.every(({ by }) => typeof by?.cpu === 'number')).toBe(true);
    const names = statsOf(out('by name')).map(({ by, calls: counted }) => [by?.comm, counted]);
    expect(names).toContainEqual(['fifteen-letters', 50]);
    expect(names).toContainEqual(['calls', 90]);
    expect(statsOf(out('by cgroup')).map((line) => line.calls)).toEqual([50]);
    const returned = statsOf(out('by what it returns')).map(({ by, calls: counted }) => [
      by?.retval,
      counted,
    ]);
    expect(returned.toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
      [-21, 1],
      [-14, 1],
      [-9, 1],
      [0, 1],
      [1, 1],
      [4096, 1],
    ]);
  });

  test('what is told apart is recorded, too', () => {
    const [stat = '', report = ''] = out('recorded and by pid').split('---\n');
    const sums = new Map<string, number[]>();
    for (const { function: name, calls: made, totalNs, selfNs } of statsOf(stat)) {
      const before = sums.get(name) ?? [0, 0, 0];
      sums.set(
        name,
        [made, totalNs, selfNs].map((sum, place) => sum + (before[place] ?? 0)),
      );
    }
    expect(statsOf(stat).length).toBeGreaterThan(sums.size);
    expect(Object.keys(measuredOf(report)).toSorted()).toEqual([...sums.keys()].toSorted());
    for (const [name, sum] of sums) {
      const [made, totalNs, selfNs] = sum;
      expect(measuredOf(report)[name]).toMatchObject({ calls: made, totalNs, selfNs });
    }
  });

  test('what can not be recorded is refused, and what was recorded before is left alone', () => {
    expect(out('nothing to record')).toBe('old\n');
    expect(run.steps['recorded without some'].status).toBe(2);
    expect(run.steps['recorded without some'].stderr).toContain('Or count without --record');
  });

  test('time asleep is in what sleeps, and in what is above', () => {
    const of = (name: string) => statOf(out('sleeping'), name);
    expect(of('hrtimer_nanosleep').calls).toBe(3);
    expect(of('do_nanosleep').maxNs).toBeGreaterThan(300e6);
    expect(of('hrtimer_nanosleep').selfNs).toBeLessThan(100e6);
  });

  test('calls that have not returned are told, and not counted', () => {
    expect(summaryOf(out('unfinished'))).toMatchObject({ calls: 0, unfinished: 1 });
  });

  test('what is shown again and again grows, and is never nonsense', () => {
    const counted = parseStatLines(out('again')).filter((line) => line.type === 'stat');
    expect(counted.length).toBeGreaterThan(5);
    for (const [place, line] of counted.entries()) {
      expect(line.calls).toBeGreaterThanOrEqual(counted[place - 1]?.calls ?? 0);
      expect(line.meanNs).toBeGreaterThanOrEqual(line.minNs);
      expect(line.meanNs).toBeLessThanOrEqual(line.maxNs);
      expect(line.p50Ns).toBeGreaterThanOrEqual(line.minNs);
      expect(line.p99Ns).toBeLessThanOrEqual(line.maxNs);
      expect(line.selfNs).toBeLessThanOrEqual(line.totalNs);
    }
  });

  test('people get a table and histograms', () => {
    const lines = out('text').split('\n');
    expect(lines[0]).toMatch(/^ +CALLS +TOTAL +SELF +MIN .* MAX {2}FUNCTION$/);
    expect(lines[1]).toMatch(/^ +1,000 .* ksys_read$/);
    expect(out('text')).toContain('vfs_read: duration in ns, 1,000 calls\n');
    expect(run.steps.text.stderr).toMatch(/^5,000 calls of 5 functions\. Lost: /m);
  });

  test('what returns later can not leave out what was counted before', () => {
    expect(run.steps.filtered.status).toBe(2);
    expect(run.steps.filtered.stderr).toContain('Count the functions by themselves, without -g');
  });

  test('where nothing is left out, calls are counted as they are by name', () => {
    // and two that read the program
    const ofProgram = { rw_verify_area: 1002, security_file_permission: 1002 };
    expect(callsOf(out('plain'))).toEqual({ ...callsOf(out('reads')), ...ofProgram });
    expect(summaryOf(out('plain'))).toMatchObject({ lost: { entry: 0 }, unfinished: 0 });
    const [outer, inner] = [statOf(out('plain'), 'ksys_read'), statOf(out('plain'), 'vfs_read')];
    expect(outer.totalNs - outer.selfNs).toBe(inner.totalNs);
    for (const name of ['ksys_write', 'do_sys_openat2'])
      expect(statOf(out('plain and mixed'), name).errors).toEqual(
        statOf(out('mixed'), name).errors,
      );
  });

  test('calls that have returned are not unfinished, though their task goes on', () => {
    const step = out('plain and unfinished');
    expect(summaryOf(step)).toMatchObject({ unfinished: 2, lost: { entry: 0 } });
    expect(statOf(step, 'ksys_read').calls).toBeGreaterThan(0);
  });

  test('a task that gets the id of another, in the midst of calls, returns from them', () => {
    const step = out('in an exec');
    // that of the program, and that of its thread
    expect(callsOf(step)).toEqual({ bprm_execve: 2, begin_new_exec: 2, setup_arg_pages: 2 });
    expect(summaryOf(step)).toMatchObject({ unfinished: 0, lost: { entry: 0 } });
    const ns = (name: string) => statOf(step, name).totalNs;
    const belowNs = ns('begin_new_exec') + ns('setup_arg_pages');
    expect(statOf(step, 'bprm_execve').selfNs).toBe(ns('bprm_execve') - belowNs);
  });

  test('tasks that share an id, as idle ones do, keep their calls apart', () => {
    const idle = statsOf(out('idle'));
    expect(idle.length).toBeGreaterThan(1);
    for (const { calls: made, maxNs } of idle) {
      expect(made).toBeGreaterThan(10);
      expect(maxNs).toBeLessThan(1e9); // and not from one to the next
    }
    expect(summaryOf(out('idle'))).toMatchObject({ lost: { entry: 0 } });
  });

  test('an interrupt in a call is below it', () => {
    const read = statOf(out('interrupted'), 'read_zero');
    const { hrtimer_interrupt: interrupts = 0 } = callsOf(out('interrupted'));
    expect(read.calls).toBe(10);
    expect(interrupts).toBeGreaterThan(0);
    expect(read.selfNs).toBeLessThan(read.totalNs);
  });
});

const spread = '-k read_zero --comm calls';
const sizes =
  'calls large 600 64; calls large 250 4000; calls large 100 30000; calls large 50 300000';

test('quantiles are within 3 % of those of a trace', async () => {
  const { steps: done } = await guestSession({
    files: [{ path: calls.path }],
    // the same instructions take the same time in both
    icount: true,
    steps: {
      trace: `fsnoop ${spread} --args off --format json -c '${sizes}'`,
      stat: `fsnoop stat ${spread} --json -c '${sizes}'`,
    },
    stepTimeoutMs: 180_000,
  });
  const exact = linesOf(done.trace.stdout, 'call')
    .map(({ durationNs }) => Number(durationNs))
    .sort((a, b) => a - b);
  const told = statOf(done.stat.stdout, 'read_zero');
  expect(exact).toHaveLength(told.calls);
  expect(told.calls).toBe(1000);
  for (const [name, q] of [
    ['p50Ns', 0.5],
    ['p90Ns', 0.9],
    ['p99Ns', 0.99],
  ] as const) {
    const truth = exact[Math.ceil(q * exact.length) - 1] ?? 0;
    expect(Math.abs(told[name] - truth) / truth).toBeLessThan(0.03);
  }
});
