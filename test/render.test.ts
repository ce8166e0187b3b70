import { expect, test } from 'vitest';
import { recordType } from '../src/events/record.js';
import { makeRenderer, type Renderer, type RendererOptions } from '../src/render/renderer.js';
import type { Parameter } from '../src/symbols/parameters.js';
import { noAddresses } from '../src/symbols/addresses.js';
import { functions, read, slow, treeOf, treesOf, unfinished } from './fixtures/reads.js';
import { makeRecord, recordsOf } from './fixtures/records.js';

const start = { kernel: '7.2', method: 'fsession.multi', functions: 7, refused: [], attachMs: 93 };

/** With trees and records as they are read. */
function make(options: Partial<RendererOptions> = {}): Renderer {
  const renderer = makeRenderer({
    format: 'text',
    style: 'tree',
    graph: true,
    live: false,
    width: null,
    color: false,
    functions,
    outputs: [],
    addresses: noAddresses,
    epochNs: 0n,
    ...options,
  });
  const read = (text: string) => Buffer.from(text, renderer.encoding).toString();
  return {
    ...renderer,
    tree: (...args) => read(renderer.tree(...args)),
    record: (record) => read(renderer.record(record)),
  };
}

/** As it would be printed: vitest wants a newline on both ends of an expected block. */
const shown = (text: string) => `\n${text}`;

const slowOfDd = treeOf(slow, { comm: 'dd', tid: 102, pid: 102 });

test('a tree shows the calls with their duration, self time and value', () => {
  expect(shown(make().tree(treeOf(read)))).toMatchInlineSnapshot(`
    "
    vfs_read · cat 101:101 · cpu 0
       DURATION       SELF
        2.74 µs    1.12 µs  vfs_read() = 131072
        1.20 µs    0.72 µs  ├─ rw_verify_area() = 0
        0.48 µs    0.48 µs  │  └─ security_file_permission() = 0
        0.42 µs    0.42 µs  └─ read_zero() = 131072
    "
  `);
});

test('a tree is the same after more trees than text is kept of', () => {
  const renderer = make();
  // eight functions with so many values each, of which one has no place in the plan
  for (let place = 0; place < 8; place++)
    for (let returns = 0; returns < 1 << 13; returns++)
      renderer.tree(treeOf({ function: place, startNs: 0, durationNs: 1, returns }));
  expect(renderer.tree(slowOfDd)).toBe(`\n${make().tree(slowOfDd)}`);
});

test('slow calls are marked and errors have names', () => {
  expect(shown(make().tree(slowOfDd))).toMatchInlineSnapshot(`
    "
    vfs_read · dd 102:102 · cpu 0
       DURATION       SELF
    $   3.20  s    3.06  s  vfs_read() = -ENOENT
       10.00 µs   10.00 µs  ├─ rw_verify_area() = -EACCES
    +  10.00 µs   10.00 µs  ├─ fsnotify()
    ! 123.46 µs  123.46 µs  ├─ do_filp_open() = -ENOENT
    #   1.23 ms    1.23 ms  ├─ do_filp_open() = 0xffff888003a4c000
    *  12.35 ms   12.35 ms  ├─ do_filp_open() = NULL
    @ 123.46 ms  123.46 ms  └─ ext4_readpage [ext4]() = true
    "
  `);
});

test('an empty line stands between trees', () => {
  const renderer = make();
  const lone = treeOf({ function: 4, durationNs: 480 });
  const out = renderer.start(start) + renderer.tree(lone) + renderer.tree(lone);
  expect(shown(out)).toMatchInlineSnapshot(`
    "
    fsnotify · cat 101:101 · cpu 0
       DURATION       SELF
        0.48 µs    0.48 µs  fsnotify()

    fsnotify · cat 101:101 · cpu 0
       DURATION       SELF
        0.48 µs    0.48 µs  fsnotify()
    "
  `);
});

test('a call that had not returned says so', () => {
  expect(shown(make().tree(treeOf(unfinished())))).toMatchInlineSnapshot(`
    "
    vfs_read · cat 101:101 · cpu 0 · incomplete: tracing ended
       DURATION       SELF
                            vfs_read() … not returned after 3.20 s
        1.20 µs    1.20 µs  ├─ rw_verify_area() = 0
                            └─ read_zero() … not returned after 3.20 s
    "
  `);
  expect(shown(make().tree(treeOf(unfinished(recordType.exit))))).toMatchInlineSnapshot(`
    "
    vfs_read · cat 101:101 · cpu 0 · incomplete: task exited
       DURATION       SELF
                            vfs_read() … task exited after 3.20 s
        1.20 µs    1.20 µs  ├─ rw_verify_area() = 0
                            └─ read_zero() … task exited after 3.20 s
    "
  `);
});

test('an incomplete tree says why on its first line, and shows where the gap is', () => {
  const trees = [
    treeOf(read, {}, 'rw_verify_area'),
    treeOf(read, {}, 'rw_verify_area', 'security_file_permission'),
    treeOf(read, {}, 'vfs_read', 'security_file_permission'),
    treeOf(unfinished(), {}, 'rw_verify_area'),
  ];
  const renderer = make();
  expect(shown(trees.map((tree) => renderer.tree(tree)).join(''))).toMatchInlineSnapshot(`
    "
    vfs_read · cat 101:101 · cpu 0 · incomplete: 1 call lost
       DURATION       SELF
        2.74 µs    1.84 µs  vfs_read() = 131072
                            ├─ ?() … record lost
        0.48 µs    0.48 µs  │  └─ security_file_permission() = 0
        0.42 µs    0.42 µs  └─ read_zero() = 131072

    vfs_read · cat 101:101 · cpu 0 · incomplete: 2 calls lost
       DURATION       SELF
        2.74 µs    2.32 µs  vfs_read() = 131072
                            ├─ … 2 calls lost
        0.42 µs    0.42 µs  └─ read_zero() = 131072

    ? · ? 101:101 · cpu 0 · incomplete: root record lost, at least 2 calls lost
       DURATION       SELF
                            ?() … record lost
                            ├─ … 1 call lost
        1.20 µs    1.20 µs  ├─ rw_verify_area() = 0
        0.42 µs    0.42 µs  └─ read_zero() = 131072

    vfs_read · cat 101:101 · cpu 0 · incomplete: tracing ended, 1 call lost
       DURATION       SELF
                            vfs_read() … not returned after 3.20 s
                            ├─ … 1 call lost
                            └─ read_zero() … not returned after 3.20 s
    "
  `);
});

test('lines are cut to the width of the terminal', () => {
  const renderer = make({ width: 43 });
  const out = renderer.tree(treeOf(read)) + renderer.tree(treeOf(unfinished(), {}, 'read_zero'));
  expect(shown(out)).toMatchInlineSnapshot(`
    "
    vfs_read · cat 101:101 · cpu 0
       DURATION       SELF
        2.74 µs    1.12 µs  vfs_read() = 131072
        1.20 µs    0.72 µs  ├─ rw_verify_area(…
        0.48 µs    0.48 µs  │  └─ security_fil…
        0.42 µs    0.42 µs  └─ read_zero() = 1…

    vfs_read · cat 101:101 · cpu 0 · incomplet…
       DURATION       SELF
                            vfs_read() … not r…
        1.20 µs    1.20 µs  ├─ rw_verify_area(…
                            └─ … 1 call lost
    "
  `);
  expect(Math.max(...out.split('\n').map((line) => line.length))).toBe(43);
});

/** Colours as `<31>`, so that they can be seen. */
const visible = (text: string) => text.replaceAll('\u001b[', '<').replaceAll(/<(\d+)m/g, '<$1>');

test('colours show what is slow, what failed and what is not known', () => {
  const renderer = make({ color: true });
  const out = renderer.tree(slowOfDd) + renderer.tree(treeOf(read, {}, 'rw_verify_area'));
  expect(shown(visible(out))).toMatchInlineSnapshot(`
    "
    <1>vfs_read<22> · dd 102:102 · cpu 0
    <2>   DURATION       SELF<22>
    <31><1><4>$   3.20  s<24><22><39>    3.06  s  vfs_read()<31><1> = -ENOENT<22><39>
       10.00 µs   10.00 µs  <2>├─ <22>rw_verify_area()<31><1> = -EACCES<22><39>
    <32>+  10.00 µs<39>   10.00 µs  <2>├─ <22>fsnotify()
    <33>! 123.46 µs<39>  123.46 µs  <2>├─ <22>do_filp_open()<31><1> = -ENOENT<22><39>
    <35>#   1.23 ms<39>    1.23 ms  <2>├─ <22>do_filp_open() = 0xffff888003a4c000
    <31>*  12.35 ms<39>   12.35 ms  <2>├─ <22>do_filp_open() = NULL
    <31><1>@ 123.46 ms<22><39>  123.46 ms  <2>└─ <22>ext4_readpage [ext4]() = true

    <1>vfs_read<22> · cat 101:101 · cpu 0 · <33>incomplete: 1 call lost<39>
    <2>   DURATION       SELF<22>
        2.74 µs    1.84 µs  vfs_read() = 131072
                            <2>├─ <22>?()<33> … record lost<39>
        0.48 µs    0.48 µs  <2>│  └─ <22>security_file_permission() = 0
        0.42 µs    0.42 µs  <2>└─ <22>read_zero() = 131072
    "
  `);
});

test('a cut line is as wide in colours as without, and ends them', () => {
  for (const width of [1, 2, 24, 25, 37, 40, 50, 100]) {
    const colored = make({ color: true, width }).tree(slowOfDd);
    expect(visible(colored).replaceAll(/<\d+>/g, '')).toBe(make({ width }).tree(slowOfDd));
    for (const line of visible(colored).split('\n')) {
      expect(line.match(/<([124]|3[1-7])>/g) ?? []).toHaveLength(
        (line.match(/<(22|24|39)>/g) ?? []).length,
      );
    }
  }
});

test("a task's name can't command the terminal", () => {
  for (const style of ['tree', 'ftrace', 'arrows'] as const) {
    const renderer = make({ style });
    const evil = treeOf(read, { comm: '\u001b[2J\r\u202eevil', tid: 7 });
    const out = renderer.tree(treeOf(read)) + renderer.tree(evil);
    expect(out).toContain('?[2J?');
    expect(out).not.toMatch(/[\p{Cf}\r]/u);
    expect(out).not.toContain('\u001b');
  }
});

test('without a graph each call is a line, in the order of return', () => {
  const renderer = make({ graph: false });
  const out = [
    renderer.start(start),
    renderer.tree(treeOf(read)),
    renderer.tree(treeOf({ ...slow, calls: [] }, { comm: 'dd', tid: 102, pid: 100, cpu: 12 })),
    renderer.tree(treeOf(unfinished())),
    renderer.tree(treeOf(read, {}, 'rw_verify_area')),
  ];
  expect(shown(out.join(''))).toMatchInlineSnapshot(`
    "
       DURATION  CPU  TASK                     CALL
        0.48 µs    0  cat 101:101              security_file_permission() = 0
        1.20 µs    0  cat 101:101              rw_verify_area() = 0
        0.42 µs    0  cat 101:101              read_zero() = 131072
        2.74 µs    0  cat 101:101              vfs_read() = 131072
    $   3.20  s   12  dd 100:102               vfs_read() = -ENOENT
        1.20 µs    0  cat 101:101              rw_verify_area() = 0
                   0  cat 101:101              read_zero() … not returned after 3.20 s
                   0  cat 101:101              vfs_read() … not returned after 3.20 s
        0.48 µs    0  cat 101:101              security_file_permission() = 0
        0.42 µs    0  cat 101:101              read_zero() = 131072
        2.74 µs    0  cat 101:101              vfs_read() = 131072
                                               … 1 call lost
    "
  `);
});

test("the style ftrace reads like the kernel's function_graph", () => {
  const renderer = make({ style: 'ftrace' });
  const out = renderer.start(start) + renderer.tree(treeOf(read)) + renderer.tree(slowOfDd);
  expect(shown(out)).toMatchInlineSnapshot(`
    "
    # tracer: function_graph
    #
    # CPU  DURATION                  FUNCTION CALLS
    # |     |   |                     |   |   |   |
     0)               |  vfs_read() {
     0)               |    rw_verify_area() {
     0)   0.480 us    |      security_file_permission(); /* ret=0x0 */
     0)   1.200 us    |    } /* rw_verify_area ret=0x0 */
     0)   0.420 us    |    read_zero(); /* ret=0x20000 */
     0)   2.738 us    |  } /* vfs_read ret=0x20000 */
     ------------------------------------------
     0)    cat-101     =>     dd-102    
     ------------------------------------------

     0)               |  vfs_read() {
     0)   10.000 us   |    rw_verify_area(); /* ret=-13 */
     0) + 10.001 us   |    fsnotify();
     0) ! 123.456 us  |    do_filp_open(); /* ret=-2 */
     0) # 1234.567 us |    do_filp_open(); /* ret=0xffff888003a4c000 */
     0) * 12345.67 us |    do_filp_open(); /* ret=0x0 */
     0) @ 123456.7 us |    ext4_readpage [ext4](); /* ret=0x1 */
     0) $ 3200000 us  |  } /* vfs_read ret=-2 */
    "
  `);
});

test('the style ftrace shows losses and open calls', () => {
  const renderer = make({ style: 'ftrace', cpus: 16 });
  const out = [
    renderer.tree(treeOf(read, { cpu: 3 }, 'rw_verify_area')),
    renderer.tree(treeOf(read, { cpu: 12 }, 'rw_verify_area', 'security_file_permission')),
    renderer.tree(treeOf(unfinished(), { cpu: 3 })),
    renderer.tree(treeOf(read, { cpu: 3, tid: 0, pid: 0, comm: 'swapper/3' })),
  ];
  expect(shown(out.join(''))).toMatchInlineSnapshot(`
    "
      3)               |  vfs_read() {
      3)               |    ?() { /* record lost */
      3)   0.480 us    |      security_file_permission(); /* ret=0x0 */
      3)               |    }
      3)   0.420 us    |    read_zero(); /* ret=0x20000 */
      3)   2.738 us    |  } /* vfs_read ret=0x20000 */
     12)               |  vfs_read() {
    CPU:12 [LOST 2 EVENTS]
     12)   0.420 us    |    read_zero(); /* ret=0x20000 */
     12)   2.738 us    |  } /* vfs_read ret=0x20000 */
      3)               |  vfs_read() { /* not returned after 3.20 s */
      3)   1.200 us    |    rw_verify_area(); /* ret=0x0 */
      3)               |    read_zero() { /* not returned after 3.20 s */
     ------------------------------------------
      3)    cat-101     =>    <idle>-0   
     ------------------------------------------

      3)               |  vfs_read() {
      3)               |    rw_verify_area() {
      3)   0.480 us    |      security_file_permission(); /* ret=0x0 */
      3)   1.200 us    |    } /* rw_verify_area ret=0x0 */
      3)   0.420 us    |    read_zero(); /* ret=0x20000 */
      3)   2.738 us    |  } /* vfs_read ret=0x20000 */
    "
  `);
});

test('the style ftrace follows a task to another CPU', () => {
  const records = recordsOf(read).map((record) => ({ ...record, cpu: record.index < 2 ? 0 : 1 }));
  const [tree] = treesOf(records);
  expect(tree && shown(make({ style: 'ftrace' }).tree(tree))).toMatchInlineSnapshot(`
    "
     0)               |  vfs_read() {
     0)               |    rw_verify_area() {
     0)   0.480 us    |      security_file_permission(); /* ret=0x0 */
     0)   1.200 us    |    } /* rw_verify_area ret=0x0 */
     1)   0.420 us    |    read_zero(); /* ret=0x20000 */
     1)   2.738 us    |  } /* vfs_read ret=0x20000 */
    "
  `);
});

test('the style arrows has a line for each entry and return', () => {
  const renderer = make({ style: 'arrows' });
  const out = [
    renderer.tree(treeOf(read)),
    renderer.tree(slowOfDd),
    renderer.tree(treeOf(unfinished(), {}, 'rw_verify_area')),
    renderer.tree(treeOf(read, {}, 'rw_verify_area')),
  ];
  expect(shown(out.join(''))).toMatchInlineSnapshot(`
    "
    cat 101             → vfs_read()
    cat 101               → rw_verify_area()
    cat 101                 → security_file_permission()
    cat 101                 ← security_file_permission = 0  0.48 µs
    cat 101               ← rw_verify_area = 0  1.20 µs
    cat 101               → read_zero()
    cat 101               ← read_zero = 131072  0.42 µs
    cat 101             ← vfs_read = 131072  2.74 µs
    dd 102              → vfs_read()
    dd 102                → rw_verify_area()
    dd 102                ← rw_verify_area = -EACCES  10.00 µs
    dd 102                → fsnotify()
    dd 102                ← fsnotify  + 10.00 µs
    dd 102                → do_filp_open()
    dd 102                ← do_filp_open = -ENOENT  ! 123.46 µs
    dd 102                → do_filp_open()
    dd 102                ← do_filp_open = 0xffff888003a4c000  # 1.23 ms
    dd 102                → do_filp_open()
    dd 102                ← do_filp_open = NULL  * 12.35 ms
    dd 102                → ext4_readpage [ext4]()
    dd 102                ← ext4_readpage [ext4] = true  @ 123.46 ms
    dd 102              ← vfs_read = -ENOENT  $ 3.20 s
    cat 101             → vfs_read()
    cat 101               … 1 call lost
    cat 101               → read_zero()
    cat 101               … read_zero not returned after 3.20 s
    cat 101             … vfs_read not returned after 3.20 s
    cat 101             → vfs_read()
    cat 101               → ?()
    cat 101                 → security_file_permission()
    cat 101                 ← security_file_permission = 0  0.48 µs
    cat 101               … ? record lost
    cat 101               → read_zero()
    cat 101               ← read_zero = 131072  0.42 µs
    cat 101             ← vfs_read = 131072  2.74 µs
    "
  `);
});

test('live, records are lines as they come, with the name of the task', () => {
  const renderer = make({ live: true });
  const entry = (place: number, depth: number, comm: string) =>
    makeRecord({ type: recordType.entry, function: place, depth, comm });
  const [permission, verify, zero, root] = recordsOf(read).map((record) => ({ ...record }));
  const out = [
    entry(0, 0, 'cat'),
    entry(1, 1, ''),
    entry(2, 2, ''),
    permission,
    { ...entry(0, 0, 'dd'), tid: 102, tree: 2 },
    verify,
    entry(3, 1, ''),
    zero,
    root,
    { ...entry(1, 1, ''), tid: 102, tree: 2 },
    makeRecord({ type: recordType.exit, function: 1, depth: 1, tid: 102, durationNs: 1e6 }),
    makeRecord({ type: recordType.exit, tid: 102, comm: 'dd', durationNs: 2e6 }),
  ].map((record) => renderer.record(makeRecord(record ?? {})));
  expect(shown(out.join(''))).toMatchInlineSnapshot(`
    "
    cat 101             → vfs_read()
    cat 101               → rw_verify_area()
    cat 101                 → security_file_permission()
    cat 101                 ← security_file_permission = 0  0.48 µs
    dd 102              → vfs_read()
    cat 101               ← rw_verify_area = 0  1.20 µs
    cat 101               → read_zero()
    cat 101               ← read_zero = 131072  0.42 µs
    cat 101             ← vfs_read = 131072  2.74 µs
    dd 102                → rw_verify_area()
    dd 102                … rw_verify_area task exited after 1.00 ms
    dd 102              … vfs_read task exited after 2.00 ms
    "
  `);
  expect(renderer.tree(treeOf(read))).toBe('');
  expect(renderer.tree(treeOf(read, {}, 'rw_verify_area'))).toBe(
    'cat 101             … 1 call lost\n',
  );
});

test('unless live, records show nothing by themselves', () => {
  expect(make().record(makeRecord({}))).toBe('');
  expect(make({ format: 'json' }).record(makeRecord({ type: recordType.entry }))).toBe('');
});

test('with prototypes, functions have their types', () => {
  const size: Parameter = {
    ...{ name: 'size', typeId: 1, typeName: 'size_t', declaration: 'size_t size' },
    ...{ type: { kind: 'int', bytes: 8, signed: false, char: false }, slot: 0, slots: 1 },
  };
  const [first, ...others] = functions;
  if (first === undefined) throw new Error('there is no function');
  const made = make({
    prototypes: true,
    functions: [{ ...first, returnsName: 'void *', parameters: [size], argSlots: 0 }, ...others],
  });
  expect(made.tree(treeOf({ function: 0, durationNs: 10 }))).toContain(
    'void *vfs_read(size_t size) = 0\n',
  );
});
