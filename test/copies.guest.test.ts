/** Single fsession, a program a function, on the first kernel that has it: what is its own. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { countShapes, fromJson, project } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { leftovers } from './safety.js';
import { tryMethods } from './try-methods.js';

const below = 'vfs_read,rw_verify_area,security_file_permission,read_zero';
const shape = 'ksys_read(vfs_read(rw_verify_area(security_file_permission),read_zero))';
/** What our own program calls when it reads a string. */
const helpers = 'copy_from_kernel_nofault,strncpy_from_kernel_nofault';
const hundreds = `-k ksys_read -g --fgraph-include 'tcp_[a-r]*,${below}' --format json`;
const thousand = `-k ksys_read -g --fgraph-include '[x-z]*,${below}' --format json`;
/** Of so many it would take another. */
const copies = 'fsnoop --method fsession';

/** fsnoop in the background, its process id in $tracer; then what is done to it while it attaches. */
const attaching = (then: string) => `
rm -f /tmp/ready
${copies} ${thousand} --ready-file /tmp/ready -c 'calls forever' &
tracer=$!
while [ $(bpftool link | grep -c tracing) -lt 20 ]; do sleep 0.1; done
${then}
wait $tracer; status=$?
ls /tmp/ready; pidof calls
exit $status`;

const steps = {
  'a plan': 'fsnoop -k vfs_read --dry-run --format json',
  'the other method': 'fsnoop -k vfs_read --method fsession.multi -c true',
  'too many': `${copies} -k ksys_read -g --fgraph-include '[a-f]*' --dry-run`,
  tries: `cat >t.mjs <<'END'\n${tryMethods}END\nnode t.mjs`,
  'all at once': `fsnoop ${hundreds} -c 'calls read 50'`,
  hundreds: `${copies} ${hundreds} -v -c 'calls read 50'`,
  'one in the other': `fsnoop -k ksys_read -g --fgraph-include '${below},${helpers}' --format json
    --output-arg 'str(file->f_path.dentry->d_name.name)' --output-arg count -c 'calls read 300'`.replace(
    /\s+/g,
    ' ',
  ),
  'SIGINT while attaching': attaching('kill -INT $tracer'),
  'after SIGINT while attaching': leftovers,
  'SIGKILL while attaching': attaching('kill -KILL $tracer'),
  'after SIGKILL while attaching': leftovers,
  SIGKILL: `
    fsnoop -k ksys_read -g --fgraph-include '${below}' --ready-file /tmp/traced -c 'calls forever' >/dev/null &
    while ! [ -s /tmp/traced ]; do sleep 0.1; done
    bpftool -j prog; kill -KILL $!; wait $!; status=$?
    kill -KILL $(pidof calls); exit $status`,
  'after SIGKILL': leftovers,
};

let calls: BuiltProgram;
let run: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  calls = await buildCalls();
  run = await guestSession({
    kernel: '7.0',
    files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    stepTimeoutMs: 240_000,
    steps,
  });
}, 1_000_000);

afterAll(() => calls[Symbol.asyncDispose]());

const step = (name: keyof typeof steps) => run.steps[name];

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

test('the method is what the kernel has, and is in the plan', () => {
  expect(JSON.parse(step('a plan').stdout)).toMatchObject({ type: 'plan', method: 'fsession' });
});

test('where its types are no proof, a try tells the same', () => {
  const offers = step('tries').stdout.trimEnd().split('\n');
  const told = { 'fsession.multi': 'no', fsession: 'yes' };
  expect(offers.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { ...told, 'kprobe.session': 'yes' },
    { ...told, 'kprobe.session': 'no' },
  ]);
});

test('a method that the kernel has not is said, with the one that it has', () => {
  const { status, stdout, stderr } = step('the other method');
  expect({ status, stdout }).toEqual({ status: 5, stdout: '' });
  expect(stderr.replace(/\s+/g, ' ')).toMatch(
    /\(7\.0\.\S+\) has no fsession\.multi,.* Linux 7\.2 .*Leave out --method: it has fsession /,
  );
});

test('more functions than it takes are too many, and what leaves out some is named', () => {
  const { status, stderr } = step('too many');
  expect(status).toBe(2);
  expect(stderr.replace(/\s+/g, ' ')).toMatch(
    /^Error: [\d,]+ functions are too many for the method fsession.*it takes 1,500.*--fgraph-max-depth/,
  );
});

test('without it hundreds are attached by what attaches to all at once', () => {
  const { status, stdout } = step('all at once');
  expect(status).toBe(0);
  expect(onlyLineOf(stdout, 'start').method).toBe('kprobe.session');
  const trees = linesOf(stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => project(fromJson(root), below.split(','))))).toEqual({
    [shape]: 50,
  });
});

test('hundreds are attached, and trace what they should', () => {
  const { status, stdout, stderr } = step('hundreds');
  expect(status).toBe(0);
  const { functions, attachMs } = onlyLineOf(stdout, 'start');
  expect(functions).toBeGreaterThan(150);
  expect(functions).toBeLessThan(400);
  expect(attachMs).toBeGreaterThan(0);
  expect(stderr).toMatch(
    new RegExp(`^Attached to ${functions} functions in \\d+ ms by fsession`, 'm'),
  );
  const trees = linesOf(stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => project(fromJson(root), below.split(','))))).toEqual({
    [shape]: 50,
  });
});

test('a program that runs while another is at work is skipped, counted, and harms nothing', () => {
  const { status, stdout } = step('one in the other');
  expect(status).toBe(0);
  const trees = linesOf(stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => fromJson(root)))).toEqual({ [shape]: 300 });
  expect(trees.every(({ complete }) => complete)).toBe(true);
  const values = trees.flatMap(({ root }) => JSON.stringify(root).match(/"value":"zero"/g) ?? []);
  // of vfs_read, rw_verify_area, security_file_permission and read_zero
  expect(values.length).toBe(4 * 300);
  const { calls: made, lost } = onlyLineOf(stdout, 'summary');
  expect(made).toBe(5 * 300);
  expect(lost).toMatchObject({ ring: 0, entry: 0, user: 0 });
  expect(lost.recursion).toBeGreaterThan(2 * 4 * 300);
});

test('Ctrl-C while it attaches detaches what is attached, and the command never runs', () => {
  const { status, stdout } = step('SIGINT while attaching');
  expect(status).toBe(130);
  const { functions } = onlyLineOf(stdout, 'start');
  expect(functions).toBeGreaterThanOrEqual(10);
  expect(functions).toBeLessThan(800);
  expect(onlyLineOf(stdout, 'summary')).toMatchObject({ trees: 0, calls: 0 });
  expect(step('after SIGINT while attaching')).toMatchObject({ stdout: '', stderr: '' });
});

test('SIGKILL leaves nothing attached either', () => {
  expect(step('SIGKILL while attaching').status).toBe(137);
  expect(step('after SIGKILL while attaching')).toMatchObject({ stdout: '', stderr: '' });
  expect(step('SIGKILL').status).toBe(137);
  expect(step('after SIGKILL')).toMatchObject({ stdout: '', stderr: '' });
});

test('a copy has less than the program that it is a copy of: what its function needs', () => {
  const loaded = JSON.parse(step('SIGKILL').stdout) as { name: string; bytes_xlated: number }[];
  const sizesOf = (wanted: string) =>
    loaded.flatMap(({ name, bytes_xlated: bytes }) => (name === wanted ? bytes : []));
  const copies = ['on_call', 'on_call_options'].flatMap((name) => {
    const sizes = sizesOf(name);
    const whole = Math.max(...sizes);
    return sizes.filter((bytes) => bytes < whole);
  });
  expect(copies.length).toBe(5);
});
