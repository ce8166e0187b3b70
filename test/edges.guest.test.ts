/** Calls that are hard to trace: the tree is right, or says why not. */
import { beforeAll, expect, test } from 'vitest';
import { buildProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';
import type { JsonLine, JsonNode, JsonSummary, JsonTree } from './json-lines.js';

const trace = (flags: string, command: string) =>
  `fsnoop --format json -g ${flags} -o /tmp/trace -c '${command}'; echo $? >&2; cat /tmp/trace`;

/** Attaches to two good functions and one that the kernel refuses, which no plan would let through. */
const attachToRefused = `
const dist = '/usr/lib/node_modules/fsnoop/dist';
const { attach } = await import(dist + '/attach/attach.js');
const { loadNative } = await import(dist + '/attach/native.js');
const { loadBtf } = await import(dist + '/symbols/symbols.js');
const btf = loadBtf(loadNative());
const functions = ['ksys_read', '_printk', 'vfs_read'].map((name) => ({
  name, module: null, btfId: btf.find('func', name)[0], returns: { kind: 'void' }, reason: null, root: true,
  argSlots: 0, program: null,
}));
const plan = {
  functions, tracepoints: [], refused: [], graph: false, maxDepth: 5, minDurationNs: 0, pids: [],
  comm: null, cgroup: null, command: null, bufferBytes: 1 << 20, live: false,
};
const options = { btf, commandPid: null, counting: null, tick: null, onProgress: () => {}, isCancelled: () => false };
for (const method of ['fsession.multi', 'fsession']) {
  const attachment = await attach({ method, ...plan }, options);
  console.log(method, attachment.attached, attachment.refused.map(({ name }) => name).join());
  await attachment[Symbol.asyncDispose]();
}
`;

const steps = {
  exec: trace(
    `-k __x64_sys_execve --fgraph-include bprm_execve,begin_new_exec
      -t sched_prepare_exec,sched_process_exec --output-arg "str(bprm->filename)"`.replace(
      /\s+/g,
      ' ',
    ),
    'thread-exec /bin/true',
  ),
  unfinished: trace('--duration 2 -k hrtimer_nanosleep --fgraph-include do_nanosleep', 'sleep 100'),
  limited: trace(
    '--limit-events 2 -k vfs_read --fgraph-include read_zero',
    'dd if=/dev/zero of=/dev/null bs=1',
  ),
  'cannot run': 'printf "#!/nowhere\\n" >script; chmod +x script; fsnoop -k vfs_read -c ./script',
  'quiet pipe': 'fsnoop -k vfs_statx | head -n 1; bpftool link',
  refused: `cat >t.mjs <<'END'\n${attachToRefused}END\nnode t.mjs; status=$?; sleep 1; bpftool link; exit $status`,
};

let guest: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  await using program = await buildProgram('thread-exec');
  guest = await guestSession({
    steps,
    files: [{ path: program.path }, { path: '/usr/sbin/bpftool' }],
  });
});

function linesOf(step: keyof typeof steps): JsonLine[] {
  return guest.steps[step].stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonLine);
}

const treesOf = (step: keyof typeof steps): JsonTree[] =>
  linesOf(step).filter((line): line is JsonTree => line.type === 'tree');

const summaryOf = (step: keyof typeof steps): JsonSummary | undefined =>
  linesOf(step).find((line): line is JsonSummary => line.type === 'summary');

/** `a(b(c))`: names and nesting. */
function shapeOf(node: JsonNode | { readonly lost: number }): string {
  if ('lost' in node) return `lost:${node.lost}`;
  const children = node.children.map(shapeOf).join();
  return `${node.function ?? '?'}${children && `(${children})`}`;
}

test('the kernel log is clean', () => {
  expect(guest.splats).toEqual([]);
});

test('a thread that execs returns under another id, in the same tree', () => {
  const trees = treesOf('exec');
  const ofThread = trees.at(-1);
  expect(ofThread?.complete).toBe(true);
  expect(ofThread?.root.retval).toBe(0);
  expect(ofThread && shapeOf(ofThread.root)).toBe('__x64_sys_execve(bprm_execve(begin_new_exec))');
  expect(ofThread?.tid).toBe(ofThread?.pid);
  // what came under the old id is there: values of the entry, and tracepoints
  const outputs = [{ value: '/bin/true' }];
  expect(ofThread?.root.children).toMatchObject([
    {
      function: 'bprm_execve',
      outputs,
      marks: [{ tracepoint: 'sched_process_exec', outputs }],
      children: [{ function: 'begin_new_exec', marks: [{ tracepoint: 'sched_prepare_exec' }] }],
    },
  ]);
  expect(summaryOf('exec')?.marks).toBe(2 * trees.length);
  expect(guest.steps.exec.stderr.trim()).toBe('0');
});

test('calls that have not returned at the end are told, with those that they are in', () => {
  const [tree] = treesOf('unfinished');
  expect(tree).toMatchObject({
    complete: false,
    why: 'tracing ended',
    root: {
      function: 'hrtimer_nanosleep',
      durationNs: null,
      children: [{ function: 'do_nanosleep', durationNs: null }],
    },
  });
  expect(summaryOf('unfinished')?.unfinished).toBe(1);
  expect(guest.steps.unfinished.stderr.trim()).toBe('0');
});

test('calls that are made while fsnoop detaches are not lost: tracing has ended', () => {
  expect(summaryOf('limited')).toMatchObject({ trees: 2, lost: { ring: 0, entry: 0, user: 0 } });
});

test('a reader that leaves while nothing happens is noticed', () => {
  expect(guest.steps['quiet pipe'].stdout).toMatch(/^ +DURATION.*\n$/);
});

test('a command that cannot be run after all says why', () => {
  expect(guest.steps['cannot run']).toMatchObject({
    status: 127,
    stderr: expect.stringContaining('./script could not be run: ENOENT') as unknown,
  });
});

test('a function that the kernel refuses is found and left out, by either method', () => {
  expect(guest.steps.refused).toMatchObject({
    stdout: 'fsession.multi 2 _printk\nfsession 2 _printk\n',
    status: 0,
  });
});
