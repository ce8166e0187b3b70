/** fsnoop on arm64, in a guest that is one: what it finds, attaches to and shows is what the kernel does. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  countShapes,
  fromJson,
  parseFunctionGraph,
  renderFunctionGraphScript,
} from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { openRecordedCode, searchAsObjdump } from './recorded-code.js';

interface ValuedCall {
  readonly retval: number;
  readonly args: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly value: unknown }[];
}

const none = { ring: 0, recursion: 0, entry: 0, user: 0 };
const below = ['vfs_read', 'rw_verify_area', 'security_file_permission'];
const shape = 'ksys_read(vfs_read(rw_verify_area(security_file_permission)))';
const zeroes = 'dd if=/dev/zero of=/dev/null bs=1 count=1000';
const letters = 'dd if=/etc/hostname of=/dev/null bs=5 count=4';

const graphBy = (method: string) =>
  `fsnoop --method ${method} -k ksys_read -g --fgraph-include '${below.join(',')}' --format json -c '${zeroes}'`;

const steps = {
  doctor: 'fsnoop doctor --json',
  list: "fsnoop list 'vfs_rea*' do_exit __arm64_sys_exit_group",
  all: 'fsnoop list | md5sum',
  'all without kcore': `mount --bind /dev/null /proc/kcore; fsnoop list | md5sum; umount /proc/kcore`,
  fsession: graphBy('fsession'),
  'fentry+fexit': graphBy('fentry+fexit'),
  'by function_graph': renderFunctionGraphScript('ksys_read', below, zeroes),
  values: `fsnoop -k vfs_read --format json --output-arg 'file->f_path.dentry->d_name.name' -c '${letters}'`,
  errors: `fsnoop -k do_sys_openat2 --format json -c 'cat /nothing'`,
  plan: 'fsnoop -k vfs_read -g --fgraph-max-depth 3 --dry-run --format json',
  'found by itself': `fsnoop -k vfs_read -g --fgraph-max-depth 2 --args off -c '${letters}'`,
  multi: 'fsnoop --method fsession.multi -k vfs_read -c true',
  code: 'node record-code.mjs ext4_file_write_iter 6',
  attached: 'sleep 1; cat /sys/kernel/tracing/enabled_functions',
};

let guest: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  const recorder = fileURLToPath(new URL('../scripts/record-code.mjs', import.meta.url));
  guest = await guestSession({
    architecture: 'arm64',
    steps,
    files: [{ path: recorder }],
    timeoutMs: 3_600_000,
    stepTimeoutMs: 300_000,
  });
}, 4_000_000);

const step = (name: keyof typeof steps) => guest.steps[name];

test('nothing is wrong with the kernel, and nothing stays attached', () => {
  expect(guest.splats).toEqual([]);
  expect(step('attached')).toMatchObject({ status: 0, stdout: '' });
  for (const { stderr } of Object.values(guest.steps)) expect(stderr).not.toMatch(/^ +at |bug/m);
});

test('doctor finds the methods that the kernel has', () => {
  const { status, stdout } = step('doctor');
  const found = JSON.parse(stdout) as {
    readonly methods: readonly { readonly name: string; readonly answer: string }[];
  };
  expect(status).toBe(0);
  expect(found).toMatchObject({ canTrace: true, method: 'fsession', arch: 'arm64' });
  expect(found.methods.filter(({ answer }) => answer === 'yes').map(({ name }) => name)).toEqual([
    'fsession',
    'fentry+fexit',
  ]);
});

test('a method that it has not is refused, with one that it has', () => {
  expect(step('multi')).toMatchObject({ status: 5, stdout: '' });
  expect(step('multi').stderr.replace(/\s+/g, ' ')).toMatch(
    /has no fsession\.multi.* Leave out --method: it has fsession/,
  );
});

test('functions are listed, with those that never return', () => {
  const lines = step('list').stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.split(/\s+/, 2).join(' '))).toEqual([
    ...['__arm64_sys_exit_group no-return', 'do_exit no-return'],
    ...['vfs_read', 'vfs_readlink', 'vfs_readv'],
  ]);
});

test("what the kernel's memory says of functions is what its files say", () => {
  expect(step('all').stdout).toMatch(/^\w{32} /);
  expect(step('all').stdout).toBe(step('all without kcore').stdout);
});

test.each(['fsession', 'fentry+fexit'] as const)(
  '1,000 reads are the trees that function_graph sees, by %s',
  (method) => {
    const kernel = step('by function_graph');
    const { status, stdout } = step(method);
    expect(status).toBe(0);
    expect(kernel.stderr.match(/^.*(?:overrun|dropped).*[1-9].*$/gm)).toBeNull();
    const seen = countShapes(parseFunctionGraph(kernel.stdout));
    expect(seen).toEqual({ [shape]: 1000 });
    expect(onlyLineOf(stdout, 'start')).toMatchObject({ method, functions: 4, refused: [] });
    expect(countShapes(linesOf(stdout, 'tree').map(({ root }) => fromJson(root)))).toEqual(seen);
    expect(onlyLineOf(stdout, 'summary')).toMatchObject({ trees: 1000, calls: 4000, lost: none });
  },
);

test('arguments, what they lead to and what is returned are those of the calls', () => {
  const calls = linesOf(step('values').stdout, 'call') as unknown as readonly ValuedCall[];
  expect(calls.map(({ retval }) => retval)).toEqual([5, 5, 3, 0]);
  for (const { args, outputs } of calls) {
    expect(args.find(({ name }) => name === 'count')).toMatchObject({ type: 'size_t', value: 5 });
    expect(outputs.map(({ value }) => value)).toEqual(['hostname']);
  }
  expect(linesOf(step('errors').stdout, 'call').at(-1)).toMatchObject({
    function: 'do_sys_openat2',
    retval: -2,
    errno: 'ENOENT',
    args: expect.arrayContaining([
      expect.objectContaining({ name: 'filename', value: '/nothing' }),
    ]) as unknown[],
  });
});

describe('what is below', () => {
  test('is found in the code of arm64', () => {
    const plan = JSON.parse(step('plan').stdout) as {
      readonly functions: readonly string[];
      readonly refused: readonly { readonly reason: string }[];
      readonly disassembly: { readonly indirectCalls: number };
    };
    expect(plan.functions).toEqual(
      expect.arrayContaining(['rw_verify_area', 'security_file_permission', 'fsnotify']),
    );
    expect(plan.refused.map(({ reason }) => reason)).not.toContain('no patch site');
    expect(plan.disassembly.indirectCalls).toBeGreaterThan(0);
  });

  test('is traced without being told of any function', () => {
    const { status, stdout } = step('found by itself');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /vfs_read\(\) = 5\n.* └─ rw_verify_area\(\) = 0\n.* {3}└─ security_file_permission\(\) = 0\n/,
    );
  });

  test('is what objdump says, and nothing else', async () => {
    using recorded = openRecordedCode(step('code').stdoutBytes);
    const { callees } = await searchAsObjdump(recorded, 'ext4_file_write_iter', 6);
    expect(callees.length).toBeGreaterThan(1000);
  });
});
