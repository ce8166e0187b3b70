/** How a trace ends, well or badly: what it prints, with which exit status, and what stays behind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';
import { childrenOf, linesOf, onlyLineOf, parseJsonLines } from './json-lines.js';
import { leftovers } from './safety.js';

const graph = `-k ksys_read -g --fgraph-include vfs_read,read_zero`;
const sleeps = `-k hrtimer_nanosleep -g --fgraph-include do_nanosleep,schedule --format json`;
const thousands = `-k ksys_read -g --fgraph-include '[ab]*'`;
/** Reads made with a buffer too small for them, and the records they would have. */
const reads = 20_000;
const records = 3 * reads;

/** fsnoop in the background, its process id in $tracer; then what is done to it. */
const attached = (flags: string, then: string) => `
rm -f /tmp/ready
fsnoop ${flags} --ready-file /tmp/ready &
tracer=$!
while ! [ -s /tmp/ready ]; do sleep 0.1; done
${then}
wait $tracer; status=$?
pidof calls >/tmp/left && kill -9 $(cat /tmp/left)
exit $status`;

/** The same, but fsnoop still attaches: its programs are loaded, and it is not ready. */
const attaching = (flags: string, then: string) => `
rm -f /tmp/ready
fsnoop ${flags} --ready-file /tmp/ready &
tracer=$!
while ! bpftool prog | grep -q on_call; do :; done
[ -e /tmp/ready ] && echo too late
${then}
wait $tracer`;

const fullDisk = (then: string) => `
mkdir -p /tmp/full; mount -t tmpfs -o size=64k none /tmp/full
${then}
wc -c </tmp/full/trace; head -1 /tmp/full/trace; umount /tmp/full; exit $status`;

/**
 * Of 8K, the second tree fills more in one go than twice that holds, so that it doesn't help to be read once in the
 * meantime; its root returns when there is room again.
 */
const received = `-k __sys_recvfrom -g --fgraph-include skb_copy_datagram_iter`;
const messages = { few: 3, many: 250 };
const receives = `-c 'sh -c "calls receive ${messages.few} 10; calls receive ${messages.many} 300"'`;

/** Each is followed by a look at what it left in the kernel. */
const steps = {
  'a buffer too small': `fsnoop ${graph} --format json --buffer 4096 -c 'calls read ${reads}'`,
  gaps: `fsnoop ${received} --buffer 8K --format json ${receives}`,
  'gaps, in text': `fsnoop ${received} --buffer 8K --strict ${receives}`,
  'a buffer too small, strictly': `fsnoop ${graph} --buffer 4096 --strict -c 'calls read ${reads}' >/dev/null`,
  'a buffer too small, without a tree': `fsnoop -k ksys_read --format json --buffer 4096 -c 'calls read ${records}'`,
  'nothing lost, strictly': `fsnoop ${graph} --strict -c 'calls read 5'`,
  'SIGINT inside a call': attached(
    `${sleeps} -c 'calls sleep 1 1000000'`,
    'sleep 1; kill -INT $tracer',
  ),
  'SIGINT under load': attached(
    `${graph} --args off --format json --output /tmp/trace -c 'calls forever'`,
    'sleep 0.3; kill -INT $tracer',
  ).replace('exit', 'tail -1 /tmp/trace; exit'),
  SIGTERM: attached(`${sleeps} -c 'calls sleep 1 1000000'`, 'sleep 1; kill -TERM $tracer'),
  'SIGTERM under load': attached(
    `${graph} --args off -c 'calls forever' >/dev/null`,
    'sleep 0.3; kill -TERM $tracer',
  ),
  SIGHUP: attached(`${sleeps} -c 'calls sleep 1 1000000'`, 'sleep 1; kill -HUP $tracer'),
  SIGKILL: attached(
    `${graph} -c 'calls forever' >/dev/null`,
    'bpftool link; bpftool prog; kill -KILL $tracer',
  ),
  'SIGINT twice': attached(
    `${thousands} --format json -c 'calls sleep 1 1000000'`,
    'kill -INT $tracer; sleep 0.2; kill -INT $tracer',
  ),
  'SIGINT while attaching': attaching(
    `${thousands} --format json -c 'calls sleep 1 1000000'`,
    'kill -INT $tracer',
  ),
  'SIGKILL while attaching': attaching(
    `${thousands} -c 'calls sleep 1 1000000'`,
    'kill -KILL $tracer',
  ),
  'a closed pipe': `{ fsnoop ${graph} -c 'calls forever'; echo $? >/tmp/status; } | head -1; exit $(cat /tmp/status)`,
  'a closed pipe, of JSON': `{ fsnoop ${graph} --format json -c 'calls forever'; echo $? >/tmp/status; } | head -3; exit $(cat /tmp/status)`,
  'a full disk': fullDisk(`fsnoop ${graph} --output /tmp/full/trace -c 'calls forever'; status=$?`),
  'a full disk behind stdout': fullDisk(
    `fsnoop ${graph} --format json -c 'calls forever' >/tmp/full/trace; status=$?`,
  ),
  'no such folder': `fsnoop ${graph} --output /nowhere/trace -c 'calls read 1'`,
};

type Step = keyof typeof steps;
const names = Object.keys(steps) as Step[];

const withLeftovers = Object.fromEntries(
  names.flatMap((name) => [
    [name, steps[name]],
    [`after ${name}`, leftovers],
  ]),
) as Record<Step | `after ${Step}`, string>;

let calls: BuiltProgram;
let run: GuestSession<Step | `after ${Step}`>;

beforeAll(async () => {
  calls = await buildCalls();
  run = await guestSession({
    files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    steps: withLeftovers,
  });
}, 1_000_000);

afterAll(() => calls[Symbol.asyncDispose]());

const step = (name: Step) => run.steps[name];

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

test('while it traces, its program and its link are there', () => {
  expect(step('SIGKILL').stdout).toMatch(/^\d+: .*prog \d+/m);
  expect(step('SIGKILL').stdout).toMatch(/^\d+: tracing +name on_call/m);
});

test.each(names)(
  '%s leaves no link, no program, no command, and no stack of JavaScript',
  (name) => {
    expect(run.steps[`after ${name}`]).toMatchObject({ stdout: '', stderr: '' });
    expect(step(name).stderr).not.toMatch(/^ +at |This is a bug/m);
  },
);

describe('losses', () => {
  test('are counted: recorded and lost are all calls that were made', () => {
    const { status, stdout } = step('a buffer too small');
    expect(status).toBe(0);
    const { calls: recorded, lost } = onlyLineOf(stdout, 'summary');
    expect(lost.ring).toBeGreaterThan(0);
    expect(lost).toMatchObject({ entry: 0, user: 0 });
    expect(recorded + lost.ring).toBeLessThanOrEqual(records);
    expect(recorded + lost.ring + lost.recursion).toBeGreaterThanOrEqual(records);
  });

  test('mark the trees that have gaps, and no others', () => {
    const trees = linesOf(step('gaps').stdout, 'tree');
    expect(trees.map(({ complete }) => complete)).toEqual([true, false]);
    const [whole, cut] = trees.map(({ root }) => childrenOf(root).length);
    expect(whole).toBe(messages.few + 1);
    expect(cut).toBeLessThan(messages.many);
    const { calls: recorded, lost } = onlyLineOf(step('gaps').stdout, 'summary');
    expect(lost).toMatchObject({ recursion: 0, entry: 0, user: 0 });
    // with the one that comes later, and the root
    expect(recorded + lost.ring).toBe(messages.few + 2 + messages.many + 2);
  });

  test('are counted in lines without a tree too', () => {
    const { stdout } = step('a buffer too small, without a tree');
    const { calls: recorded, lost } = onlyLineOf(stdout, 'summary');
    expect(lost.ring).toBeGreaterThan(0);
    expect(linesOf(stdout, 'call').length).toBe(recorded);
    expect(recorded + lost.ring).toBeLessThanOrEqual(records);
    expect(recorded + lost.ring + lost.recursion).toBeGreaterThanOrEqual(records);
  });

  test('are shown in text, with what to do', () => {
    const { stdout, stderr, status } = step('gaps, in text');
    expect(status).toBe(4);
    expect(stderr).toMatch(/^Lost \d+ records: ring \d+ \(try --buffer 32K\)\.$/m);
    const [lost] = /\d+/.exec(stderr.slice(stderr.indexOf('Lost '))) ?? [];
    expect(stdout.match(/^__sys_recvfrom · .*$/gm)).toEqual([
      expect.not.stringContaining('incomplete'),
      expect.stringContaining(`incomplete: ${lost} calls lost`),
    ]);
    expect(stdout).toMatch(new RegExp(`^ +├─ … ${lost} calls lost$`, 'm'));
  });

  test('are an exit status with --strict, which is 0 when nothing is lost', () => {
    expect(step('a buffer too small, strictly').status).toBe(4);
    expect(step('nothing lost, strictly').status).toBe(0);
  });
});

describe('signals', () => {
  test.each([
    ['SIGINT inside a call', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('after %s it prints what there is, and ends with %i', (name, status) => {
    expect(step(name).status).toBe(status);
    const [whole, open] = linesOf(step(name).stdout, 'tree');
    expect(whole).toMatchObject({ complete: true, root: { function: 'hrtimer_nanosleep' } });
    expect(open).toMatchObject({
      complete: false,
      why: 'tracing ended',
      root: {
        function: 'hrtimer_nanosleep',
        durationNs: null,
        children: [{ function: 'do_nanosleep', children: [{ function: 'schedule' }] }],
      },
    });
    expect(onlyLineOf(step(name).stdout, 'summary')).toMatchObject({ trees: 2, unfinished: 1 });
  });

  test('under load too there is a summary', () => {
    expect(step('SIGINT under load').status).toBe(130);
    expect(onlyLineOf(step('SIGINT under load').stdout, 'summary').trees).toBeGreaterThan(0);
    expect(step('SIGTERM under load').status).toBe(143);
    expect(step('SIGTERM under load').stderr).toMatch(/^[\d,]+ trees, [\d,]+ calls/m);
  });

  test('SIGKILL ends it as it ends everything', () => {
    expect(step('SIGKILL').status).toBe(137);
    expect(step('SIGKILL while attaching').status).toBe(137);
    expect(step('SIGKILL while attaching').stdout).not.toContain('too late');
  });

  test('a second SIGINT ends it at once, without a summary', () => {
    const { status, stdout } = step('SIGINT twice');
    expect(status).toBe(130);
    expect(parseJsonLines(stdout).map(({ type }) => type)).not.toContain('summary');
  });

  test('SIGINT while it attaches ends it when that is done', () => {
    const { status, stdout } = step('SIGINT while attaching');
    expect(stdout).not.toContain('too late');
    expect(status).toBe(130);
  });
});

describe('output that ends', () => {
  test('a reader that has enough is no error', () => {
    const text = step('a closed pipe');
    expect(text.status).toBe(141);
    expect(text.stdout).toMatch(/^ksys_read · calls \d+:\d+ · cpu \d\n$/);
    expect(text.stderr).not.toMatch(/EPIPE|could not/);
    const json = step('a closed pipe, of JSON');
    expect(json.status).toBe(141);
    expect(parseJsonLines(json.stdout).map(({ type }) => type)).toEqual(['start', 'tree', 'tree']);
  });

  test.each([
    ['a full disk', '/tmp/full/trace'],
    ['a full disk behind stdout', 'standard output'],
  ] as const)('%s is one message, and what fitted is there', (name, output) => {
    const { status, stdout } = step(name);
    expect(status).toBe(1);
    expect(saidBy(name)).toContain(
      `${output} could not be written: no space left on device (ENOSPC). Try this: Make room`,
    );
    expect(saidBy(name)).not.toContain('Lost: none.');
    expect(Number(stdout.split('\n')[0])).toBe(65536);
    expect(stdout.split('\n')[1]).toMatch(/^ksys_read · calls|^\{"type":"start"/);
  });

  test('a file that cannot be made is said before anything is attached', () => {
    const { status, stdout } = step('no such folder');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(saidBy('no such folder')).toMatch(
      /\/nowhere\/trace could not be written: .* Create its folder first/,
    );
  });
});

/** Without line breaks: messages are wrapped to the width of a terminal. */
function saidBy(name: Step): string {
  return step(name).stderr.replace(/\s+/g, ' ');
}
