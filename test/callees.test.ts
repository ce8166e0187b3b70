/** What functions call: from symbols and machine code to a graph, and to text. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Plan, PlannedCallee } from '../src/plan/plan.js';
import { renderGraphJson, renderGraphText } from '../src/render/graph.js';
import { renderPlanJson, renderPlanText } from '../src/render/plan.js';
import {
  findCallees,
  type CalleeSearch,
  type CallGraph,
  type Calls,
} from '../src/symbols/callees.js';
import { makeCode } from '../src/symbols/code.js';
import { coldList, kindOfCall, whyCold } from '../src/symbols/cold-list.js';
import type { Reason } from '../src/symbols/function.js';
import { disassembleBlocks, loadCallees } from '../src/symbols/load-callees.js';
import { openRecordedCode, type RecordedCode } from './recorded-code.js';

const kallsyms = `\
0000000000000000 B per_cpu
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000000 T __pfx_vfs_read
ffffffff81000010 T vfs_read
ffffffff81000030 t rw_verify_area
ffffffff81000040 T __pi_memcpy
ffffffff81000040 T memcpy
ffffffff81000040 W __memcpy
ffffffff81000050 t security_file_permission
ffffffff81000060 T fsnotify
ffffffff81000070 d table
ffffffff81000080 t vfs_read.cold
ffffffff81000090 t rw_verify_area.cold
ffffffff810000a0 T _printk
ffffffff810000b0 T dump_stack
ffffffff810000c0 T __x86_indirect_thunk_rax
ffffffff810000d0 T __x86_return_thunk
ffffffff810000e0 t hook
ffffffff81000100 T _etext
ffffffff82000000 T _sinittext
ffffffff82000000 t start_kernel
ffffffff82000010 T _einittext
ffffffffc0000000 t ext4_readdir	[ext4]
`;

const code = makeCode(kallsyms);
const at = (low: number) => 0x81000000 + low;

describe('the blocks of the code', () => {
  test('begin at symbols and end at the next', () => {
    expect(code.at(at(0x10))).toEqual({ address: at(0x10), bytes: 0x20, names: ['vfs_read'] });
    expect(code.at(at(0x2f))?.names).toEqual(['vfs_read']);
    expect(code.at(at(0x60))).toMatchObject({ bytes: 0x10, names: ['fsnotify'] });
  });

  test('have all names of a place, and none where data is', () => {
    expect(code.at(at(0x40))?.names).toEqual(['__pi_memcpy', 'memcpy', '__memcpy']);
    expect(code.at(at(0x75))?.names).toEqual([]);
  });

  test('are of the text alone, not of what only boots', () => {
    const outside = [0x80ffffff, at(0x100), 0x82000000, 0xc0010000, 0, 0xffffffff];
    expect(outside.map((address) => code.at(address))).toEqual(outside.map(() => null));
  });

  test('are of modules, in which nothing ends the last function', () => {
    expect(code.at(0xc0000008)).toEqual({
      address: 0xc0000000,
      bytes: 0x10000,
      names: ['ext4_readdir'],
    });
    expect(code.find(['ext4_readdir'])).toHaveLength(1);
  });

  test('are found by name', () => {
    const found = code.find(['vfs_read', 'memcpy', '__memcpy', 'start_kernel', 'table', 'none']);
    expect(found.map(({ address }) => address)).toEqual([at(0x10), at(0x40)]);
    expect(code.find([])).toEqual([]);
  });

  test('are none where the addresses are hidden', () => {
    const hidden = makeCode(kallsyms.replace(/^\w+/gm, '0000000000000000'));
    expect(hidden.find(['vfs_read'])).toEqual([]);
    expect(hidden.at(at(0x10))).toBeNull();
  });
});

describe('the blocks of an arm64 kernel that KASLR put across a border of 4 GiB', () => {
  const text = `\
ffffb51cfff00000 T _stext
ffffb51cffffffe0 t rw_verify_area
ffffb51d00000008 T vfs_read
ffffb51d00000028 T _etext
ffffb51c90000000 t ext4_readdir	[ext4]
`;
  const across = makeCode(text);

  test('are found by the lower halves of addresses', () => {
    expect(across.at(0xffffffe4)).toEqual({
      address: 0xffffffe0,
      bytes: 0x28,
      names: ['rw_verify_area'],
    });
    expect(across.at(0x4)?.names).toEqual(['rw_verify_area']);
    expect(across.at(0x8)).toEqual({ address: 0x8, bytes: 0x20, names: ['vfs_read'] });
    expect(across.at(0x90000004)?.names).toEqual(['ext4_readdir']);
    expect([0x28, 0x8fffffff].map((address) => across.at(address))).toEqual([null, null]);
    expect(across.find(['vfs_read']).map(({ address }) => address)).toEqual([0x8]);
  });

  test('have whole addresses', () => {
    expect(across.wholeAddress(0xffffffe0)).toBe(0xffffb51cffffffe0n);
    expect(across.wholeAddress(0x8)).toBe(0xffffb51d00000008n);
    expect(across.wholeAddress(0x90000000)).toBe(0xffffb51c90000000n);
    expect(code.wholeAddress(at(0x10))).toBe(0xffffffff81000010n);
    expect(code.wholeAddress(0xc0000000)).toBe(0xffffffffc0000000n);
  });
});

describe('code of arm64', () => {
  const start = 0xfffffff0;

  /** Of one function of these instructions. */
  async function readCalls(...words: readonly number[]): Promise<Calls | undefined> {
    const { loadNative } = await import('../src/attach/native.js');
    const block = { address: start, bytes: 4 * words.length, names: [] };
    const read = () => Buffer.from(Uint32Array.from(words).buffer);
    const [calls] = await disassembleBlocks([block], read, loadNative().disassemble, 'arm64');
    return calls;
  }

  test.each([
    ['bl', 0x94000004, 0x0],
    ['bl backwards', 0x97fffffc, 0xffffffe0],
    ['b, as to a function that is called last', 0x14000008, 0x10],
    ['b.ne', 0x54000081, 0x0],
    ['cbz', 0xb4ffff80, 0xffffffe0],
    ['cbnz', 0x35000100, 0x10],
    ['tbz', 0x36080080, 0x0],
    ['tbnz, of an upper bit', 0xb7ffff80, 0xffffffe0],
  ])('leaves by %s', async (_, word, target) => {
    expect(await readCalls(word, 0xd65f03c0)).toEqual({ targets: [target], indirect: 0 });
  });

  test('stays where a branch leads to the function itself', async () => {
    expect(await readCalls(0x14000001, 0x54ffffe0, 0xd65f03c0)).toEqual({
      targets: [],
      indirect: 0,
    });
  });

  test('calls indirectly by blr, and by br but for the jumps of a switch', async () => {
    const [blr, br, offset, otherOffset] = [0xd63f0060, 0xd61f0040, 0x8b22c822, 0x8b22c823];
    expect(await readCalls(blr, otherOffset, br)).toEqual({ targets: [], indirect: 2 });
    expect(await readCalls(offset, br)).toEqual({ targets: [], indirect: 0 });
  });

  test('is none where ftrace keeps an address before the next function', async () => {
    expect(await readCalls(0xd503201f, 0xd65f03c0, 0x94000004, 0xffffb51c)).toEqual({
      targets: [],
      indirect: 0,
    });
  });
});

describe('the graph', () => {
  /** Calls by the names of their callers; targets by name, `@` for those in the middle. */
  const table: Readonly<Record<string, { calls: string[]; indirect?: number }>> = {
    vfs_read: {
      calls: [
        ...['rw_verify_area', 'fsnotify', 'fsnotify', 'vfs_read.cold', 'vfs_read.cold@4'],
        ...['__x86_indirect_thunk_rax', '__x86_indirect_thunk_rax', '__x86_return_thunk'],
        ...['memcpy@8', '_etext', 'table'],
      ],
      indirect: 1,
    },
    rw_verify_area: { calls: ['security_file_permission', '_printk', 'rw_verify_area.cold'] },
    security_file_permission: { calls: ['memcpy', 'vfs_read'], indirect: 3 },
    fsnotify: { calls: ['memcpy', 'security_file_permission'] },
    'vfs_read.cold': { calls: ['dump_stack', 'vfs_read@20', 'rw_verify_area.cold'] },
    'rw_verify_area.cold': { calls: ['_printk'], indirect: 1 },
    hook: { calls: ['fsnotify', 'memcpy'] },
  };

  const addressOf = (text: string): number => {
    const [name = '', behind = '0'] = text.split('@');
    const [, low = ''] = new RegExp(`^.{8}(.{8}) . ${name}$`, 'm').exec(kallsyms) ?? [];
    return parseInt(low, 16) + Number(behind);
  };

  const search: CalleeSearch = {
    roots: ['vfs_read'],
    extra: [],
    excluded: new Set(),
    maxDepth: 5,
    paths: 'likely',
  };
  const find = (fields: Partial<CalleeSearch>) =>
    findCallees({ ...search, ...fields }, code, (blocks) =>
      Promise.resolve(
        blocks.map(({ names: [name = ''] }) => {
          const { calls, indirect = 0 } = table[name] ?? { calls: [] };
          return { targets: calls.map(addressOf), indirect };
        }),
      ),
    );

  function draw({ callees, leftOut }: CallGraph): string {
    const lines = callees.map(({ names, level, calls, indirectCalls }) => {
      const called = calls.map((place) => callees[place]?.names[0] ?? '?').join(' ');
      return `${level} ${names.join('=')} (${indirectCalls} indirect): ${called}`;
    });
    const cold = leftOut.map(({ function: name, why }) => `cold ${name}: ${why}`);
    return ['', ...lines, ...cold].join('\n');
  }

  test('goes level by level, each function once, to what is called directly', async () => {
    expect(draw(await find({}))).toMatchInlineSnapshot(`
      "
      0 vfs_read (3 indirect): rw_verify_area fsnotify
      1 rw_verify_area (0 indirect): security_file_permission
      1 fsnotify (0 indirect): __pi_memcpy security_file_permission
      2 security_file_permission (3 indirect): __pi_memcpy vfs_read
      2 __pi_memcpy=memcpy=__memcpy (0 indirect): 
      cold _printk: writes to the log"
    `);
  });

  test('goes no deeper than asked for', async () => {
    expect(draw(await find({ maxDepth: 1 }))).toMatchInlineSnapshot(`
      "
      0 vfs_read (3 indirect): rw_verify_area fsnotify
      1 rw_verify_area (0 indirect): 
      1 fsnotify (0 indirect): "
    `);
  });

  test('takes the unlikely parts of functions and what is cold, where asked for', async () => {
    expect(draw(await find({ paths: 'all' }))).toMatchInlineSnapshot(`
      "
      0 vfs_read (4 indirect): rw_verify_area fsnotify dump_stack _printk
      1 rw_verify_area (0 indirect): security_file_permission _printk
      1 fsnotify (0 indirect): __pi_memcpy security_file_permission
      1 dump_stack (0 indirect): 
      1 _printk (0 indirect): 
      2 security_file_permission (3 indirect): __pi_memcpy vfs_read
      2 __pi_memcpy=memcpy=__memcpy (0 indirect): "
    `);
  });

  test('neither has nor follows what is excluded, by any name', async () => {
    expect(draw(await find({ excluded: new Set(['rw_verify_area', '__memcpy']) })))
      .toMatchInlineSnapshot(`
      "
      0 vfs_read (3 indirect): fsnotify
      1 fsnotify (0 indirect): security_file_permission
      2 security_file_permission (3 indirect): vfs_read"
    `);
  });

  test('follows what is extra as if the roots called it', async () => {
    expect(draw(await find({ maxDepth: 2, extra: ['hook', 'fsnotify'] }))).toMatchInlineSnapshot(`
      "
      0 vfs_read (3 indirect): rw_verify_area fsnotify
      1 rw_verify_area (0 indirect): security_file_permission
      1 fsnotify (0 indirect): __pi_memcpy security_file_permission
      1 hook (0 indirect): fsnotify __pi_memcpy
      2 security_file_permission (0 indirect): 
      2 __pi_memcpy=memcpy=__memcpy (0 indirect): 
      cold _printk: writes to the log"
    `);
  });

  test('is of all roots', async () => {
    const { callees } = await find({ roots: ['hook', 'rw_verify_area'], maxDepth: 1 });
    expect(callees.map(({ names: [name], level }) => `${level} ${name ?? ''}`)).toEqual([
      '0 rw_verify_area',
      '0 hook',
      '1 security_file_permission',
      '1 fsnotify',
      '1 __pi_memcpy',
    ]);
  });

  test('needs addresses', async () => {
    const hidden = makeCode(kallsyms.replace(/^\w+/gm, '0000000000000000'));
    await expect(loadCallees(search, hidden, () => Promise.reject(new Error()))).rejects.toThrow(
      /kallsyms does not say where the roots are/,
    );
  });
});

describe('cold functions', () => {
  test.each([
    ...['__warn_printk', '_printk', '_dev_err', 'panic', 'nmi_panic', '__stack_chk_fail'],
    ...['dump_stack', 'dump_stack_lvl', '__ubsan_handle_out_of_bounds', 'kasan_report'],
    ...['refcount_warn_saturate', '__list_add_valid_or_report', '__fortify_panic'],
    ...['trace_event_raw_event_sched_switch', '__traceiter_sched_switch', '__bpf_trace_timer_init'],
    ...['__SCT__tp_func_sched_switch', '__dynamic_pr_debug', 'report_bug'],
  ])('%s is one', (name) => {
    expect(whyCold(name)).toMatch(/\w/);
  });

  test.each([
    ...['vfs_read', 'security_file_permission', '_raw_spin_lock', 'tcp_sendmsg', 'seq_printf'],
    ...['trace_buffer_lock_reserve', 'do_exit', 'show_stat', 'submit_bio'],
  ])('%s is none', (name) => {
    expect(whyCold(name)).toBeNull();
  });

  test('have a reason each', () => {
    expect(coldList.filter(({ why, functions }) => why === '' || functions.length === 0)).toEqual(
      [],
    );
  });

  test('thunks are no functions', () => {
    expect(kindOfCall('__x86_indirect_thunk_r11')).toBe('indirect');
    expect(kindOfCall('__x86_indirect_call_thunk_rax')).toBe('indirect');
    expect(kindOfCall('__x86_return_thunk')).toBe('none');
    expect(kindOfCall('srso_alias_return_thunk')).toBe('none');
    expect(kindOfCall('ftrace_caller')).toBe('none');
    expect(kindOfCall('vfs_read')).toBe('function');
  });
});

describe('recorded code of Linux 7.2', () => {
  let recorded: RecordedCode;

  beforeAll(() => {
    const file = new URL('fixtures/code/vfs_read.json.gz', import.meta.url);
    recorded = openRecordedCode(readFileSync(file));
  });

  afterAll(() => {
    recorded[Symbol.dispose]();
  });

  const searchFor = (paths: CalleeSearch['paths']): Promise<CallGraph> =>
    findCallees(
      { roots: ['vfs_read'], extra: [], excluded: new Set(), maxDepth: 5, paths },
      recorded.code,
      recorded.disassemble,
    );

  test('has the functions that vfs_read leads to', async () => {
    const { callees, leftOut } = await searchFor('likely');
    const [root] = callees;
    expect(root?.names).toEqual(['vfs_read']);
    expect(root?.calls.map((place) => callees[place]?.names[0])).toEqual([
      'rw_verify_area',
      '__fsnotify_parent',
      'fsnotify',
    ]);
    expect(callees.length).toBe(90);
    expect(leftOut.map(({ function: name }) => name)).toContain('__stack_chk_fail');
    expect((await searchFor('all')).callees.length).toBe(187);
  });

  test('calls what objdump says, and nothing else', async () => {
    const seen = new Set<string>();
    await findCallees(
      { roots: ['vfs_read'], extra: [], excluded: new Set(), maxDepth: 5, paths: 'all' },
      recorded.code,
      async (blocks) => {
        const calls = await recorded.disassemble(blocks);
        expect(calls).toEqual(recorded.dump(blocks));
        for (const { names } of blocks) seen.add(names[0] ?? '');
        return calls;
      },
    );
    expect(seen.size).toBe(106);
    expect([...seen].some((name) => name.endsWith('.cold'))).toBe(true);
  });

  test('that is no code at all is read to its end', async () => {
    const block = { address: 0x81000000, bytes: 4096, names: [] };
    const bytes = Buffer.alloc(4096, 0xff);
    const { loadNative } = await import('../src/attach/native.js');
    const place = Uint32Array.of(block.address, block.bytes);
    for (const architecture of ['x64', 'arm64']) {
      const found = await loadNative().disassemble(bytes, place, architecture);
      expect(found.length).toBe(2 + (found[1] ?? NaN));
      const nothing = [Buffer.alloc(0), new Uint32Array(0)] as const;
      expect(await loadNative().disassemble(...nothing, architecture)).toEqual(new Uint32Array(0));
    }
  });
});

// test/trace.arm64.ts compares with objdump: that of this machine may not know arm64
test('recorded code of Linux 7.2 for arm64 has the functions that vfs_read leads to', async () => {
  const file = new URL('fixtures/code/vfs_read.arm64.json.gz', import.meta.url);
  using recorded = openRecordedCode(readFileSync(file));
  const searchFor = (paths: CalleeSearch['paths']): Promise<CallGraph> =>
    findCallees(
      { roots: ['vfs_read'], extra: [], excluded: new Set(), maxDepth: 5, paths },
      recorded.code,
      recorded.disassemble,
    );
  const { callees, leftOut } = await searchFor('likely');
  const callsOf = (name: string) =>
    callees
      .find(({ names }) => names.includes(name))
      ?.calls.map((place) => callees[place]?.names[0]);
  expect(callsOf('vfs_read')).toEqual(['rw_verify_area', '__fsnotify_parent', 'fsnotify']);
  expect(callsOf('rw_verify_area')).toEqual([
    ...['security_file_permission', 'fsnotify_pre_content', '__fsnotify_parent', 'fsnotify'],
  ]);
  expect(callees[0]?.indirectCalls).toBe(3);
  expect(callees.length).toBe(159);
  expect(leftOut.map(({ function: name }) => name)).toContain('__stack_chk_fail');
  expect((await searchFor('all')).callees.length).toBe(270);
});

describe('what is found', () => {
  const callee = (
    name: string,
    reason: Reason | null,
    level: number,
    calls: number[],
    indirectCalls = 0,
  ): PlannedCallee => ({
    callee: { name, module: null, btfId: 1, returns: { kind: 'void' }, reason },
    level,
    calls,
    indirectCalls,
  });
  const callees = {
    callees: [
      callee('vfs_read', null, 0, [1, 2], 3),
      callee('rw_verify_area', null, 1, [3, 2]),
      callee('fsnotify', null, 1, [4, 0], 1),
      callee('security_file_permission', null, 2, []),
      callee('dput.part.0', 'no BTF', 2, []),
      callee('hook', null, 1, [5]),
    ],
    cold: [{ function: '_printk', why: 'writes to the log' }],
  };
  const planned = (name: string, root: boolean) => ({
    ...{ name, root, module: null, btfId: 1, returns: { kind: 'void' as const }, reason: null },
    ...{ argSlots: 0, program: null, parameters: [], returnsName: '', entryValues: [] },
    ...{ returnValues: [], outputs: [] },
  });
  const plan: Plan = {
    method: 'fsession.multi',
    functions: ['fsnotify', 'rw_verify_area', 'vfs_read', 'hook'].map((name) =>
      planned(name, name === 'vfs_read'),
    ),
    refused: [{ function: 'dput.part.0', reason: 'no BTF' }],
    graph: true,
    callees,
    maxDepth: 5,
    minDurationNs: 0,
    pids: [],
    comm: null,
    cgroup: null,
    command: null,
    bufferBytes: 4096,
    live: false,
    args: 'off',
    outputs: [],
    filters: [],
    errnos: null,
    stack: false,
    cpuTime: false,
    tracepoints: [],
  };
  const prototypeOf = ({ name }: { readonly name: string }) =>
    name.includes('.') ? null : `int ${name}(void)`;

  test('is a tree in which each function is followed once', () => {
    expect(`\n${renderGraphText(plan, callees, { color: false, prototypeOf })}`)
      .toMatchInlineSnapshot(`
      "
      int vfs_read(void)  [traceable, 3 indirect calls]
      ├─ int rw_verify_area(void)  [traceable]
      │  ├─ int security_file_permission(void)  [not included]
      │  └─ int fsnotify(void)  [traceable, 1 indirect call, calls at level 1]
      └─ int fsnotify(void)  [traceable, 1 indirect call]
         ├─ dput.part.0  [no BTF]
         └─ int vfs_read(void)  [traceable, 3 indirect calls, calls at level 0]
      int hook(void)  [traceable]
      └─ int hook(void)  [traceable, calls at level 1]

      6 functions to level 5, 5 of them traceable.
      4 indirect calls lead where the code does not say: name what they call with --fgraph-extra.
      Left out as cold: _printk. --fgraph-all-paths takes them.
      "
    `);
  });

  test('is a line a function as JSON', () => {
    const [root, ...others] = renderGraphJson(plan, callees, prototypeOf).trimEnd().split('\n');
    expect(JSON.parse(root ?? '')).toEqual({
      type: 'callee',
      function: 'vfs_read',
      module: null,
      proto: 'int vfs_read(void)',
      level: 0,
      traceable: true,
      reason: null,
      traced: true,
      calls: ['rw_verify_area', 'fsnotify'],
      indirectCalls: 3,
    });
    expect(others.length).toBe(5);
  });

  test('is counted in the plan', () => {
    expect(renderPlanText(plan)).toContain(`
Found      6 functions in the code, 4 indirect calls
Cold       1 left out; --fgraph-all-paths takes them
           _printk
`);
    expect(JSON.parse(renderPlanJson(plan))).toMatchObject({
      disassembly: { functions: 6, indirectCalls: 4, cold: callees.cold },
    });
  });
});
