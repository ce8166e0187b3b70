/** Recordings of a real kernel: made in a guest, read there and on this machine. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportRecording } from '../src/recorded/export.js';
import type { PrinterOptions } from '../src/tracing/printer.js';
import { replay } from '../src/recorded/replay.js';
import { guestSession, type GuestSession } from './guest.js';
import { childrenOf, linesOf, onlyLineOf, type JsonNode } from './json-lines.js';

const what =
  "-k do_sys_openat2 -g --fgraph-include path_openat,vfs_open --output-arg 'str(filename)' --output-arg 'hist($duration)' --output-stack --args full";
const workload = "-c 'busybox cat /etc/hostname /nope'";
const five =
  '-k ksys_read -g --fgraph-include vfs_read,rw_verify_area,security_file_permission,read_zero --args off';
const manyReads = 20_000;

const steps = {
  traced: `fsnoop ${what} --format json -o /tmp/traced ${workload} >&2
    status=$?
    cat /tmp/traced
    exit $status`,
  recorded: `echo name >/etc/hostname
    fsnoop record ${what} -o /tmp/opens ${workload} >&2
    status=$?
    base64 -w 0 /tmp/opens
    exit $status`,
  tree: 'fsnoop tree /tmp/opens',
  ftrace: 'fsnoop tree /tmp/opens --style ftrace',
  arrows: 'fsnoop tree /tmp/opens --style arrows',
  json: 'fsnoop tree /tmp/opens --format json',
  piped: `fsnoop record -k vfs_read -o - -c 'head -n 1 /etc/hostname' | fsnoop tree - -o -`,
  'a limit': `fsnoop record -k vfs_read -o /tmp/limited --limit-events 3 -c 'dd if=/dev/zero of=/dev/null bs=1 count=500'
    fsnoop tree /tmp/limited`,
  live: `fsnoop record -k vfs_read --live -o /tmp/live -c 'head -n 1 /etc/hostname' && fsnoop tree /tmp/live --live`,
  interrupted: `fsnoop record -k vfs_read -o /tmp/interrupted --ready-file /tmp/ready &
    while [ ! -s /tmp/ready ]; do sleep 0.1; done
    head -n 1 /etc/hostname
    kill -INT $!
    wait $!
    echo status $?
    fsnoop tree /tmp/interrupted --format json | tail -n 1`,
  killed: `fsnoop record -k vfs_read -o /tmp/killed --ready-file /tmp/ready-too &
    while [ ! -s /tmp/ready-too ]; do sleep 0.1; done
    head -n 1 /etc/hostname
    sleep 4
    kill -9 $!
    wait $!
    fsnoop tree /tmp/killed`,
  overrun: `fsnoop record -k vfs_read --buffer 4K --strict -o /tmp/overrun -c 'dd if=/dev/zero of=/dev/null bs=1 count=20000'
    echo status $?
    fsnoop tree /tmp/overrun --format json | tail -n 1`,
  'dry run': `echo kept >/tmp/kept
    fsnoop record -k vfs_read -o /tmp/kept --dry-run
    cat /tmp/kept`,
  many: `fsnoop record ${five} -o /tmp/many -c 'dd if=/dev/zero of=/dev/null bs=1 count=${manyReads}'
    stat -c %s /tmp/many
    fsnoop report /tmp/many --json`,
  waiting: `fsnoop record -k vfs_read --cpu-time -o /tmp/waiting -c "sh -c 'sleep 0.2 | cat'"
    fsnoop tree /tmp/waiting --format json
    fsnoop report /tmp/waiting --json >&2`,
};
type Step = keyof typeof steps;

let run: GuestSession<Step>;
let folder: string;
/** On this machine, what the guest recorded. */
let recording: string;

beforeAll(async () => {
  run = await guestSession({ timeoutMs: 900_000, stepTimeoutMs: 120_000, steps });
  folder = await mkdtemp(join(tmpdir(), 'fsnoop-record-'));
  recording = join(folder, 'opens');
  await writeFile(recording, Buffer.from(run.steps.recorded.stdout, 'base64'));
}, 1_000_000);

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What `fsnoop tree` prints here of what was recorded there. */
async function printHere(options: Partial<PrinterOptions>): Promise<string> {
  const output = join(folder, 'printed');
  await replay({
    ...({ format: 'text', style: 'tree', live: false, width: null, color: false } as const),
    ...{ limitEvents: null, verbose: false, onNote: () => undefined },
    ...{ path: recording, output },
    ...options,
  });
  return readFile(output, 'utf8');
}

/** Functions with what they were given and returned: what two runs of a command have alike. */
function outline(call: JsonNode): unknown {
  return {
    function: call.function,
    failed: call.errno,
    arguments: call.args.map(({ name }) => name),
    outputs: call.outputs.map(({ value }) => value),
    children: childrenOf(call).map(outline),
  };
}

describe('a recording', () => {
  test('ends with the command, and with its status', () => {
    const { status, stderr } = run.steps.recorded;
    expect(status).toBe(run.steps.traced.status);
    expect(stderr).toMatch(/\/tmp\/opens: [\d,]+ records in [\d.]+ KB\. Lost: none\.\n/);
  });

  test.each([
    ['tree', {}],
    ['ftrace', { style: 'ftrace' }],
    ['arrows', { style: 'arrows' }],
    ['json', { format: 'json' }],
  ] as const)('prints the same here as on the kernel that it is of: %s', async (step, options) => {
    const there = run.steps[step].stdout;
    expect(there).toContain('do_sys_openat2');
    expect(await printHere(options)).toBe(there);
  });

  test('tells what a trace of the same command tells', async () => {
    const outlines = (text: string) => linesOf(text, 'tree').map(({ root }) => outline(root));
    const here = await printHere({ format: 'json' });
    expect(outlines(here)).toEqual(outlines(run.steps.traced.stdout));
    expect(onlyLineOf(here, 'summary').lost).toMatchObject({ ring: 0, entry: 0, user: 0 });
  });

  test('has the names of addresses, and of what structs have', async () => {
    const text = await printHere({});
    expect(text).toMatch(/^ {2}__x64_sys_openat\+0x[\da-f]+$/m);
    expect(text).toMatch(/^ {2}do_syscall_64\+0x[\da-f]+$/m);
    expect(text).toContain('str(filename) = "/nope"');
    expect(text).toContain('*how = {');
    expect(text).toContain('hist($duration)');
  });

  test('can be exported here', async () => {
    const output = join(folder, 'exported');
    await exportRecording({
      ...{ path: recording, output, to: 'folded' },
      onNote: () => undefined,
    });
    expect(await readFile(output, 'utf8')).toMatch(/^busybox;do_sys_openat2;path_openat \d+$/m);
  });
});

test('a recording goes through a pipe', () => {
  expect(run.steps.piped).toMatchObject({ status: 0 });
  expect(run.steps.piped.stdout).toMatch(/ head \d+:\d+ .*vfs_read\(.* = 5$/m);
});

test('as many calls are printed as were asked for when they were recorded', () => {
  expect(run.steps['a limit'].stdout.match(/vfs_read\(/g)).toHaveLength(3);
});

test('what was recorded live is printed live', () => {
  expect(run.steps.live).toMatchObject({ status: 0 });
  expect(run.steps.live.stdout.match(/vfs_read/g)?.length).toBeGreaterThanOrEqual(2);
});

test('Ctrl-C leaves a whole file', () => {
  const [, status, summary = ''] = /status (\d+)\n(.*\n)$/.exec(run.steps.interrupted.stdout) ?? [];
  expect(status).toBe('130');
  expect(onlyLineOf(summary, 'summary').calls).toBeGreaterThan(0);
});

test('kill -9 leaves all but the last second, and the loss of the rest is told', () => {
  const { stdout, stderr, status } = run.steps.killed;
  expect(stdout).toMatch(/ head \d+:\d+ .*vfs_read\(/);
  expect(stderr).toMatch(/Error: \/tmp\/killed is cut off at byte \d+/);
  expect(status).toBe(1);
});

test('records that found no room are counted, and --strict says so', () => {
  const [, status, summary = ''] = /status (\d+)\n(.*\n)$/.exec(run.steps.overrun.stdout) ?? [];
  expect(status).toBe('4');
  expect(onlyLineOf(summary, 'summary').lost.ring).toBeGreaterThan(0);
  expect(run.steps.overrun.stderr).toMatch(/Lost [\d,]+ records: ring/);
});

test('--dry-run prints the plan and leaves the file alone', () => {
  expect(run.steps['dry run'].stdout).toMatch(/^Method[^]*\nkept\n$/);
});

test('a call without arguments takes at most ten bytes, of which there are as many as were made', () => {
  const [size, ...lines] = run.steps.many.stdout.split('\n');
  const functions = lines
    .filter((line) => line.includes('"type":"function"'))
    .map((line) => JSON.parse(line) as { readonly function: string; readonly calls: number });
  const calls = functions.reduce((sum, one) => sum + one.calls, 0);
  expect(functions.find((one) => one.function === 'read_zero')?.calls).toBe(manyReads);
  expect(Number(size) / calls).toBeLessThan(10);
});

test('a report adds up what the calls were off the CPU', () => {
  const { stdout, stderr } = run.steps.waiting;
  const calls = linesOf(stdout, 'call');
  const [, told] = /"function":"vfs_read".*"offCpuNs":(\d+)/.exec(stderr) ?? [];
  const sum = calls.reduce((all, { offCpuNs = 0 }) => all + offCpuNs, 0);
  expect(Number(told)).toBe(sum);
  expect(sum).toBeGreaterThan(100_000_000); // most of the sleep, while cat waits for its pipe
});
