/** Functions of modules: found, typed, attached, and below functions of vmlinux; with function_graph as a witness. */
import { beforeAll, describe, expect, test } from 'vitest';
import { countShapes, fromJson } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { nothingAttached } from './safety.js';

const prepare = `
truncate -s 8M /root/image
cat >/root/work.sh <<'END'
echo 3 >/proc/sys/vm/drop_caches
losetup /dev/loop1 /root/image
dd if=/dev/loop1 of=/dev/null bs=4k count=16 2>/dev/null
losetup -d /dev/loop1
END
sh /root/work.sh; losetup /dev/loop0 /root/image`;

const functionGraph = `
cd /sys/kernel/tracing
echo ':mod:loop' >set_ftrace_filter; echo 1 >options/function-fork
echo 0 >tracing_on; echo function_graph >current_tracer
sh -c 'echo $$ >set_ftrace_pid; echo 1 >tracing_on; exec sh /root/work.sh'
echo 0 >tracing_on; cat trace; echo nop >current_tracer; echo >set_ftrace_filter; echo >set_ftrace_pid`;

const read = "-c 'dd if=/dev/loop0 of=/dev/null bs=4k count=1 iflag=direct'";

const steps = {
  prepare,
  list: "fsnoop list --format json --proto 'lo_ioctl' 'nft_do_chain'",
  'by name': "fsnoop -k lo_ioctl --format json -c 'losetup -d /dev/loop0'",
  'by function_graph': functionGraph,
  'by glob': `losetup /dev/loop0 /root/image; fsnoop -k 'lo_*,loop_*' --kfunc-all-kmods --format json --args off -c 'sh /root/work.sh'`,
  below: `fsnoop -k vfs_read -g --fgraph-include loop_queue_rq --format json ${read}`,
  'below, one by one': `fsnoop -k vfs_read -g --fgraph-include loop_queue_rq --method fsession --format json ${read}`,
  text: `fsnoop -k vfs_read -g --fgraph-include loop_queue_rq --args off ${read}`,
  callees: 'fsnoop -k lo_open,nft_do_chain -g --fgraph-max-depth 2 --dry-run --format json',
  learnt: `fsnoop -k vfs_read -g --fgraph-include 'blk_*,submit_*,l*' --kfunc-kmods loop --fgraph-max-depth 15 --fgraph-learn --format json ${read}`,
  'an argument of its own':
    "fsnoop -k '*:(struct loop_device *)' --kfunc-kmods loop --dry-run --format json",
  'an expression': `losetup -d /dev/loop0; fsnoop -k loop_configure --output-arg 'lo->lo_number' --output-arg '((struct loop_device *)lo)->lo_flags' --filter-arg 'lo->lo_number == 0' --format json -c 'losetup /dev/loop0 /root/image'`,
  tracepoints: `fsnoop list --tracepoints --proto 'nbd_*'
    fsnoop -t nbd_send_request,'nbd_header_*' --kfunc-kmods nbd --duration 1 --format json`,
  'no such module': "fsnoop -k 'loop_*' --kfunc-kmods lop",
  'not in scope': "fsnoop -k 'loop_queue*'",
  'nothing attached': `${nothingAttached}; losetup -d /dev/loop0; rmmod loop nf_tables`,
} as const;

/** Functions as `--dry-run` spells them. */
type PlanLine = Readonly<Record<'roots' | 'functions', readonly string[]>>;

let run: GuestSession<keyof typeof steps>;
const step = (name: keyof typeof steps) => run.steps[name];

beforeAll(async () => {
  run = await guestSession({
    modules: ['loop', 'nf_tables', 'nbd'],
    files: [{ path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    stepTimeoutMs: 240_000,
    steps,
  });
}, 1_000_000);

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

test('they are listed, with types that only their module has', () => {
  const lines = step('list').stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      ...{ type: 'function', function: 'lo_ioctl', module: 'loop', traceable: true, reason: null },
      proto:
        'int lo_ioctl(struct block_device *bdev, blk_mode_t mode, unsigned int cmd, unsigned long arg)',
    },
    {
      ...{ type: 'function', function: 'nft_do_chain', module: 'nf_tables' },
      ...{ traceable: true, reason: null },
      proto: 'unsigned int nft_do_chain(struct nft_pktinfo *pkt, void *priv)',
    },
  ]);
});

test('a name is found in its module, with arguments and a return value', () => {
  const { status, stdout } = step('by name');
  expect(status).toBe(0);
  expect(linesOf(stdout, 'call')).toMatchObject([
    {
      ...{ function: 'lo_ioctl', module: 'loop', retval: 0 },
      args: [
        ...[{ name: 'bdev' }, { name: 'mode' }],
        ...[
          { name: 'cmd', value: 0x4c01 },
          { name: 'arg', value: 0 },
        ],
      ],
    },
  ]);
});

test('a glob finds them where it is told to, and each call is seen that function_graph sees', () => {
  const count = (names: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  };
  const { stdout } = step('by glob');
  const ours = count(
    linesOf(stdout, 'call').map(({ function: name, module }) => `${name} [${module ?? ''}]`),
  );
  const traced = step('by function_graph').stdout.matchAll(/ (\w+ \[loop\])\(\)/g);
  const theirs = count(Array.from(traced, ([, name = '']) => name));
  const compared = [...theirs].filter(([name]) => /^(lo|loop)_/.test(name));
  expect(compared.map(([name]) => name)).toEqual(
    expect.arrayContaining(['lo_open [loop]', 'loop_queue_rq [loop]', 'lo_ioctl [loop]']),
  );
  for (const [name, calls] of compared) expect([name, ours.get(name)]).toEqual([name, calls]);
  expect(onlyLineOf(stdout, 'summary').lost).toMatchObject({ ring: 0, entry: 0, user: 0 });
});

describe.each(['below', 'below, one by one'] as const)('%s functions of vmlinux', (name) => {
  test('they are in the tree', () => {
    const trees = linesOf(step(name).stdout, 'tree');
    expect(countShapes(trees.map(({ root }) => fromJson(root)))).toMatchObject({
      'vfs_read(loop_queue_rq)': 1,
    });
    const last = trees.flatMap(({ root }) => root.children);
    expect(last).toMatchObject([{ function: 'loop_queue_rq', module: 'loop', retval: 0 }]);
  });

  test('by the method that is said', () => {
    const method = name === 'below' ? 'fsession.multi' : 'fsession';
    expect(onlyLineOf(step(name).stdout, 'start')).toMatchObject({ method, functions: 2 });
  });
});

test('their module stands behind their name', () => {
  expect(step('text').stdout).toMatch(/^.*└─ loop_queue_rq \[loop\]\(\) = 0$/m);
});

test('callees are found in modules, and from there in others and in vmlinux', () => {
  const { roots, functions } = JSON.parse(step('callees').stdout) as PlanLine;
  expect(roots).toEqual(['lo_open [loop]', 'nft_do_chain [nf_tables]']);
  expect(functions).toEqual(
    expect.arrayContaining(['nft_lookup_eval [nf_tables]', 'mutex_unlock']),
  );
});

test('what is learnt has them', () => {
  const { functions } = onlyLineOf(step('learnt').stdout, 'learnt');
  expect(functions).toContain('loop_queue_rq');
});

test('a type of a module finds its functions', () => {
  const { roots } = JSON.parse(step('an argument of its own').stdout) as PlanLine;
  expect(roots.length).toBeGreaterThan(5);
  expect(roots.filter((name) => !name.endsWith(' [loop]'))).toEqual([]);
});

test('expressions read the types of modules', () => {
  expect(linesOf(step('an expression').stdout, 'call')).toMatchObject([
    {
      function: 'loop_configure',
      outputs: [{ value: 0 }, { expression: '((struct loop_device *)lo)->lo_flags' }],
    },
  ]);
});

test('its tracepoints are found as its functions are', () => {
  const { stdout } = step('tracepoints');
  const json = stdout.slice(stdout.indexOf('{"type":"start"'));
  expect(stdout).toMatch(/^nbd_send_request\(.*struct request \*rq\) \[nbd\]$/m);
  expect(onlyLineOf(json, 'start')).toMatchObject({ functions: 0, tracepoints: 3, refused: [] });
});

test('wrong input attaches nothing, and says what is right', () => {
  expect(step('no such module')).toMatchObject({ status: 2, stdout: '' });
  expect(step('no such module').stderr).toMatch(
    /^Error: There is no module lop loaded\.\nTry this: Did you mean: loop\n/,
  );
  expect(step('not in scope')).toMatchObject({ status: 2, stdout: '' });
  expect(step('not in scope').stderr).toMatch(/--kfunc-kmods NAME, or --kfunc-all-kmods/);
});

test('nothing is left attached, and the modules can be removed', () => {
  expect(step('nothing attached')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});
