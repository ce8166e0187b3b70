/** BPF programs as what is traced, by each way to name them, alone and in a tree with functions of the kernel. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildBpf, type BuiltProgram } from './calls.js';
import { countShapes, fromJson } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { nothingAttached } from './safety.js';

const runs = "-c 'bpftool prog run pinned /sys/fs/bpf/packets data_in /root/packet repeat 3'";
/** The command has an output too. */
const traced = (flags: string) =>
  `fsnoop ${flags} --format json --output /tmp/trace ${runs} >/dev/null; status=$?; cat /tmp/trace; exit $status`;
const kernel = '-k bpf_prog_test_run_xdp -g --fgraph-include htab_map_update_elem';

const load = `
    mount -t bpf bpf /sys/fs/bpf; head -c 60 /dev/zero >/root/packet
    bpftool prog load /root/packets.bpf.o /sys/fs/bpf/packets
    bpftool prog | sed -n 's/^\\([0-9]*\\): xdp .* tag \\([0-9a-f]*\\) .*/\\1 \\2/p' >/root/program`;

const steps = {
  load,
  'by name': traced('-p name:count_packets_by_size'),
  'by a glob of names': traced("-p 'n:count_*'"),
  'by id': traced('-p id:$(cut -d " " -f 1 /root/program)'),
  'by number': traced('-p $(cut -d " " -f 1 /root/program)'),
  'by tag': traced('-p tag:$(cut -d " " -f 2 /root/program)'),
  'by pinned file': traced('-p pinned:/sys/fs/bpf/packets'),
  'of all': traced("-p '*'"),
  'a function of it': traced('-p name:count_packets_by_size:third_of'),
  'all functions of it': traced("-p 'name:count_packets_by_size:*' -g"),
  'with the kernel': traced(`-p name:count_packets_by_size ${kernel}`),
  'one by one': traced(`-p name:count_packets_by_size ${kernel} --method fsession`),
  expressions: traced(
    "-p name:count_packets_by_size --args full --filter-arg 'ctx->data_end - ctx->data == 60' --output-arg 'ctx->data_end - ctx->data' --output-arg '$retval'",
  ),
  'no such name': 'fsnoop -p name:count_packet',
  'no such function': 'fsnoop -p name:count_packets_by_size:third',
  misspelt: 'fsnoop -p size:3',
  'of a process': `
    fsnoop -k ksys_read --ready-file /tmp/ready --output /dev/null & tracer=$!
    while ! [ -s /tmp/ready ]; do sleep 0.2; done
    fsnoop -p pid:$tracer; status=$?; kill -INT $tracer; wait $tracer; exit $status`,
  'nothing attached': `rm /sys/fs/bpf/packets; sleep 1; ${nothingAttached}`,
};

let packets: BuiltProgram;
let run: GuestSession<keyof typeof steps>;
const step = (name: keyof typeof steps) => run.steps[name];

beforeAll(async () => {
  packets = await buildBpf('packets');
  run = await guestSession({
    files: [{ path: '/usr/sbin/bpftool' }, { path: packets.path }],
    timeoutMs: 900_000,
    stepTimeoutMs: 120_000,
    steps,
  });
}, 1_000_000);

afterAll(() => packets[Symbol.asyncDispose]());

test('nothing is wrong with the kernel, and nothing left attached', () => {
  expect(run.splats).toEqual([]);
  expect(step('nothing attached')).toMatchObject({ status: 0, stdout: '' });
});

const ways = Object.keys(steps).filter((name) =>
  /^by |^of all/.test(name),
) as (keyof typeof steps)[];

test.each(ways)('a program is found %s, with what it takes and returns', (name) => {
  const { status, stdout } = step(name);
  expect(status).toBe(0);
  const calls = linesOf(stdout, 'call');
  expect(calls).toHaveLength(3);
  for (const call of calls)
    expect(call).toMatchObject({
      function: 'count_packets_by_size',
      module: expect.stringMatching(/^bpf:\d+$/) as string,
      retval: 2,
      args: [{ name: 'ctx', type: 'struct xdp_buff *' }],
    });
});

test('so is a function of it', () => {
  const calls = linesOf(step('a function of it').stdout, 'call');
  expect(calls).toHaveLength(3);
  expect(calls[0]).toMatchObject({
    ...{ function: 'third_of', retval: 20 },
    args: [
      { name: 'bytes', type: '__u32', value: 60 },
      { name: 'more', type: '__u32', value: 0 },
    ],
  });
});

test('all of its functions make a tree', () => {
  const trees = linesOf(step('all functions of it').stdout, 'tree');
  expect(countShapes(trees.map(({ root }) => fromJson(root)))).toEqual({
    'count_packets_by_size(third_of)': 3,
  });
});

describe.each([
  ['with the kernel', 'fsession.multi'],
  ['one by one', 'fsession'],
] as const)('%s', (name, method) => {
  test('it is in one tree with functions of the kernel', () => {
    const { stdout } = step(name);
    expect(onlyLineOf(stdout, 'start')).toMatchObject({ method });
    const [tree, ...others] = linesOf(stdout, 'tree');
    expect(others).toEqual([]);
    const children = tree?.root.children ?? [];
    expect(tree?.root).toMatchObject({ function: 'bpf_prog_test_run_xdp', module: null });
    expect(children).toHaveLength(3);
    for (const child of children)
      expect(child).toMatchObject({
        function: 'count_packets_by_size',
        module: expect.stringMatching(/^bpf:/) as string,
        children: [{ function: 'htab_map_update_elem', module: null }],
      });
  });
});

test('expressions read what the kernel has where the program declares its context', () => {
  const calls = linesOf(step('expressions').stdout, 'call');
  expect(calls).toHaveLength(3);
  expect(calls[0]).toMatchObject({ outputs: [{ value: 60 }, { value: 2 }] });
  expect(JSON.stringify(calls[0])).toContain('"frame_sz"');
});

test.each([
  [
    'no such name',
    /matches none of the \d+ BPF programs.*\nTry this: Did you mean: count_packets_by_size\n/,
  ],
  [
    'no such function',
    /no function third in it\.\nTry this: It has: count_packets_by_size, third_of\n/,
  ],
  ['misspelt', /'size:3' names no BPF program\.\nTry this: -p id:12, name:/],
  ['of a process', /^Error: .*can be traced.*a tracing program/],
] as const)('%s is said', (name, said) => {
  expect(step(name)).toMatchObject({ status: 2, stdout: '' });
  expect(step(name).stderr).toMatch(said);
});

test('on 6.1, by fentry+fexit, they are in one tree with the kernel too', async () => {
  const { steps: done, splats } = await guestSession({
    kernel: '6.1',
    files: [{ path: '/usr/sbin/bpftool' }, { path: packets.path }],
    timeoutMs: 300_000,
    steps: {
      load,
      traced: traced(`-p 'name:count_packets_by_size:*' ${kernel}`),
      after: nothingAttached,
    },
  });
  const { stdout } = done.traced;
  expect(onlyLineOf(stdout, 'start')).toMatchObject({ method: 'fentry+fexit', refused: [] });
  expect(countShapes(linesOf(stdout, 'tree').map(({ root }) => fromJson(root)))).toEqual({
    [`bpf_prog_test_run_xdp(${Array.from({ length: 3 }, () => 'count_packets_by_size(third_of,htab_map_update_elem)').join()})`]: 1,
  });
  expect(done.after.stdout).not.toContain('on_call');
  expect(splats).toEqual([]);
});
