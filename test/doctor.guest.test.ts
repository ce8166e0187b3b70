/** `fsnoop doctor` by root and others, and where settings forbid tracing; on older kernels: trace-tests.ts. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Diagnosis } from '../src/render/doctor.js';
import { guestSession, type GuestSession, type StepResult } from './guest.js';
import { asNobody, withoutPrivileges } from './nobody.js';

const diagnosisOf = ({ stdout }: StepResult) =>
  JSON.parse(stdout) as Diagnosis & { readonly canTrace: boolean };

const answerOf = (step: StepResult, name: string) =>
  [...diagnosisOf(step).machine, ...diagnosisOf(step).methods].find(
    (finding) => finding.name === name,
  )?.answer;

const read = "-c 'dd if=/dev/zero of=/dev/null bs=1 count=3'";

/** With what the doctor names and nothing else: the words of its advice, for a user without a name. */
const withCapabilities = `
doctor=$(${withoutPrivileges} fsnoop doctor)
caps=$(echo "$doctor" | sed -n 's/.*caps=\\([^;]*\\);.*/-all,\\1/p'); echo "$caps"
as() { ${asNobody} --inh-caps $caps --ambient-caps $caps --bounding-set $caps -- "$@"; }
as fsnoop doctor | tail -n 1
as fsnoop -k vfs_read -g ${read} | grep -c ' vfs_read('`;

const set = (setting: string, value: number, then: string) => `
echo ${value} >/proc/sys/${setting}; ${then}; status=$?; echo 1 >/proc/sys/${setting}; exit $status`;

const steps = {
  root: 'fsnoop doctor --json',
  text: 'fsnoop doctor',
  nobody: `${withoutPrivileges} fsnoop doctor --json`,
  'nobody traces': `${withoutPrivileges} fsnoop -k vfs_read`,
  'capabilities alone': withCapabilities,
  'without ftrace': set('kernel/ftrace_enabled', 0, 'fsnoop doctor --json'),
  'a trace without ftrace': set('kernel/ftrace_enabled', 0, `fsnoop -k vfs_read ${read}`),
  'without JIT': set('net/core/bpf_jit_enable', 0, 'fsnoop doctor --json'),
  'a trace without JIT': set('net/core/bpf_jit_enable', 0, `fsnoop -k vfs_read ${read}`),
  afterwards: `fsnoop doctor --json; fsnoop -k vfs_read ${read}`,
  'locked down for integrity': `
    mount -t securityfs securityfs /sys/kernel/security
    echo integrity >/sys/kernel/security/lockdown; fsnoop doctor --json`,
  'a trace under integrity': `fsnoop -k vfs_read -g ${read} | grep -c ' vfs_read('`,
  'locked down for confidentiality':
    'echo confidentiality >/sys/kernel/security/lockdown; fsnoop doctor --json',
  'a trace under confidentiality': `fsnoop -k vfs_read -g ${read}`,
  'nothing attached': 'bpftool link; bpftool prog',
};

describe('on 7.2', () => {
  let run: GuestSession<keyof typeof steps>;
  const step = (name: keyof typeof steps) => run.steps[name];

  beforeAll(async () => {
    const files = ['/usr/sbin/bpftool', '/usr/bin/setpriv'].map((path) => ({ path }));
    run = await guestSession({ files, timeoutMs: 600_000, stepTimeoutMs: 120_000, steps });
  }, 700_000);

  test('nothing is wrong with the kernel, and nothing left attached', () => {
    expect(run.splats).toEqual([]);
    expect(step('nothing attached').stdout).toBe('');
  });

  test('root can trace', () => {
    const { status } = step('root');
    const found = diagnosisOf(step('root'));
    expect(status).toBe(0);
    expect(found).toMatchObject({ canTrace: true, method: 'fsession.multi', arch: 'x64' });
    expect(found.kernel).toMatch(/^7\.2\./);
    expect(found.machine.filter(({ answer }) => answer === 'no')).toEqual([]);
    expect(found.methods.map(({ answer }) => answer)).toEqual(found.methods.map(() => 'yes'));
  });

  test('as a person reads it', () => {
    const { stdout, stderr } = step('text');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^Linux 7\.2\..*, x64\n\n✓ privileges {7}root has all/);
    expect(stdout).toMatch(/\n\nfsnoop can trace here, by fsession\.multi\.\n$/);
  });

  test('another user cannot, and is told which capabilities it takes', () => {
    const { status } = step('nobody');
    const found = diagnosisOf(step('nobody'));
    expect(status).toBe(5);
    expect(found).toMatchObject({ canTrace: false, method: null });
    expect(found.methods.map(({ answer }) => answer)).toEqual(
      found.methods.map(() => 'could not tell'),
    );
    expect(found.machine.find(({ name }) => name === 'privileges')).toMatchObject({
      answer: 'no',
      detail: 'user 1000 lacks CAP_BPF, CAP_PERFMON, CAP_DAC_READ_SEARCH',
    });
    // it is running
    expect(step('nobody').stdout).not.toContain('fsnoop doctor');
    expect(step('nobody traces')).toMatchObject({
      status: 5,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error: .*\nTry this: .*sudo(.|\n)*fsnoop doctor\n$/,
      ) as string,
    });
  });

  test('with these alone it can, and finds callees', () => {
    expect(step('capabilities alone').stdout).toBe(
      '-all,+bpf,+perfmon,+dac_read_search,+syslog,+sys_rawio\nfsnoop can trace here, by fsession.multi.\n3\n',
    );
  });

  test.each([
    ['ftrace', 'kernel.ftrace_enabled'],
    ['JIT', 'net.core.bpf_jit_enable'],
  ] as const)('without %s it says how to have it', (what, setting) => {
    expect(step(`without ${what}`).status).toBe(5);
    expect(answerOf(step(`without ${what}`), what === 'JIT' ? 'BPF JIT' : what)).toBe('no');
    expect(diagnosisOf(step(`without ${what}`)).method).toBeNull();
    expect(step(`a trace without ${what}`)).toMatchObject({ status: 5, stdout: '' });
    expect(step(`a trace without ${what}`).stderr).toMatch(
      new RegExp(`^Error: .*\\(${setting} is 0\\).*\nTry this: sudo sysctl ${setting}=1\n$`),
    );
  });

  test('what was set for a moment leaves nothing behind', () => {
    const [told = '', ...traced] = step('afterwards').stdout.split('\n');
    expect(JSON.parse(told)).toMatchObject({ canTrace: true });
    expect(traced.filter((line) => line.includes('vfs_read('))).toHaveLength(3);
  });

  test('integrity is no matter', () => {
    expect(step('locked down for integrity').status).toBe(0);
    expect(answerOf(step('locked down for integrity'), 'lockdown')).toBe('yes');
    expect(step('a trace under integrity').stdout).toBe('3\n');
  });

  test('confidentiality is the end of it, and is said', () => {
    const locked = step('locked down for confidentiality');
    expect(locked.status).toBe(5);
    expect(['lockdown', 'kcore', 'symbols'].map((name) => answerOf(locked, name))).toEqual([
      'no',
      'no',
      'no',
    ]);
    expect(step('a trace under confidentiality')).toMatchObject({
      status: 5,
      stdout: '',
      stderr: expect.stringMatching(
        /^Error: This kernel is locked down \(confidentiality\).*\nTry this: Boot without/,
      ) as string,
    });
  });
});
