/** kprobe.session, on the first kernel of Debian's that has it: what is its own. */
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
const thousands = `-k ksys_read -g --fgraph-max-depth 20 --fgraph-include '[a-d]*,${below}'`;
const session = 'fsnoop --method kprobe.session --format json';

const steps = {
  'a plan': `fsnoop ${thousands} --dry-run --format json`,
  'the other method': 'fsnoop -k vfs_read --method fsession -c true',
  'too deep': 'fsnoop -k vfs_read -g --method kprobe.session --fgraph-max-depth 31 --dry-run',
  tries: `cat >t.mjs <<'END'\n${tryMethods}END\nnode t.mjs`,
  values: `${session} -k ksys_read -g --fgraph-include vfs_read --output-arg 'count + 1'
    --output-arg '$retval * 10 + count' --output-arg 'str(file->f_path.dentry->d_name.name)'
    -c 'calls read 3'`,
  'filters at the entry': `${session} -k ksys_read --filter-arg 'count == 4096' -c 'calls mixed'`,
  'filters at the return': `${session} -k ksys_read,ksys_write --args off
    --filter-arg '(long)$retval < (long)count' -c 'calls mixed'`,
  'arguments on the stack': `${session} -k do_mmap --limit-events 1 -c true`,
  'a text of them': `fsnoop --method kprobe.session -k do_mmap --limit-events 1 -c true`,
  'an expression of them': `${session} -k do_mmap --output-arg pgoff -c true`,
  thousands: `${session} ${thousands} -v -c 'calls read 50'`,
  'one in the other': `${session} -k ksys_read -g --fgraph-include '${below},${helpers}'
    --output-arg 'str(file->f_path.dentry->d_name.name)' --output-arg count -c 'calls read 300'`,
  'a jump': `${session} -k __x64_sys_read -g --fgraph-include 'ksys_read,${below}' -c 'calls read 20'`,
  'more than there is room for': `${session} -k hrtimer_nanosleep --comm calls
    -c 'for at in $(seq 8); do calls sleep 1 2000 & done; wait'`,
  SIGKILL: `
    fsnoop ${thousands} --ready-file /tmp/traced -c 'calls forever' >/dev/null &
    while ! [ -s /tmp/traced ]; do sleep 0.1; done
    bpftool link | grep -c kprobe_multi; kill -KILL $!; wait $!; status=$?
    kill -KILL $(pidof calls); exit $status`,
  'after SIGKILL': leftovers,
};

const inOneLine = (script: string) =>
  script.includes('<<') ? script : script.replace(/\n {4}(?=--|-c)/g, ' ');

let calls: BuiltProgram;
let run: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  calls = await buildCalls();
  const scripts = Object.entries(steps).map(([name, script]) => [name, inOneLine(script)]);
  run = await guestSession({
    kernel: '6.12',
    files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    stepTimeoutMs: 240_000,
    steps: Object.fromEntries(scripts) as typeof steps,
  });
}, 1_000_000);

afterAll(() => calls[Symbol.asyncDispose]());

const step = (name: keyof typeof steps) => run.steps[name];
const wordsOf = (text: string) => text.replace(/\s+/g, ' ');

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

test('of many functions the method is what attaches to all at once', () => {
  expect(JSON.parse(step('a plan').stdout)).toMatchObject({ method: 'kprobe.session' });
});

test('its types tell what the kernel has, and registers are those of x86_64', () => {
  const offers = step('tries').stdout.trimEnd().split('\n');
  const none = { 'fsession.multi': 'no', fsession: 'no' };
  expect(offers.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { ...none, 'kprobe.session': 'yes' },
    { ...none, 'kprobe.session': 'no' },
  ]);
});

test('what it has not, and how deep it goes, is said', () => {
  expect(step('the other method').status).toBe(5);
  expect(wordsOf(step('the other method').stderr)).toMatch(
    /\(6\.12\.\S+\) has no fsession,.* Linux 7\.0 .*Leave out --method: it has /,
  );
  expect(step('too deep').status).toBe(2);
  expect(wordsOf(step('too deep').stderr)).toMatch(
    /--fgraph-max-depth 31 is too deep for the method kprobe\.session.*30/,
  );
});

test('arguments are those of the entry, whenever they are read', () => {
  expect(step('values').status).toBe(0);
  const trees = linesOf(step('values').stdout, 'tree');
  expect(trees.length).toBe(3);
  const output = (expression: string, type: string, value: unknown) => ({
    expression,
    type,
    value,
  });
  for (const { root } of trees) {
    expect(root).toMatchObject({
      retval: 1,
      args: [{ name: 'fd' }, { name: 'buf' }, { name: 'count', value: 1 }],
      outputs: [{ value: 2 }, { value: 11 }],
      children: [
        {
          retval: 1,
          args: [{ name: 'file' }, { name: 'buf' }, { name: 'count', value: 1 }, { name: 'pos' }],
          outputs: [
            output('count + 1', 'unsigned long', 2),
            output('$retval * 10 + count', 'unsigned long', 11),
            { value: 'zero' },
          ],
        },
      ],
    });
  }
});

test('filters too', () => {
  const made = (name: keyof typeof steps) =>
    linesOf(step(name).stdout, 'call').map((call) => `${call.function ?? ''} ${call.retval ?? ''}`);
  expect(made('filters at the entry')).toEqual(['ksys_read 4096']);
  expect(made('filters at the return')).toEqual([
    ...['ksys_read -9', 'ksys_read -21', 'ksys_read -14', 'ksys_write -28', 'ksys_write -9'],
  ]);
});

test('arguments behind the sixth are missing, and are said to be', () => {
  const [call] = linesOf(step('arguments on the stack').stdout, 'call');
  const args = call?.args ?? [];
  expect(args.slice(0, 6).map(({ name }) => name)).toEqual([
    ...['file', 'addr', 'len', 'prot', 'flags', 'vm_flags'],
  ]);
  expect(args.slice(0, 6).filter((argument) => 'missing' in argument)).toEqual([]);
  expect(args.slice(6)).toEqual([
    { name: 'pgoff', type: 'unsigned long', value: null, missing: 'on the stack' },
    { name: 'populate', type: 'unsigned long *', value: null, missing: 'on the stack' },
    { name: 'uf', type: 'struct list_head *', value: null, missing: 'on the stack' },
  ]);
  expect(step('a text of them').stdout).toMatch(
    /do_mmap\(file=\S+, addr=\S+, len=\d+, .*pgoff=<on the stack>, populate=<on the stack>, uf=<on the stack>\) = /,
  );
  const { status, stderr } = step('an expression of them');
  expect(status).toBe(2);
  expect(wordsOf(stderr)).toMatch(/do_mmap gets pgoff on the stack/);
});

test('thousands are attached, and trace what they should', () => {
  const { status, stdout, stderr } = step('thousands');
  expect(status).toBe(0);
  const { functions, method, attachMs } = onlyLineOf(stdout, 'start');
  expect(functions).toBeGreaterThan(3000);
  expect(method).toBe('kprobe.session');
  expect(attachMs).toBeGreaterThan(0);
  expect(stderr).toMatch(
    new RegExp(
      `^Attached to ${functions.toLocaleString('en')} functions in \\d+ ms by kprobe.session`,
      'm',
    ),
  );
  const trees = linesOf(stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => project(fromJson(root), below.split(','))))).toEqual({
    [shape]: 50,
  });
});

test('what our own program calls is not followed, is counted, and harms nothing', () => {
  const { status, stdout } = step('one in the other');
  expect(status).toBe(0);
  const trees = linesOf(stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => fromJson(root)))).toEqual({ [shape]: 300 });
  expect(trees.every(({ complete }) => complete)).toBe(true);
  const { calls: made, lost } = onlyLineOf(stdout, 'summary');
  expect(made).toBe(5 * 300);
  expect(lost).toMatchObject({ ring: 0, entry: 0, user: 0 });
  expect(lost.recursion).toBeGreaterThan(4 * 300);
});

test('a function that another jumps to is below it', () => {
  const trees = linesOf(step('a jump').stdout, 'tree');
  const made = countShapes(trees.map(({ root }) => fromJson(root)));
  expect(made).toEqual({ [`__x64_sys_read(${shape})`]: 20 });
});

/** There is room for twice as many a CPU as there are functions, and a call waits for none. */
test('calls that the kernel has no room to follow are counted', () => {
  const { status, stdout } = step('more than there is room for');
  expect(status).toBe(0);
  const missing = 8 * 3 - linesOf(stdout, 'call').length;
  expect(missing).toBeGreaterThan(0);
  expect(onlyLineOf(stdout, 'summary').lost.recursion).toBeGreaterThanOrEqual(missing);
});

test('SIGKILL leaves nothing attached', () => {
  expect(step('SIGKILL')).toMatchObject({ status: 137, stdout: '1\n' });
  expect(step('after SIGKILL')).toMatchObject({ stdout: '', stderr: '' });
});
