/** What does not make sense, or can't be done here, is one message with the next step. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';

type StepResult = GuestSession<string>['steps'][string];

const attempt = (flags: string) => `fsnoop ${flags} --ready-file /tmp/ready`;
const read = '-k vfs_read';

/** Flags, exit status, and what the message says; lines are joined. */
const wrong = {
  'an unknown function': [
    '-k vfs_raed',
    2,
    /'vfs_raed' is no function of this kernel\..*Did you mean: .*vfs_read/,
  ],
  'an unknown function below': [
    '-k ksys_read -g --fgraph-include vfs_raed',
    2,
    /'vfs_raed' is no function of this kernel\..*Did you mean: .*vfs_read/,
  ],
  'a pattern that matches nothing': [
    "-k 'vfs_raed*'",
    2,
    /-k 'vfs_raed\*' matches no function of this kernel\..*fsnoop list/,
  ],
  'a function that cannot be traced': [
    '-k do_exit',
    2,
    /do_exit can't be traced: \w+.*fsnoop list/,
  ],
  'a pattern that matches nothing traceable': [
    "-k '__x64_sys_exi[t]*'",
    2,
    /None of the 2 functions that -k '__x64_sys_exi\[t\]\*' matches can be traced \([\w -]+: 2\)\..*fsnoop list/,
  ],
  'an empty pattern': ["-k ''", 2, /-k has an empty pattern.*-k 'vfs_read,ext4_\*'/],
  'an empty pattern between commas': ["-k 'vfs_read,,vfs_write'", 2, /-k has an empty pattern/],
  'a pattern that is no name': ["-k 'vfs read'", 2, /'vfs read' is neither .* nor a glob/],
  'no pattern': ['--duration 1s', 2, /kfunc/],
  'a root that is left out': [
    "-k ksys_read -g --fgraph-exclude 'ksys_*'",
    2,
    /--fgraph-exclude 'ksys_\*' leaves out ksys_read, which is to be traced/,
  ],
  'an unknown flag': [`${read} --nonsense`, 2, /--nonsense/],
  'a negative depth': [`${read} --fgraph-max-depth=-1`, 2, /fgraph-max-depth.*-1/],
  'no depth': [`${read} --fgraph-max-depth 0`, 2, /fgraph-max-depth.*\b1\b.*0/],
  'a depth too deep': [`${read} --fgraph-max-depth 501`, 2, /fgraph-max-depth.*501/],
  'a depth that is no number': [`${read} --fgraph-max-depth deep`, 2, /fgraph-max-depth.*deep/],
  'no events': [`${read} --limit-events 0`, 2, /limit-events.*0/],
  'a size that is none': [`${read} --buffer 12Q`, 2, /--buffer '12Q' is not a size.*16M/],
  'a size of nothing': [`${read} --buffer 0`, 2, /--buffer '0' is not a size/],
  'a rate that is none': [`${read} --max-rate much`, 2, /--max-rate 'much' is not a number.*2M/],
  'a watchdog without a time': [`${read} --watchdog no`, 2, /--watchdog 'no' is not a time.*5m/],
  'a watchdog in a hurry': [`${read} --watchdog 10ms`, 2, /--watchdog '10ms' is too short.*0/],
  'a duration that is none': [`${read} --duration soon`, 2, /--duration 'soon' is not a time.*5m/],
  'a time without unit': [
    `${read} --min-duration 10`,
    2,
    /--min-duration '10' is not a time.*10us/,
  ],
  'a cgroup that is not there': [
    `${read} --cgroup no/such`,
    2,
    /There is no cgroup \/sys\/fs\/cgroup\/no\/such\..*\/proc\/PID\/cgroup/,
  ],
  'a process that is none': [`${read} --filter-pid me`, 2, /--filter-pid 'me' is not a process id/],
  'a process id too large': [`${read} --filter-pid 4194304`, 2, /--filter-pid '4194304'/],
  'an empty name': [`${read} --comm ''`, 2, /--comm is empty/],
  'a name too long': [
    `${read} --comm sixteen-letters-`,
    2,
    /--comm 'sixteen-letters-' has 16 bytes.*'sixteen-letters'/,
  ],
  'a command and a process': [
    `${read} -c true --filter-pid 1`,
    2,
    /--filter-pid.*--command|--command.*--filter-pid/,
  ],
  'whole trees as they come': [
    `${read} --live --style ftrace`,
    2,
    /--style ftrace shows whole trees.*--live/,
  ],
  'a style that is none': [`${read} --style fancy`, 2, /--style.*tree, ftrace, arrows/],
  'a format that is none': [`${read} --format xml`, 2, /--format.*text, json/],
  'an empty command': [`${read} -c ''`, 2, /The command is empty.*-c 'cat/],
  'a command that is not there': [
    `${read} -c 'no-such-program x'`,
    2,
    /no program no-such-program to run/,
  ],
  'a command that is no program': [`${read} -c /root`, 2, /no program \/root to run/],
  'a shell that finds no program': [`${read} -c 'no-such-program; exit 9'`, 9, /not found/],
} as const satisfies Record<string, readonly [string, number, RegExp]>;

/** What is not there, and how the step takes it away. */
const lacking = {
  'no privilege': [
    `calls as 1000 ${attempt(`${read} --duration 1s`)}`,
    /available_filter_functions is not for this user to read.*sudo/,
  ],
  'no privilege but for tracefs': [
    `chmod a+rx /sys/kernel/tracing; chmod a+r /sys/kernel/tracing/available_filter_functions
     calls as 1000 ${attempt(`${read} -c true`)}`,
    /CAP_BPF and CAP_PERFMON.*sudo/,
  ],
  'no BTF': [
    `mount -t tmpfs none /sys/kernel/btf; ${attempt(`${read} -c true`)}; status=$?
     umount /sys/kernel/btf; exit $status`,
    /BTF.*Try this/,
  ],
  'no tracefs, and no kcore to do without': [
    `umount /sys/kernel/debug/tracing; umount /sys/kernel/debug; umount /sys/kernel/tracing
     ls /sys/kernel/tracing
     fsnoop ${read} -c true >/dev/null 2>&1 || exit 99
     mount --bind /dev/null /proc/kcore
     ${attempt(`${read} -c true`)}; status=$?
     umount /proc/kcore; mount -t tracefs none /sys/kernel/tracing; exit $status`,
    /tracefs.*Try this.*mount -t tracefs/,
  ],
} as const satisfies Record<string, readonly [string, RegExp]>;

let calls: BuiltProgram;

beforeAll(async () => {
  calls = await buildCalls();
});

afterAll(() => calls[Symbol.asyncDispose]());

const files = () => [{ path: calls.path }, { path: '/usr/sbin/bpftool' }];
const nothingAttached = 'ls /tmp/ready; bpftool link; bpftool prog';

describe('on 7.2', () => {
  let run: GuestSession<string>;

  beforeAll(async () => {
    const steps = {
      ...Object.fromEntries(Object.entries(wrong).map(([name, [flags]]) => [name, attempt(flags)])),
      'nothing attached': nothingAttached.replace('ls /tmp/ready', 'rm -f /tmp/ready'),
      ...Object.fromEntries(Object.entries(lacking).map(([name, [script]]) => [name, script])),
      'nothing attached for lack of something': nothingAttached,
      'no user of that number': `unset SHELL; calls as 4321 fsnoop --version`,
    };
    run = await guestSession({ files: files(), timeoutMs: 900_000, steps });
  }, 1_000_000);

  test('nothing is wrong with the kernel', () => {
    expect(run.splats).toEqual([]);
  });

  test.each(Object.entries(wrong))('%s', (name, [, status, message]) => {
    const result = run.steps[name];
    expect(saidBy(result)).toMatch(message);
    expect(result?.status).toBe(status);
    if (status === 2) expectOneMessage(result);
  });

  test.each(Object.entries(lacking))('%s', (name, [, message]) => {
    const result = run.steps[name];
    expect(saidBy(result)).toMatch(message);
    expect(result?.status).toBe(5);
    expectOneMessage(result);
  });

  test('nothing is attached meanwhile', () => {
    expect(run.steps['nothing attached']).toMatchObject({ stdout: '', stderr: '' });
    expect(run.steps['nothing attached for lack of something']?.stdout).toBe('');
  });

  test('a user whom /etc/passwd does not have is no bug', () => {
    expect(run.steps['no user of that number']).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('on 6.1, which has fentry+fexit alone', () => {
  let run: GuestSession<'trace' | 'multi' | 'fprobe' | 'tooMany' | 'dryRun' | 'after'>;

  beforeAll(async () => {
    const steps = {
      trace: `fsnoop ${read} --format json -c true`,
      multi: attempt(`${read} -c true --method fsession.multi`),
      fprobe: attempt(`${read} -c true --method kprobe.multi`),
      tooMany: attempt("-k ksys_read -g --fgraph-include '[a-f]*' -c true"),
      dryRun: `fsnoop ${read} --dry-run --format json`,
      after: nothingAttached,
    };
    run = await guestSession({ kernel: '6.1', files: files(), steps });
  }, 600_000);

  test('it traces by that, and says so', () => {
    const { trace, dryRun } = run.steps;
    expect(trace).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(trace.stdout.split('\n')[0] ?? '')).toMatchObject({
      type: 'start',
      method: 'fentry+fexit',
    });
    expect(JSON.parse(dryRun.stdout)).toMatchObject({ method: 'fentry+fexit' });
    expect(run.splats).toEqual([]);
  });

  test('of the others it says what is lacking and where to find it', () => {
    const { multi, fprobe, tooMany, after } = run.steps;
    const advice = 'Leave out --method: it has fentry\\+fexit.*fsnoop vm --kernel 7\\.2';
    const lacks = (method: string, since: string) =>
      new RegExp(`kernel \\(6\\.1\\.\\S*\\) has no ${method},.* Linux ${since}.*${advice}`);
    expect(saidBy(multi)).toMatch(lacks('fsession\\.multi', '7\\.2'));
    // Debian builds 6.1 without CONFIG_FPROBE
    expect(saidBy(fprobe)).toMatch(lacks('kprobe\\.multi', '5\\.18'));
    for (const step of [multi, fprobe]) {
      expect(step.status).toBe(5);
      expectOneMessage(step);
    }
    expect(tooMany.status).toBe(2);
    expect(saidBy(tooMany)).toMatch(
      /[\d,]+ functions are too many for the method fentry\+fexit, which loads 2 programs for each: it takes 750\./,
    );
    expect(after.stdout).toBe('');
  });
});

/** The message without its line breaks: it is wrapped to the width of a terminal. */
function saidBy(result: StepResult | undefined): string {
  return (result?.stderr ?? '').replace(/\s+/g, ' ');
}

function expectOneMessage(result: StepResult | undefined): void {
  expect(result?.stdout).toBe('');
  expect(result?.stderr).not.toMatch(/^ +at |This is a bug/m);
  expect(result?.stderr.match(/Error: |not found/g)?.length).toBe(1);
}
