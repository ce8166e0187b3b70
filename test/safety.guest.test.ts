/**
 * fsnoop takes everything, and gives it back: what a machine that matters asks of it. `npm run
 * test:safety` does the same for long.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestSession, type GuestSession } from './guest.js';
import { onlyLineOf } from './json-lines.js';
import {
  attached,
  buildStress,
  everything,
  keptKiB,
  nothingAttached,
  parseMemory,
  patient,
  readMemory,
  underStress,
} from './safety.js';

const storm = 'dd if=/dev/zero of=/dev/null bs=1';
const reads = '-k ksys_read -g --fgraph-include vfs_read,read_zero --args off';

/** Our own list has these too, and says why: no command tells them apart. */
const kernelDenied = `
import { readFileSync } from "node:fs";
const dist = "file:///usr/lib/node_modules/fsnoop/dist/";
const symbols = dist + "symbols/";
const { loadNative } = await import(dist + "attach/native.js");
const { Btf } = await import(symbols + "btf.js");
const { openKcore } = await import(symbols + "kcore.js");
const { denySymbol, readKernelDenied } = await import(symbols + "kernel-deny.js");
const lines = readFileSync("/proc/kallsyms", "latin1").split("\\n");
const line = lines.find((text) => text.endsWith(" " + denySymbol));
const address = BigInt("0x" + line.split(" ", 1)[0]);
const btf = new Btf(readFileSync("/sys/kernel/btf/vmlinux"), loadNative());
for (const id of readKernelDenied(address, openKcore())) console.log(btf.name(id));`;

const steps = {
  'all roots at a low rate': `fsnoop -k '*' --args off --max-rate 2K --duration 5m --output /dev/null ${patient}`,
  'nothing after all roots': nothingAttached,
  // the kernel keeps something of the first time
  'memory before': readMemory(2),
  everything: underStress(everything, 5),
  'nothing after everything': nothingAttached,
  'memory after': readMemory(2),
  'a low rate': `fsnoop ${reads} --max-rate 1K --strict --format json -c '${storm}' >/tmp/trace; status=$?; tail -n 1 /tmp/trace; exit $status`,
  'a low rate that nobody reads': `
    { fsnoop ${reads} --max-rate 1K -c '${storm}'; echo $? >/tmp/status; } | {
      sleep 15
      id=$(bpftool prog | sed -n 's/^\\([0-9]*\\): .*name on_call.*/\\1/p'); [ -n "$id" ] && echo loaded
      bpftool link | grep "prog $id *$"
      cat >/dev/null
    }; exit $(cat /tmp/status)`,
  'a high rate': `fsnoop ${reads} --max-rate 0 --format json -c '${storm} count=5000' | tail -n 1`,
  'nothing after the rates': nothingAttached,
  stopped: attached(
    `-k ksys_read --watchdog 2s --output /tmp/trace -c 'sleep 1000'`,
    `
    watchdog=$(pidof watchdog); readlink /proc/$watchdog/fd/0; readlink /proc/$watchdog/fd/1
    kill -STOP $tracer; sleep 1; bpftool link | grep -q prog && echo attached
    for try in $(seq 40); do [ -d /proc/$watchdog ] || break; sleep 0.2; done
    wait $tracer; echo $?`,
  ),
  'nothing after it was stopped': nothingAttached,
  'stopped for a moment': attached(
    `-k ksys_read --watchdog 8s --output /tmp/trace`,
    `
    kill -STOP $tracer; sleep 1; kill -CONT $tracer; sleep 8; kill -INT $tracer
    wait $tracer; echo $?; pidof watchdog`,
  ),
  'nobody watches': attached(
    `-k ksys_read --watchdog 0 --output /tmp/trace`,
    `pidof watchdog; kill -INT $tracer; wait $tracer; echo $?`,
  ),
  'all tasks': attached(
    `-k 'ksys_*' --output /tmp/trace`,
    `pidof watchdog >/tmp/pid; sleep 2; kill -INT $tracer; wait $tracer
    grep -c " $(cat /tmp/pid):" /tmp/trace`,
  ),
  'a reader that leaves': `fsnoop -k ksys_read 2>&1 | head -n 1 >/dev/null; echo over`,
  denied: `node --input-type=module -e '${kernelDenied}'`,
} as const;

type Step = keyof typeof steps;

let stress: Awaited<ReturnType<typeof buildStress>>;
let run: GuestSession<Step>;

beforeAll(async () => {
  stress = await buildStress();
  run = await guestSession({
    ...stress.machine,
    timeoutMs: 3_000_000,
    stepTimeoutMs: 900_000,
    steps,
  });
}, 3_100_000);

afterAll(() => stress[Symbol.asyncDispose]());

const step = (name: Step) => run.steps[name];

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

test.each(Object.keys(steps).filter((name) => name.startsWith('nothing ')) as Step[])(
  '%s is attached',
  (name) => {
    expect(step(name)).toMatchObject({ status: 0, stdout: '' });
  },
);

describe('everything', () => {
  test('is attached while the machine works, and works right', () => {
    expect(step('everything').stdout).toMatch(/^OK: \d+ rounds\nstress: 0\nfsnoop: 130\n$/);
  });

  test('is told before', () => {
    const [, count = ''] =
      /^Attaching to ([\d,]+) functions: /m.exec(step('everything').stderr) ?? [];
    expect(Number(count.replaceAll(',', ''))).toBeGreaterThan(35_000);
  });

  test('gives its memory back', () => {
    const before = parseMemory(step('memory before').stdout);
    const after = parseMemory(step('memory after').stdout);
    expect(before.available - after.available).toBeLessThan(keptKiB.byWorkers);
    expect(after.slab - before.slab).toBeLessThan(keptKiB.byWorkers);
  });
});

describe('too many records a second', () => {
  test('end the trace, even of all functions as roots', () => {
    const { status, stderr } = step('all roots at a low rate');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Stopped: [\d,]+ records a second, where --max-rate allows 2,000\.$/m);
    expect(stderr).toMatch(/^Stopped: .*\nMost records until then: \w+ [\d,]+/m);
    expect(stderr).toMatch(
      /^Most records: (\w+ [\d,]+, ){4}\w+ [\d,]+\. To have fewer: another -k/m,
    );
  });

  test('are named with the functions that made them, and how to leave those out', () => {
    const { status, stdout, stderr } = step('a low rate');
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^Most records until then: \w+ [\d,]+, \w+ [\d,]+, \w+ [\d,]+\. To leave out: --fgraph-exclude '(vfs_read,read_zero|read_zero,vfs_read)'$/m,
    );
    const { stopped, hot } = onlyLineOf(stdout, 'summary');
    expect(stopped).toMatchObject({ reason: 'max-rate', maxRate: 1000 });
    expect(stopped?.recordsPerSecond).toBeGreaterThan(1000);
    expect(hot.map(({ function: name }) => name).sort()).toEqual([
      'ksys_read',
      'read_zero',
      'vfs_read',
    ]);
  });

  test('end it where nobody takes what is written', () => {
    expect(step('a low rate that nobody reads')).toMatchObject({
      status: 1,
      stdout: 'loaded\n',
      stderr: expect.stringContaining('Stopped: ') as string,
    });
  });

  test('are not too many without a limit', () => {
    const { calls, lost, stopped, hot } = onlyLineOf(step('a high rate').stdout, 'summary');
    expect(stopped).toBeNull();
    expect(lost.ring).toBe(0);
    expect(hot.reduce((sum, { records }) => sum + records, 0)).toBe(calls);
  });
});

describe('the watchdog', () => {
  test('kills what was stopped, says so, and goes', () => {
    const { stdout, stderr } = step('stopped');
    expect(stdout).toMatch(/^\/dev\/null\n\/dev\/null\nattached\n137\n$/);
    expect(stderr).toMatch(/^fsnoop \(\d+\) gave no sign of life for 2 s: .*Ctrl-Z.*--watchdog/m);
  });

  test('leaves what goes on in time, and goes with it', () => {
    const { stdout, stderr } = step('stopped for a moment');
    expect(stdout).toBe('130\n');
    expect(stderr).not.toContain('no sign of life');
  });

  test('is not there where nobody wants it', () => {
    expect(step('nobody watches').stdout).toBe('130\n');
  });

  test('is not traced', () => {
    expect(step('all tasks').stdout).toBe('0\n');
  });

  test('keeps no pipe open', () => {
    expect(step('a reader that leaves').stdout).toBe('over\n');
  });
});

test('what the running kernel denies is found in its memory', () => {
  const names = step('denied').stdout.trimEnd().split('\n');
  expect(names).toEqual(expect.arrayContaining(['__rcu_read_lock', 'migrate_disable']));
  expect(names.length).toBeLessThan(20);
});
