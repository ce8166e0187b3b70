/** `fsnoop trace` on one kernel by each of its methods: the same calls as a program makes, and as ftrace sees. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Diagnosis } from '../src/render/doctor.js';
import type { Method } from '../src/plan/method.js';
import { buildCalls, type BuiltProgram } from './calls.js';
import {
  countEach,
  countShapes,
  fromJson,
  headerOf,
  parseFunctionGraph,
  project,
  renderFunctionGraphScript,
  shapeOf,
} from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import {
  childrenOf,
  countCalls,
  deepest,
  linesOf,
  onlyLineOf,
  parseJsonLines,
} from './json-lines.js';
import {
  fewestKernels,
  findKernels,
  isAtAnEnd,
  matrix,
  tellsWhoseSkipped,
  usual,
  waysOf,
  type Series,
} from './matrix.js';
import type {} from './matrix-table.js'; // what a test tells it
import { withoutPrivileges } from './nobody.js';
import { nothingAttached } from './safety.js';

const none = { ring: 0, recursion: 0, entry: 0, user: 0 };
/** As recursion those are counted that the kernel skipped, by some methods of any task. */
const noneButSkipped = { ring: 0, entry: 0, user: 0 };
const below = ['vfs_read', 'rw_verify_area', 'security_file_permission', 'read_zero'];
const graph = `-k ksys_read -g --fgraph-include '${below.join(',')}'`;
const shape = 'ksys_read(vfs_read(rw_verify_area(security_file_permission),read_zero))';
const copyZeroes = 'dd if=/dev/zero of=/dev/null bs=1 count=1000';

/** Starts fsnoop, goes on when all is attached, and has its output at the end. */
const whenReady = (flags: string, then: string) => `
rm -f /tmp/ready /tmp/go
fsnoop ${flags} --ready-file /tmp/ready --output /tmp/out &
tracer=$!
while ! [ -s /tmp/ready ]; do sleep 0.1; done
${then}
wait $tracer; status=$?
cat /tmp/out
exit $status`;

const stillRunning = 'pidof calls sleep && echo still running';

/** What the way to attach has most part in: by every method on every kernel. */
const firstTraces = {
  zeroes: `fsnoop ${graph} --format json -c '${copyZeroes}'`,
  mixed: `fsnoop -k ksys_read,ksys_write -k do_sys_openat2 --format json -c 'calls mixed'`,
  family: `fsnoop ${graph} --format json -c 'calls read 99; calls family 3 4 20'`,
  dying: `fsnoop -k get_signal -g --fgraph-include exit_files,mmput --format json -c 'calls die'`,
  afterwards: nothingAttached,
};

/** What it has a part in besides. */
const otherTraces = {
  depths: `for depth in 1 2; do
    fsnoop ${graph} --fgraph-max-depth $depth --format json -c 'calls read 3'
  done`,
  'only long': `fsnoop -k hrtimer_nanosleep --min-duration 100ms --format json -c 'calls sleep 3 300'`,
  grandchildren: `fsnoop -k ksys_read --format json -c 'calls read 99; calls grand 13'`,
  idle: `fsnoop -k __sysvec_apic_timer_interrupt -g --fgraph-include hrtimer_interrupt --duration 1s --format json`,
  'live as JSON': `fsnoop ${graph} --live --format json -c 'calls read 20'`,
  // not schedule(): each task that sleeps is in it, and kprobe.multi has room for a few calls at a time
  sleeping: `fsnoop -k hrtimer_nanosleep -g --fgraph-include do_nanosleep --format json -c 'calls sleep 1 300'`,
  recursive: `fsnoop -k ep_loop_check_proc -g --fgraph-include ep_loop_check_proc --format json -c 'calls nest 4'`,
  becoming: `fsnoop -k bprm_execve -g --fgraph-include mmput,exit_mmap --format json -c 'calls read 1'`,
  interrupted: `fsnoop -k ksys_read -g --fgraph-include 'vfs_read,read_zero,*sysvec_apic_timer_interrupt,hrtimer_interrupt' --format json -c 'calls large 10 64000000'`,
  'nothing afterwards': nothingAttached,
};

const traces = { ...firstTraces, ...otherTraces };

/** What is the same by any method: by the first that a kernel has. */
const runs = {
  'zeroes in the style of ftrace': `fsnoop ${graph} --style ftrace --args off -c '${copyZeroes}'`,
  // one after the other: where one is preempted in the program, the others on that CPU go unseen
  'one process': `
    calls after /tmp/go-one read 50 & one=$!
    calls after /tmp/go-two read 70 & two=$!
    calls after /tmp/go-three read 90 & three=$!
    ${whenReady(
      '-k ksys_read --format json --filter-pid $one,$three',
      `touch /tmp/go-one; wait $one; touch /tmp/go-two; wait $two; touch /tmp/go-three; wait $three
      kill -INT $tracer`,
    )}`,
  'one name': `ln -s $(which calls) /tmp/fifteen-letters; ln -s $(which calls) /tmp/fifteen-letter
    fsnoop -k ksys_read --format json --comm fifteen-letters -c '/tmp/fifteen-letters read 5; /tmp/fifteen-letter read 7; calls read 9'`,
  'one cgroup': `mkdir -p /sys/fs/cgroup/one/below /sys/fs/cgroup/two
    printf '%s\n' '#!/bin/sh' 'echo 0 >/sys/fs/cgroup/$1/cgroup.procs; shift; exec "$@"' >/tmp/in; chmod +x /tmp/in
    fsnoop -k ksys_read --format json --cgroup one -c '/tmp/in one calls read 3; /tmp/in one/below calls read 5; /tmp/in two calls read 7; calls read 9'`,
  'so many trees': `fsnoop ${graph} --limit-events 5 --format json -c 'calls forever'; status=$?
    ${stillRunning}; exit $status`,
  'so many calls': `fsnoop -k ksys_read --limit-events 7 -c 'calls forever'; status=$?
    ${stillRunning}; exit $status`,
  'so long': `fsnoop -k ksys_read --duration 1s -c 'sleep 1000'; status=$?; ${stillRunning}; exit $status`,
  'to a file': `fsnoop ${graph} --output /tmp/file --ready-file /tmp/ready-once -c 'calls after /tmp/ready-once read 1' &
    wait $!; status=$?; cat /tmp/file >&2; exit $status`,
  live: `fsnoop ${graph} --live -c 'calls read 20'`,
  statuses: `for command in true 'sh -c "exit 7"' 'calls die' 'kill $$' 'calls read 3 | false'; do
      fsnoop -k ksys_read -c "$command"; echo "status $?"
    done`,
  pipes: `fsnoop -k ksys_read --format json -c 'calls read 5 | calls read 3; calls read 2 && echo "it'"'"'s done"'`,
};

const looks = {
  'zeroes by function_graph': renderFunctionGraphScript('ksys_read', below, copyZeroes),
  doctor: 'fsnoop doctor --json',
  "nobody's doctor": `${withoutPrivileges} fsnoop doctor --json`,
};

/** By this method, whatever the kernel has besides. */
const stepsBy = (method: Method, scripts: Readonly<Record<string, string>>) =>
  Object.entries(scripts).map(
    ([name, script]) =>
      [
        `${method}: ${name}`,
        script.replaceAll('fsnoop -k', `fsnoop --method ${method} -k`),
      ] as const,
  );

/** All in one guest; or, if Debian has no such kernel, that it was not run. */
export async function testTracingOn(series: Series): Promise<void> {
  const found = await findKernels(series);
  if (found.includes(series)) testTracing(series);
  else tellNotRun(series, found);
}

function tellNotRun(series: Series, found: readonly string[]): void {
  test(`Debian has no kernel ${series}, and enough others`, { meta: { notRun: series } }, () => {
    expect(usual.filter((other) => found.includes(other)).length).toBeGreaterThanOrEqual(
      fewestKernels,
    );
  });
}

function testTracing(series: Series): void {
  const there: readonly Method[] = matrix[series];
  const ways = waysOf(series);
  const [{ method: first }] = ways;
  let calls: BuiltProgram;
  let run: GuestSession<string>;

  const find = (name: string) => {
    const result = run.steps[name];
    if (result === undefined) throw new Error(`there is no step '${name}'`);
    return result;
  };
  const look = (name: keyof typeof looks) => find(name);

  beforeAll(async () => {
    calls = await buildCalls();
    run = await guestSession<string>({
      kernel: series,
      files: [calls.path, '/usr/sbin/bpftool', '/usr/bin/setpriv'].map((path) => ({ path })),
      timeoutMs: 1_700_000,
      stepTimeoutMs: 120_000,
      steps: Object.fromEntries([
        ...Object.entries(looks),
        ...(isAtAnEnd(series) ? stepsBy(first, runs) : []),
        ...ways.flatMap(({ method, tests }) =>
          stepsBy(method, tests === 'all' ? traces : firstTraces),
        ),
      ]),
    });
  }, 1_800_000);

  afterAll(() => calls[Symbol.asyncDispose]());

  test('nothing is wrong with the kernel', () => {
    expect(run.splats).toEqual([]);
  });

  test('no step ends with a stack of JavaScript', () => {
    for (const { stderr } of Object.values(run.steps)) expect(stderr).not.toMatch(/^ +at /m);
  });

  test('doctor tells what it has, and of what it lacks since when there is it', () => {
    const { status, stdout } = look('doctor');
    const told = JSON.parse(stdout) as Diagnosis;
    expect(status).toBe(0);
    expect(told.kernel.startsWith(`${series}.`)).toBe(true);
    expect(told.method).toBe(there[0]);
    expect(told.machine.filter(({ answer }) => answer === 'no')).toEqual([]);
    const able = told.methods.filter(({ answer }) => answer === 'yes');
    expect(able.map(({ name }) => name)).toEqual(there);
    for (const lacking of told.methods.filter((one) => !able.includes(one)))
      expect(lacking).toMatchObject({
        answer: 'no',
        detail: expect.stringMatching(/^it came with Linux \d\.\d+/) as string,
      });
  });

  test('and to a user without privileges, what it takes', () => {
    const { status, stdout } = look("nobody's doctor");
    const told = JSON.parse(stdout) as Diagnosis;
    expect(status).toBe(5);
    expect(told.method).toBeNull();
    expect(told.machine.find(({ name }) => name === 'privileges')).toMatchObject({
      answer: 'no',
      detail: 'user 1000 lacks CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH',
    });
    expect(told.methods.filter(({ answer }) => answer === 'yes')).toEqual([]);
  });

  const describeIfTested = isAtAnEnd(series) ? describe : () => undefined;
  describeIfTested('by any method', () => {
    const step = (name: keyof typeof runs) => find(`${first}: ${name}`);

    test('the style of ftrace reads like the output of function_graph itself', () => {
      const ours = step('zeroes in the style of ftrace');
      const kernel = look('zeroes by function_graph');
      expect(ours.status).toBe(0);
      expect(headerOf(ours.stdout)).toBe(headerOf(kernel.stdout));
      expect(countShapes(parseFunctionGraph(ours.stdout))).toEqual(
        countShapes(parseFunctionGraph(kernel.stdout)),
      );
      expect(linesWithoutTimes(ours.stdout)).toEqual(linesWithoutTimes(kernel.stdout));
    });

    test('--filter-pid shows calls of these processes alone', () => {
      expect(step('one process').status).toBe(130);
      const made = linesOf(step('one process').stdout, 'call');
      const counts = countEach(made.map(({ pid }) => `${pid}`));
      expect(Object.values(counts).sort()).toEqual([50, 90]);
      expect(new Set(made.map(({ comm }) => comm))).toEqual(new Set(['calls']));
    });

    test('--comm shows calls of tasks of this name alone', () => {
      const made = linesOf(step('one name').stdout, 'call');
      expect(countEach(made.map(({ comm }) => comm))).toEqual({ 'fifteen-letters': 5 });
    });

    test('--cgroup shows calls of tasks in it, and below it, alone', () => {
      const made = linesOf(step('one cgroup').stdout, 'call');
      expect(countEach(made.map(({ comm }) => comm))).toEqual({ calls: 8 });
    });

    test('--limit-events ends with exactly so many trees, and ends the command', () => {
      const { status, stdout } = step('so many trees');
      expect(status).toBe(0);
      expect(stdout).not.toContain('still running');
      expect(linesOf(stdout, 'tree').map(({ root }) => shapeOf(fromJson(root)))).toEqual(
        Array.from({ length: 5 }, () => shape),
      );
    });

    test('--limit-events counts calls where there is no tree', () => {
      const { status, stdout } = step('so many calls');
      expect(status).toBe(0);
      expect(stdout.trimEnd().split('\n')).toEqual([
        expect.stringContaining('DURATION'),
        ...Array.from({ length: 7 }, () => expect.stringMatching(/ksys_read\(.*\) = 1$/) as string),
      ]);
    });

    test('--duration ends the trace and the command', () => {
      const { status, stdout } = step('so long');
      expect(status).toBe(0);
      expect(stdout).not.toContain('still running');
    });

    test('--output writes to a file and nothing else, after --ready-file is there', () => {
      const { status, stdout, stderr } = step('to a file');
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
      expect(stderr).toMatch(
        tellsWhoseSkipped(first)
          ? /^1 tree, 5 calls\. Lost: none\.$/m
          : /^1 tree, 5 calls\.( Lost: none\.|\nLost [\d,]+ records: recursion [\d,]+ \(.*\)\.)$/m,
      );
      expect(stderr).toMatch(/^ksys_read · calls \d+:\d+ · cpu \d$/m);
      expect(stderr).toMatch(/└─ read_zero\(.*\) = 1$/m);
    });

    test('--live shows each call when it begins and when it returns', () => {
      const { status, stdout } = step('live');
      expect(status).toBe(0);
      const taskWidth = 20;
      const events = stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(taskWidth).replace(/\(.*| = .*/, ''));
      const once = [
        '→ ksys_read',
        '  → vfs_read',
        '    → rw_verify_area',
        '      → security_file_permission',
        '      ← security_file_permission',
        '    ← rw_verify_area',
        '    → read_zero',
        '    ← read_zero',
        '  ← vfs_read',
        '← ksys_read',
      ];
      expect(events).toEqual(Array.from({ length: 20 }, () => once).flat());
    });

    test("the command's exit status is passed on", () => {
      expect(step('statuses').stdout.match(/^status .*$/gm)).toEqual([
        'status 0',
        'status 7',
        'status 137',
        'status 143',
        'status 1',
      ]);
    });

    test('a command may be a line of shell', () => {
      const { status, stdout, stderr } = step('pipes');
      expect(status).toBe(0);
      expect(stderr).toContain("it's done\n");
      const made = linesOf(stdout, 'call').filter(({ comm }) => comm === 'calls');
      const { lost } = onlyLineOf(stdout, 'summary');
      // two run at a time, and where one is preempted in the program the other goes unseen
      expect(10 - made.length).toBeLessThanOrEqual(lost.recursion);
      if (lost.recursion > 0) return;
      expect(Object.values(countEach(made.map(({ pid }) => `${pid}`))).sort()).toEqual([2, 3, 5]);
    });
  });

  for (const { method, tests } of ways)
    describe(`by ${method}`, { meta: { combination: { series, method } } }, () => {
      const step = (name: keyof typeof traces) => find(`${method}: ${name}`);
      const treesOf = (name: keyof typeof traces) => linesOf(step(name).stdout, 'tree');
      const summaryOf = (name: keyof typeof traces) => onlyLineOf(step(name).stdout, 'summary');

      test('nothing stays attached', () => {
        expect(step('afterwards')).toMatchObject({ status: 0, stdout: '', stderr: '' });
      });

      describe('1,000 reads of zeroes', () => {
        test('are 1,000 trees, between a start and a summary', ({ task }) => {
          const { status, stdout } = step('zeroes');
          expect(status).toBe(0);
          const { kernel, functions, attachMs } = onlyLineOf(stdout, 'start');
          task.meta.measured = {
            kernel,
            functions,
            attachMs,
            detachMs: summaryOf('zeroes').detachMs ?? 0,
          };
          const lines = parseJsonLines(stdout);
          expect(lines.map(({ type }) => type)).toEqual([
            'start',
            ...Array.from({ length: 1000 }, () => 'tree'),
            'summary',
          ]);
          expect(lines[0]).toEqual({
            type: 'start',
            version: 1,
            kernel: expect.stringContaining(`${series}.`) as string,
            method,
            functions: 5,
            refused: [],
            attachMs: expect.any(Number) as number,
          });
          expect(lines.at(-1)).toEqual({
            type: 'summary',
            trees: 1000,
            calls: 5000,
            unfinished: 0,
            lost: {
              ...none,
              ...(!tellsWhoseSkipped(method) && { recursion: expect.any(Number) as number }),
            },
            detachMs: expect.any(Number) as number,
            stopped: null,
            hot: expect.arrayContaining([{ function: 'ksys_read', records: 1000 }]) as object[],
          });
        });

        test('are written as DESIGN.md says', () => {
          const [tree] = treesOf('zeroes');
          expect(tree).toEqual({
            type: 'tree',
            pid: expect.any(Number) as number,
            tid: tree?.pid,
            comm: 'dd',
            cpu: expect.any(Number) as number,
            startNs: expect.stringMatching(/^\d+$/) as string,
            complete: true,
            root: expect.any(Object) as object,
          });
          const call = (name: string, retval: number, ...children: unknown[]): unknown => ({
            function: name,
            module: null,
            durationNs: expect.any(Number) as number,
            selfNs: expect.any(Number) as number,
            cpu: expect.any(Number) as number,
            retval,
            errno: null,
            args: expect.any(Array) as unknown[],
            outputs: [],
            children,
          });
          expect(tree?.root).toEqual(
            call(
              'ksys_read',
              1,
              call(
                'vfs_read',
                1,
                call('rw_verify_area', 0, call('security_file_permission', 0)),
                call('read_zero', 1),
              ),
            ),
          );
        });

        test('have durations that fit into each other', () => {
          for (const { root } of treesOf('zeroes')) {
            const check = (call: typeof root): void => {
              const children = childrenOf(call);
              const inside = children.reduce((sum, { durationNs }) => sum + (durationNs ?? NaN), 0);
              expect(inside + (call.selfNs ?? NaN)).toBe(call.durationNs);
              expect(call.selfNs).toBeGreaterThan(0);
              children.forEach(check);
            };
            check(root);
          }
        });

        test('are the trees that function_graph sees', () => {
          const kernel = look('zeroes by function_graph');
          const lost = kernel.stderr.match(/^.*(overrun|dropped).*$/gm) ?? [];
          expect(lost.length).toBeGreaterThan(0);
          expect(lost.filter((line) => !line.endsWith(': 0'))).toEqual([]);
          const seen = countShapes(parseFunctionGraph(kernel.stdout));
          expect(seen).toEqual({ [shape]: 1000 });
          expect(countShapes(treesOf('zeroes').map(({ root }) => fromJson(root)))).toEqual(seen);
        });
      });

      test('without -g each call is a line with what it returned', () => {
        const { status, stdout } = step('mixed');
        expect(status).toBe(0);
        const made = linesOf(stdout, 'call').map(
          (call) => `${call.function ?? ''} ${call.retval ?? ''} ${call.errno ?? ''}`,
        );
        expect(made).toEqual([
          'do_sys_openat2 3 ',
          'do_sys_openat2 4 ',
          'do_sys_openat2 5 ',
          'do_sys_openat2 6 ',
          'do_sys_openat2 -2 ENOENT',
          'do_sys_openat2 -20 ENOTDIR',
          'ksys_read 1 ',
          'ksys_read 4096 ',
          'ksys_read 0 ',
          'ksys_read -9 EBADF',
          'ksys_read -21 EISDIR',
          'ksys_read -14 EFAULT',
          'ksys_write 3 ',
          'ksys_write 4096 ',
          'ksys_write -28 ENOSPC',
          'ksys_write -9 EBADF',
        ]);
        expect(summaryOf('mixed')).toMatchObject({
          calls: 16,
          unfinished: 0,
          lost: noneButSkipped,
        });
      });

      test('a command is followed into its children and threads, each with trees of its own', () => {
        const [first = [], ...trees] = groupByTask(treesOf('family'));
        expectAllOrSkipped(first.length, 99, 'family');
        expect(trees.length).toBeLessThanOrEqual(16);
        for (const made of trees) expect(made.length).toBeLessThanOrEqual(20);
        expectAllOrSkipped(trees.flat().length, 320, 'family');
        if (summaryOf('family').lost.recursion > 0) return;
        expect(new Set(trees.flat().map(({ pid }) => pid)).size).toBe(4);
        expect(countShapes(trees.flat().map(({ root }) => fromJson(root)))).toEqual({
          [shape]: 320,
        });
      });

      /**
       * A task that is preempted inside our program keeps the kernel from running it for the other
       * tasks of that CPU: a slow guest with many threads shows that, and it is counted.
       */
      function expectAllOrSkipped(seen: number, made: number, name: keyof typeof traces): void {
        const { lost } = summaryOf(name);
        expect(lost).toMatchObject({ ring: 0, user: 0 });
        // of a call of which only the entry was skipped, the return tells
        expect(lost.entry).toBeLessThanOrEqual(lost.recursion);
        expect(seen).toBeLessThanOrEqual(made);
        expect(made - seen).toBeLessThanOrEqual(lost.recursion);
      }

      test('a task that ends inside a call leaves a tree that says so', () => {
        expect(step('dying').status).toBe(137);
        const [tree] = treesOf('dying');
        expect(tree && shapeOf(fromJson(tree.root))).toBe('get_signal(mmput,exit_files)');
        expect(treesOf('dying')).toEqual([
          expect.objectContaining({
            comm: 'calls',
            complete: false,
            why: 'task exited',
            root: expect.objectContaining({ function: 'get_signal', durationNs: null }) as unknown,
          }),
        ]);
        expect(summaryOf('dying')).toMatchObject({ trees: 1, unfinished: 1, lost: noneButSkipped });
      });

      if (tests === 'first') return;

      test('nothing stays attached afterwards', () => {
        expect(step('nothing afterwards')).toMatchObject({ status: 0, stdout: '', stderr: '' });
      });

      test('--fgraph-max-depth cuts the trees at so many levels below the root', () => {
        const trees = treesOf('depths');
        expect(countShapes(trees.map(({ root }) => fromJson(root)))).toEqual({
          'ksys_read(vfs_read)': 3,
          'ksys_read(vfs_read(rw_verify_area,read_zero))': 3,
        });
        expect(trees.map(({ complete }) => complete)).not.toContain(false);
      });

      test('--min-duration drops short calls and keeps all long ones', () => {
        const long = linesOf(step('only long').stdout, 'call');
        expect(long.filter(({ durationNs }) => (durationNs ?? 0) >= 300e6).length).toBe(3);
        expect(long.filter(({ durationNs }) => (durationNs ?? 0) < 100e6)).toEqual([]);
        expect(summaryOf('only long')).toMatchObject({ calls: long.length, lost: noneButSkipped });
      });

      test('a command is followed into the children of its threads', () => {
        const [first = [], ...made] = groupByTask(linesOf(step('grandchildren').stdout, 'call'));
        expectAllOrSkipped(first.length, 99, 'grandchildren');
        expectAllOrSkipped(made.flat().length, 13, 'grandchildren');
        if (summaryOf('grandchildren').lost.recursion === 0) expect(made.length).toBe(1);
      });

      test('--live as JSON has an entry for each call before its tree', () => {
        const lines = parseJsonLines(step('live as JSON').stdout).slice(1, -1);
        const expected = [
          ...['ksys_read 0', 'vfs_read 1', 'rw_verify_area 2', 'security_file_permission 3'],
          ...['read_zero 2', 'tree'],
        ];
        expect(
          lines.map((line) =>
            line.type === 'entry' ? `${line.function} ${line.depth}` : line.type,
          ),
        ).toEqual(Array.from({ length: 20 }, () => expected).flat());
      });

      test('a function that sleeps holds the time it slept', () => {
        const trees = treesOf('sleeping');
        expect(trees.length).toBe(3);
        expect(shapeOf(fromJson(trees[1]?.root as never))).toBe('hrtimer_nanosleep(do_nanosleep)');
        expect(trees[1]?.root.durationNs).toBeGreaterThanOrEqual(300e6);
        expect(summaryOf('sleeping')).toMatchObject({ unfinished: 0, lost: noneButSkipped });
      });

      test('a function that calls itself is below itself', () => {
        expect(treesOf('recursive').map(({ root }) => shapeOf(fromJson(root)))).toEqual([
          'ep_loop_check_proc',
          'ep_loop_check_proc(ep_loop_check_proc)',
          'ep_loop_check_proc(ep_loop_check_proc(ep_loop_check_proc))',
        ]);
      });

      test('a task that becomes another program inside a call has a whole tree', () => {
        const trees = treesOf('becoming');
        expect(trees.map(({ root }) => shapeOf(fromJson(root)))).toEqual([
          'bprm_execve(mmput(exit_mmap))',
        ]);
        expect(trees[0]).toMatchObject({ comm: 'calls', complete: true, root: { retval: 0 } });
      });

      test('idle tasks, which share a tid, have trees of their own', () => {
        const trees = treesOf('idle').filter(({ tid }) => tid === 0);
        const names = trees.map(({ comm, root }) => `${comm} on ${root.cpu}`);
        expect([...new Set(names)].sort()).toEqual(['swapper/0 on 0', 'swapper/1 on 1']);
        for (const tree of trees)
          expect(tree).toMatchObject({
            complete: true,
            root: {
              function: '__sysvec_apic_timer_interrupt',
              children: [{ function: 'hrtimer_interrupt' }],
            },
          });
      });

      test('what an interrupt calls is below the function that it interrupted', () => {
        const trees = treesOf('interrupted');
        expect(trees.length).toBe(10);
        const { calls: counted, lost } = summaryOf('interrupted');
        expect(counted).toBe(trees.reduce((sum, { root }) => sum + countCalls(root), 0));
        expect(lost).toMatchObject(noneButSkipped);
        for (const { root } of trees) {
          const own = project(fromJson(root), ['vfs_read', 'read_zero']);
          expect(shapeOf(own)).toBe('ksys_read(vfs_read(read_zero))');
        }
        expect(trees.map(({ root }) => shapeOf(fromJson(root))).join('\n')).toMatch(
          /read_zero\([^)]*sysvec_apic_timer_interrupt/,
        );
        expect(Math.max(...trees.map(({ root }) => deepest(root)))).toBeGreaterThanOrEqual(4);
      });
    });
}

function groupByTask<Made extends { readonly tid: number }>(all: readonly Made[]): Made[][] {
  const tasks = new Map<number, Made[]>();
  for (const made of all) tasks.set(made.tid, [...(tasks.get(made.tid) ?? []), made]);
  return [...tasks.values()];
}

/**
 * The different lines there are; a duration with its mark is 14 columns wide, or it stays. Not those of a few of
 * the 1,000 trees: a task that goes on elsewhere in the middle of a call leaves others.
 */
function linesWithoutTimes(text: string): string[] {
  const lines = text.split('\n').filter((line) => /^ \d\) /.test(line));
  const counts = countEach(
    lines.map((line) =>
      line.replace(/^ \d\) (?: {14}|. (?=[\d.]+ us).{12})\|/, '|').replace(/ *\/\*.*\*\//, ''),
    ),
  );
  return Object.keys(counts)
    .filter((line) => (counts[line] ?? 0) >= 100)
    .toSorted();
}
