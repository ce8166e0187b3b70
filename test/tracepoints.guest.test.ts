/** Tracepoints, alone and in trees, and times off the CPU: against what the kernel itself tells. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession, type StepResult } from './guest.js';
import { childrenOf, linesOf, onlyLineOf, type JsonNode } from './json-lines.js';
import { leftovers } from './safety.js';

const reads = 1000;
const sleeps = 20;
const sleepMs = 20;
const json = 'fsnoop --format json';
const inSleeps = '-k hrtimer_nanosleep -g --fgraph-include do_nanosleep';

/** On one kernel: what is said without a look at it, or the same on all. */
const onceSteps = {
  list: `fsnoop list --tracepoints --proto 'sched_s*'`,
  'list for programs': `fsnoop list --tracepoints --format json sys_enter`,
  lines: `fsnoop -t sys_enter --filter-arg 'id == 0' --limit-events 2 -c 'calls read 9'`,
  misspelt: 'fsnoop -t sched_swich -c true',
  denied: 'fsnoop -t rcu_utilization -c true',
  'no such argument': `fsnoop -t sched_switch --filter-arg 'count == 1' -c true`,
  'no return value': `fsnoop -t sched_switch --output-arg '$retval' -c true`,
  plan: `fsnoop -k vfs_read -g --fgraph-include read_zero -t sched_switch --cpu-time --dry-run`,
};

const everySteps = {
  alone: `${json} -t sys_enter --filter-arg 'id == 0' -c 'calls read ${reads}'`,
  counted: `fsnoop -t sys_enter --filter-arg 'id == 0' --output-arg 'hist(id)' -c 'calls read 50'`,
  'of a cgroup': `mkdir -p /sys/fs/cgroup/one
    ${json} -t sys_enter --filter-arg 'id == 0' --cgroup one
    -c 'calls read 9; sh -c "echo 0 >/sys/fs/cgroup/one/cgroup.procs; exec calls read 5"'`,
  stack: `${json} -t sched_switch --output-stack --limit-events 1 -c 'calls sleep 1 ${sleepMs}'`,
  'beside ftrace': `
    cd /sys/kernel/tracing; echo mono >trace_clock; echo 1 >events/sched/sched_switch/enable
    ${json} -t sched_switch --output-arg 'prev->pid' --output-arg 'next->pid' -c 'calls sleep ${sleeps} 2' >/tmp/switches
    echo 0 >events/sched/sched_switch/enable; cat /tmp/switches trace; echo >trace`,
  marks: `${json} ${inSleeps} -t sched_switch --cpu-time --output-arg 'prev->pid'
    -c 'calls sleep ${sleeps} ${sleepMs}'`,
  'both threads': `${json} -k ksys_read -g --fgraph-include vfs_read -t sys_enter,sched_switch --cpu-time
    -c 'calls family 2 2 200'`,
  unfinished: `${json} --cpu-time --duration 1 ${inSleeps} -c 'sleep 100'`,
  many: `${json} -t 'sched_*' -c 'calls sleep 5 5'`,
  'attached for nothing': 'fsnoop -t sched_switch --duration 1 >/dev/null; echo $?',
  left: leftovers,
};

const steps = { ...onceSteps, ...everySteps };
type Step = keyof typeof steps;

const inOneLine = (script: string) => script.replace(/\n {4}(?=--|-c)/g, ' ');

let calls: BuiltProgram;

beforeAll(async () => {
  calls = await buildCalls();
});

afterAll(async () => {
  await calls[Symbol.asyncDispose]();
});

/** A switch of ftrace's: `… 12.345678: sched_switch: prev_comm=calls prev_pid=123 … next_pid=0 …` */
const switched = /\s(\d+\.\d+): sched_switch: .*?prev_pid=(\d+) .*?next_pid=(\d+) /g;

const below = (call: JsonNode): JsonNode[] => [call, ...childrenOf(call).flatMap(below)];
const offOf = ({ offCpuNs = NaN }: JsonNode) => offCpuNs;

// the last has no cookies for tracepoints, and two programs a function
const kernels = ['7.2', '6.1'];

describe.each(kernels)('on %s', (kernel) => {
  let run: GuestSession<Step>;
  const outOf = (step: Step) => run.steps[step].stdout;

  beforeAll(async () => {
    const isFirst = kernel === kernels[0];
    const scripts = Object.entries(isFirst ? steps : everySteps).map(([name, script]) => [
      name,
      inOneLine(script),
    ]);
    run = await guestSession({
      kernel,
      files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
      timeoutMs: 600_000,
      steps: Object.fromEntries(scripts) as typeof steps,
    });
  });

  test('the kernel log is clean, and nothing is left', () => {
    expect(run.splats).toEqual([]);
    expect(outOf('left')).toBe('');
  });

  test('each hit is a line, with its arguments', () => {
    const hits = linesOf(outOf('alone'), 'tracepoint');
    const { marks, lost } = onlyLineOf(outOf('alone'), 'summary');
    expect(hits.length + lost.recursion).toBeGreaterThanOrEqual(reads);
    expect(hits.length).toBeLessThanOrEqual(reads);
    expect(hits.length).toBeGreaterThan(reads * 0.9);
    expect(marks).toBe(hits.length);
    for (const { tracepoint, comm, args } of hits) {
      expect({ tracepoint, comm }).toEqual({ tracepoint: 'sys_enter', comm: 'calls' });
      expect(args).toMatchObject([{ name: 'regs' }, { name: 'id', type: 'long', value: 0 }]);
    }
    expect(onlyLineOf(outOf('alone'), 'start')).toMatchObject({ functions: 0, tracepoints: 1 });
  });

  test('values of many are counted', () => {
    expect(outOf('counted')).toMatch(/sys_enter.* (4[5-9]|50)\b/s);
  });

  test('of tasks in a cgroup', () => {
    const hits = linesOf(outOf('of a cgroup'), 'tracepoint').filter(({ comm }) => comm === 'calls');
    const { lost } = onlyLineOf(outOf('of a cgroup'), 'summary');
    expect(hits.length).toBeLessThanOrEqual(5);
    expect(hits.length + lost.recursion).toBeGreaterThanOrEqual(5);
    expect(hits.length).toBeGreaterThan(0);
  });

  test('with the stack', () => {
    const [hit] = linesOf(outOf('stack'), 'tracepoint');
    expect(hit?.stack?.join(' ')).toMatch(/__schedule\+/);
  });

  test('they are those that ftrace sees in the same run', () => {
    const out = outOf('beside ftrace');
    const hits = linesOf(out.slice(0, out.indexOf('# tracer:')), 'tracepoint');
    const switches = hits.map(({ startNs, outputs: [prev, next] }) => ({
      time: Number(startNs) / 1e9,
      prev: prev?.value,
      next: next?.value,
    }));
    const tid = hits[0]?.tid;
    const seen = [...out.matchAll(switched)]
      .map(([, time, prev, next]) => ({
        time: Number(time),
        prev: Number(prev),
        next: Number(next),
      }))
      .filter(({ prev }) => prev === tid);
    // ftrace saw the command wait to be traced, before; one writes after the other, and a guest may rest in between
    const sameFrom = (start: number) =>
      switches.every(({ time, prev, next }, at) => {
        const { prev: from, next: to, time: then = NaN } = seen[start + at] ?? {};
        return from === prev && to === next && Math.abs(then - time) < 0.5;
      });
    expect(switches.length).toBeGreaterThan(sleeps);
    expect(
      seen.some((_, start) => sameFrom(start)),
      `${JSON.stringify(switches)}\nare not among ftrace's\n${JSON.stringify(seen)}`,
    ).toBe(true);
  });

  test('in a tree they are marks, of its own task', () => {
    const trees = linesOf(outOf('marks'), 'tree');
    const long = trees.filter(({ root }) => (root.durationNs ?? 0) > sleepMs * 1e6);
    expect(long.length).toBeGreaterThanOrEqual(sleeps * 0.9);
    for (const { root, tid } of long) {
      const marks = below(root).flatMap((call) => call.marks ?? []);
      expect(marks.length).toBeGreaterThanOrEqual(1);
      for (const { tracepoint, outputs } of marks) {
        expect(tracepoint).toBe('sched_switch');
        expect(outputs).toMatchObject([{ value: tid }]);
      }
    }
    expect(onlyLineOf(outOf('marks'), 'start')).toMatchObject({ functions: 2, tracepoints: 1 });
  });

  test('a sleep is off the CPU for about its time, and no call for longer than it takes', () => {
    const trees = linesOf(outOf('marks'), 'tree');
    const long = trees.filter(({ root }) => (root.durationNs ?? 0) > sleepMs * 1e6);
    // a guest may rest just before its task leaves the CPU
    const off = long.map(({ root }) => offOf(root)).sort((a, b) => a - b);
    expect(off[off.length >> 1]).toBeGreaterThan(sleepMs * 1e6 * 0.5);
    for (const { root } of long) {
      for (const call of below(root)) {
        expect(offOf(call)).toBeLessThanOrEqual(call.durationNs ?? 0);
        const inChildren = childrenOf(call).reduce((sum, child) => sum + offOf(child), 0);
        expect(offOf(call)).toBeGreaterThanOrEqual(inChildren);
      }
    }
  });

  test('a call was off the CPU exactly where it was switched away from', () => {
    for (const step of ['marks', 'both threads'] as const) {
      const trees = linesOf(outOf(step), 'tree').filter(({ complete }) => complete);
      const calls = trees.flatMap(({ root }) => below(root));
      const isAway = (call: JsonNode) => offOf(call) > 0;
      const isLeft = (call: JsonNode) =>
        below(call).some(({ marks = [] }) => marks.some((m) => m.tracepoint === 'sched_switch'));
      const { lost } = onlyLineOf(outOf(step), 'summary');
      const differing = calls.filter((call) => isAway(call) !== isLeft(call));
      expect(calls.length).toBeGreaterThan(sleeps);
      expect(differing.length).toBeLessThanOrEqual(lost.recursion);
    }
    // no system call begins in one
    expect(outOf('both threads')).not.toContain('"tracepoint":"sys_enter"');
  });

  test('a call that has not returned is off the CPU until now', () => {
    const [tree] = linesOf(outOf('unfinished'), 'tree');
    const { openNs = NaN } = tree?.root ?? {};
    expect(tree?.complete).toBe(false);
    expect(tree && offOf(tree.root)).toBeGreaterThan(0.3e9);
    expect(tree && offOf(tree.root)).toBeLessThanOrEqual(openNs);
  });

  test('a glob takes many at once, but for those that are denied', () => {
    const { tracepoints = 0, refused } = onlyLineOf(outOf('many'), 'start');
    expect(tracepoints).toBeGreaterThan(15);
    expect(refused.filter(({ reason }) => reason !== 'denied')).toEqual([]);
    const names = new Set(linesOf(outOf('many'), 'tracepoint').map(({ tracepoint }) => tracepoint));
    expect([...names]).toEqual(expect.arrayContaining(['sched_switch', 'sched_process_exit']));
  });

  test('the program ends well, even if nothing comes', () => {
    expect(outOf('attached for nothing')).toBe('0\n');
  });

  if (kernel === kernels[0]) testOnce((step) => run.steps[step]);
});

function testOnce(find: (step: Step) => StepResult): void {
  test('they are listed with their arguments', () => {
    expect(find('list').stdout).toMatch(
      /^sched_switch\(bool preempt, struct task_struct \*prev, struct task_struct \*next/m,
    );
    expect(JSON.parse(find('list for programs').stdout)).toEqual({
      type: 'tracepoint',
      tracepoint: 'sys_enter',
      module: null,
      traceable: true,
      reason: null,
    });
  });

  test('for people too', () => {
    const lines = find('lines').stdout.split('\n');
    expect(lines[0]).toBe('          TIME  CPU  TASK                     TRACEPOINT');
    expect(lines[1]).toMatch(
      /^ +\d+\.\d{6} +\d+ {2}calls \d+:\d+ +◆ sys_enter\(regs=0x\w+, id=0\)$/,
    );
    expect(lines).toHaveLength(4);
    expect(find('lines').stderr).toContain('2 hits.');
  });

  test.each<[Step, RegExp]>([
    ['misspelt', /no tracepoint sched_swich\.[^]*Did you mean: sched_switch/],
    ['denied', /rcu_utilization can't be traced: it is inside of RCU/],
    ['no such argument', /sched_switch has no parameter count[^]*preempt, prev, next/],
    ['no return value', /sched_switch is a tracepoint: it has no duration and returns nothing/],
  ])('%s: a clear message, and nothing is attached', (step, said) => {
    const { stdout, stderr, status } = find(step);
    expect({ stdout, status }).toEqual({ stdout: '', status: 2 });
    expect(stderr).toMatch(said);
  });

  test('the plan names them', () => {
    expect(find('plan').stdout).toContain(
      'Points     1, marks in the trees\n           sched_switch\n',
    );
    expect(find('plan').stdout).toContain('CPU time');
  });
}
