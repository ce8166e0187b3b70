/** `-g` without a list of functions, on a real kernel: what machine code tells is what is called. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from './calls.js';
import { fromJson, project, shapeOf, type NamedCall } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf } from './json-lines.js';
import { openRecordedCode, searchAsObjdump } from './recorded-code.js';

const read = 'dd if=/etc/hostname of=/dev/null bs=1 count=10';

/** Of all functions, as no filter is set; interrupts are not of the read. */
const functionGraph = `
${read}
cd /sys/kernel/tracing
echo 0 >tracing_on
echo 20000 >buffer_size_kb
echo 0 >options/funcgraph-irqs
echo vfs_read >set_graph_function
echo function_graph >current_tracer
sh -c 'echo $$ >set_ftrace_pid; echo 1 >tracing_on; exec ${read}'
echo 0 >tracing_on
cat trace
echo nop >current_tracer
echo >set_graph_function; echo >set_ftrace_pid`;

const planOf = (flags: string) => `fsnoop -k vfs_read -g --dry-run --format json ${flags}`;
const graphOf = (flags: string) => planOf(`--fgraph-proto ${flags}`);

const steps = {
  text: `fsnoop -k vfs_read -g --args off -c '${read}'`,
  json: `${read}; fsnoop -k vfs_read -g --format json -c '${read}'`,
  'by function_graph': functionGraph,
  plan: planOf(''),
  shallow: planOf('--fgraph-max-depth 1'),
  'all paths': planOf('--fgraph-all-paths'),
  excluded: graphOf('--fgraph-exclude security_file_permission'),
  included: graphOf('--fgraph-max-depth 2 --fgraph-include "security_*"'),
  extra: graphOf('--fgraph-extra shmem_file_read_iter'),
  'extra, traced': `fsnoop -k vfs_read -g --fgraph-extra shmem_file_read_iter --format json -c '${read}'`,
  'two roots': planOf('-k vfs_write'),
  globs: `fsnoop -k '[v]fs_read,[v]fs_write' -g --dry-run --format json`,
  tree: 'fsnoop -k vfs_read -g --fgraph-proto --fgraph-max-depth 2 --dry-run',
  'closed pipe': `(fsnoop -k ext4_file_write_iter -g --fgraph-proto --dry-run; echo "status $?" >&2) | head -n 1`,
  code: 'node record-code.mjs ext4_file_write_iter 8',
  'no core': `mount --bind /dev/null /proc/kcore; fsnoop -k vfs_read -g -c true; status=$?
    fsnoop -k vfs_read -g --fgraph-include rw_verify_area -c true || exit 9
    umount /proc/kcore; exit $status`,
  'hidden addresses': `sysctl -q kernel.kptr_restrict=2; fsnoop -k vfs_read -g -c true; status=$?
    sysctl -q kernel.kptr_restrict=1; exit $status`,
  'no privilege': 'without-rawio fsnoop -k vfs_read -g -c true',
};

let guest: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  const recorder = fileURLToPath(new URL('../scripts/record-code.mjs', import.meta.url));
  await using program = await buildProgram('without-rawio');
  const files = [{ path: recorder }, { path: program.path }];
  guest = await guestSession({ steps, files, timeoutMs: 900_000, stepTimeoutMs: 180_000 });
}, 1_000_000);

interface JsonPlan {
  readonly roots: readonly string[];
  readonly functions: readonly string[];
  readonly refused: readonly { readonly function: string; readonly reason: string }[];
  readonly disassembly: {
    readonly functions: number;
    readonly indirectCalls: number;
    readonly cold: readonly { readonly function: string; readonly why: string }[];
  };
}

interface JsonCallee {
  readonly function: string;
  readonly level: number;
  readonly proto: string | null;
  readonly traced: boolean;
  readonly calls: readonly string[];
}

const readPlan = (step: keyof typeof steps) => JSON.parse(guest.steps[step].stdout) as JsonPlan;

function readGraph(step: keyof typeof steps): ReadonlyMap<string, JsonCallee> {
  const lines = guest.steps[step].stdout.trimEnd().split('\n');
  const callees = lines.map((line) => JSON.parse(line) as JsonCallee);
  return new Map(callees.map((callee) => [callee.function, callee]));
}

const namesIn = (calls: readonly NamedCall[]): string[] =>
  calls.flatMap(({ name, children }) => [name, ...namesIn(children)]);

test('nothing is wrong with the kernel, and no step ends with a stack of JavaScript', () => {
  expect(guest.splats).toEqual([]);
  for (const { stderr } of Object.values(guest.steps)) expect(stderr).not.toMatch(/^ +at |bug/m);
});

describe('a trace', () => {
  /** Of the reads alone; the fixed way of each through the security modules. */
  const way = ['rw_verify_area', 'security_file_permission', 'apparmor_file_permission'];
  const ofRead = 'vfs_read(rw_verify_area(security_file_permission(apparmor_file_permission)))';

  test('shows the tree below the root without being told of any function', () => {
    const { status, stdout } = guest.steps.text;
    expect(status).toBe(0);
    expect(stdout).toMatch(/vfs_read\(.*\) = 1\n.* └─ rw_verify_area\(.*\) = 0\n/);
    expect(stdout).toMatch(/ {3}└─ security_file_permission\(.*\) = 0\n/);
  });

  test('has all that function_graph sees of the functions that were found', () => {
    const { roots, functions } = readPlan('plan');
    const traced = new Set([...roots, ...functions]);
    const ours = linesOf(guest.steps.json.stdout, 'tree').map(({ root }) => fromJson(root));
    expect(ours.map((call) => shapeOf(project(call, way)))).toEqual(
      Array.from({ length: 10 }, () => ofRead),
    );
    // what is not of each of the ten reads is of an interrupt
    const [first = new Set<string>(), ...others] = guest.steps['by function_graph'].stdout
      .split(/(?<= \| {2})(?=vfs_read\(\))/)
      .slice(1)
      .map((read) => new Set(Array.from(read.matchAll(/ ([\w.]+)\(\)/g), ([, name = '']) => name)));
    expect(others).toHaveLength(9);
    const called = [...first].filter((name) => others.every((names) => names.has(name)));
    const both = called.filter((name) => traced.has(name));
    expect(both).toEqual(expect.arrayContaining(way));
    for (const tree of ours) expect(namesIn([tree])).toEqual(expect.arrayContaining(both));
  });

  test('follows what is extra, which only an indirect call leads to', () => {
    const trees = linesOf(guest.steps['extra, traced'].stdout, 'tree').map(({ root }) =>
      shapeOf(project(fromJson(root), ['shmem_file_read_iter', 'touch_atime'])),
    );
    expect(trees).toEqual(
      Array.from({ length: 10 }, () => 'vfs_read(shmem_file_read_iter(touch_atime))'),
    );
    expect(readPlan('plan').functions).not.toContain('shmem_file_read_iter');
  });
});

describe('the plan', () => {
  test('has the functions down to level 5, and why others are not traced', () => {
    const { roots, functions, refused, disassembly } = readPlan('plan');
    expect(roots).toEqual(['vfs_read']);
    expect(functions).toEqual(expect.arrayContaining(['rw_verify_area', 'fsnotify', 'dput']));
    expect(functions.length).toBeGreaterThan(50);
    expect(refused).toContainEqual({ function: '__rcu_read_lock', reason: 'denied' });
    expect(refused.map(({ reason }) => reason)).not.toContain('no patch site');
    expect(disassembly.functions).toBeGreaterThan(functions.length);
    expect(disassembly.indirectCalls).toBeGreaterThan(0);
    expect(disassembly.cold.map(({ function: name }) => name)).toContain('__stack_chk_fail');
  });

  test('has fewer to a lower level', () => {
    const { functions } = readPlan('shallow');
    expect(functions).toEqual(['__fsnotify_parent', 'fsnotify', 'rw_verify_area']);
  });

  test('has more with all paths', () => {
    const { functions, disassembly } = readPlan('all paths');
    expect(functions).toEqual(expect.arrayContaining(readPlan('plan').functions as string[]));
    expect(functions.length).toBeGreaterThan(readPlan('plan').functions.length + 20);
    expect(disassembly.cold).toEqual([]);
  });

  test('has the functions below all roots, globs or names', () => {
    const { roots, functions } = readPlan('two roots');
    expect(roots).toEqual(['vfs_read', 'vfs_write']);
    expect(functions).toEqual(expect.arrayContaining(readPlan('plan').functions as string[]));
    expect(functions.length).toBeGreaterThan(readPlan('plan').functions.length);
    expect(readPlan('globs')).toEqual(readPlan('two roots'));
  });
});

describe('the graph', () => {
  test('neither has nor follows what is excluded', () => {
    const graph = readGraph('excluded');
    expect([...graph.keys()]).toEqual(expect.arrayContaining(['rw_verify_area', 'fsnotify']));
    expect(graph.has('security_file_permission')).toBe(false);
    expect(graph.has('apparmor_file_permission')).toBe(false);
  });

  test('marks what is not included', () => {
    const graph = readGraph('included');
    expect(graph.get('security_file_permission')).toMatchObject({ level: 2, traced: true });
    expect(graph.get('rw_verify_area')).toMatchObject({ level: 1, traced: false });
  });

  test('has what is extra with what it calls', () => {
    const graph = readGraph('extra');
    expect(graph.get('shmem_file_read_iter')).toMatchObject({ level: 1, traced: true });
    expect(graph.get('shmem_file_read_iter')?.calls).toContain('touch_atime');
    expect(graph.get('touch_atime')).toMatchObject({
      level: 2,
      proto: 'void touch_atime(const struct path *path)',
    });
  });

  test('is drawn as a tree of prototypes', () => {
    const { status, stdout } = guest.steps.tree;
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^ssize_t vfs_read\(struct file \*file, .*\) {2}\[traceable, \d+ indirect calls\]\n├─ int rw_verify_area\(.*\) {2}\[traceable\]\n│ {2}├─ int security_file_permission\(/,
    );
    expect(stdout).toMatch(/^\d+ functions to level 2, \d+ of them traceable\.$/m);
    expect(stdout).toMatch(/^ {0,3}[│├└ ─]*int fsnotify\(.*calls at level 1\]$/m);
  });

  test('ends quietly when its reader leaves', () => {
    const { stdout, stderr } = guest.steps['closed pipe'];
    expect(stdout).toMatch(/^ssize_t ext4_file_write_iter.*\n$/);
    expect(stderr).toBe('status 141\n');
  });
});

test('thousands of functions call what objdump says, and nothing else', async () => {
  using recorded = openRecordedCode(guest.steps.code.stdoutBytes);
  const { callees } = await searchAsObjdump(recorded, 'ext4_file_write_iter', 8);
  expect(callees.length).toBeGreaterThan(2000);
});

describe.each([
  ['no core', /\/proc\/kcore can't be read \(it is no ELF64 file\).*--fgraph-include.*lockdown/],
  ['hidden addresses', /kallsyms does not say where.*kptr_restrict.*--fgraph-include/],
  ['no privilege', /\/proc\/kcore can't be read \(EPERM\).*--fgraph-include.*lockdown/],
] as const)('with %s', (step, message) => {
  test('it says what is lacking and what to do instead', () => {
    const { status, stdout, stderr } = guest.steps[step];
    expect({ status, stdout }).toEqual({ status: 5, stdout: '' });
    expect(stderr.replace(/\s+/g, ' ')).toMatch(message);
  });
});
