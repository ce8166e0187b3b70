/** Tracepoints and times off the CPU: where in the trees they are, and how they are shown. */
import { describe, expect, test } from 'vitest';
import { recordType, type CallRecord } from '../src/events/record.js';
import { makeRenderer, type RendererOptions } from '../src/render/renderer.js';
import { noAddresses } from '../src/symbols/addresses.js';
import type { Parameter } from '../src/symbols/parameters.js';
import { TreeBuilder } from '../src/tree/builder.js';
import type { Call, Tree } from '../src/tree/tree.js';
import { functions } from './fixtures/reads.js';
import { makeRecord, recordsOf, type Sketch } from './fixtures/records.js';

const [first] = functions;
if (first === undefined) throw new Error('there are functions');

const delta: Parameter = {
  name: 'delta',
  typeId: 1,
  type: { kind: 'int', bytes: 8, signed: false, char: false },
  typeName: 'u64',
  declaration: 'u64 delta',
  slot: 0,
  slots: 1,
};

/** A tracepoint with one argument. */
const wakeup = {
  ...first,
  ...({ kind: 'tracepoint', name: 'wakeup', returns: { kind: 'void' } } as const),
  ...{ parameters: [delta], argSlots: 1 },
};
const places = [...functions, wakeup];
const wakeupAt = functions.length;

function markOf(fields: Partial<CallRecord>, value = 7): CallRecord {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, value, true);
  const type = recordType.mark;
  return makeRecord({
    type,
    depth: 1,
    function: wakeupAt,
    slots: 1,
    view,
    end: 8,
    itemsAt: 8,
    ...fields,
  });
}

const awayOf = (startNs: number, durationNs: number): CallRecord =>
  makeRecord({ type: recordType.away, depth: 1, startNs, durationNs });

/** vfs_read 100..900 { rw_verify_area 200..500 { security_file_permission 300..400 } read_zero 600..700 } */
const read: Sketch = {
  function: 0,
  startNs: 100,
  durationNs: 800,
  calls: [
    {
      function: 1,
      startNs: 200,
      durationNs: 300,
      calls: [{ function: 2, startNs: 300, durationNs: 100 }],
    },
    { function: 3, startNs: 600, durationNs: 100 },
  ],
};

/** What was come by is written at once, a call when it returns: in the order of those times. */
function inOrder(notes: readonly CallRecord[], calls = recordsOf(read)): CallRecord[] {
  const writtenAt = ({ type, startNs, durationNs }: CallRecord) =>
    type === recordType.mark ? startNs : startNs + durationNs;
  return [...notes, ...calls].sort((a, b) => writtenAt(a) - writtenAt(b));
}

function build(records: readonly CallRecord[]): { trees: Tree[]; marks: number } {
  const trees: Tree[] = [];
  const builder = new TreeBuilder({ onTree: (tree) => trees.push(tree) });
  for (const record of records) builder.add(record);
  builder.finish();
  return { trees, marks: builder.counts.marks };
}

/** `0(*150 1(2))`: functions by number, marks by their time; with what was off the CPU behind a minus. */
function draw({ function: place, offNs, children }: Call): string {
  const inner = children.map((node) => {
    if (node.type === 'gap') return `…${node.lost}`;
    return node.type === 'mark' ? `*${node.startNs}` : draw(node);
  });
  const name = `${place === -1 ? '?' : place}${offNs > 0 ? `-${offNs}` : ''}`;
  return inner.length > 0 ? `${name}(${inner.join(' ')})` : name;
}

const drawAll = (records: readonly CallRecord[]) =>
  build(records).trees.map(({ root }) => draw(root));

describe('a mark is in the innermost call that was open then', () => {
  test.each([
    [[], '0(1(2) 3)'],
    [[150], '0(*150 1(2) 3)'],
    [[250, 350, 450], '0(1(*250 2(*350) *450) 3)'],
    [[550, 560, 650, 750], '0(1(2) *550 *560 3(*650) *750)'],
  ])('at %j', (times, drawn) => {
    const records = inOrder(times.map((startNs) => markOf({ startNs })));
    expect(drawAll(records)).toEqual([drawn]);
    expect(build(records).marks).toBe(times.length);
  });

  test('or in the root, where its task was there before its time began', () => {
    const records = inOrder([markOf({ startNs: 90 }), awayOf(92, 5), markOf({ startNs: 150 })]);
    expect(drawAll(records)).toEqual(['0(*90 *150 1(2) 3)']);
    expect(build(records).marks).toBe(2);
  });

  test.each([
    [2, 750, '0-20(1(2) 3 *750)'],
    [3, 950, '0(1(2) 3 *950)'],
  ])('or around it, where its time had ended before its record was made: %i', (at, ns, drawn) => {
    const records = recordsOf(read);
    records.splice(at, 0, markOf({ startNs: ns }), awayOf(ns + 1, 20));
    expect(drawAll(records)).toEqual([drawn]);
    expect(build(records).marks).toBe(1);
  });

  test('whatever depth its record says', () => {
    expect(drawAll(inOrder([markOf({ startNs: 350, depth: 9 })]))).toEqual(['0(1(2(*350)) 3)']);
  });

  test('of its own task', () => {
    const other = recordsOf({ ...read, calls: [] }, { tid: 7, pid: 7, tree: 2 });
    const marks = [markOf({ startNs: 350 }), markOf({ startNs: 350, tid: 7, pid: 7, tree: 2 })];
    expect(drawAll(inOrder(marks, [...recordsOf(read), ...other])).sort()).toEqual([
      '0(*350)',
      '0(1(2(*350)) 3)',
    ]);
  });

  test('also where the task then takes the id of the one that leads it', () => {
    const led = recordsOf(read, { tid: 1 });
    const marks = [markOf({ startNs: 250, tid: 1 }), markOf({ startNs: 650, tid: 9 })];
    const [first, ...later] = led;
    const records = [...(first ? [first] : []), ...later.map((record) => ({ ...record, tid: 9 }))];
    expect(drawAll(inOrder(marks, records))).toEqual(['0(1(*250 2) 3(*650))']);
  });

  test('and in the one around it where the kernel dropped that as too short', () => {
    const long = recordsOf(read).filter(({ function: place }) => place !== 2);
    const dropped = long.map((record, index) => ({ ...record, index }));
    expect(drawAll(inOrder([markOf({ startNs: 350 })], dropped))).toEqual(['0(1(*350) 3)']);
  });
});

describe('of a tree that is not told, or not whole', () => {
  test('marks go with it, and are not counted', () => {
    const drop = makeRecord({ type: recordType.drop, startNs: 100, durationNs: 800 });
    const next = recordsOf({ ...read, startNs: 1100, calls: [] }, { tree: 2 });
    const marks = [markOf({ startNs: 350 }), markOf({ startNs: 1150, tree: 2 })];
    const records = inOrder(marks, [drop, ...next]);
    expect(drawAll(records)).toEqual(['0(*1150)']);
    expect(build(records).marks).toBe(1);
  });

  test('marks of a root that was too short are not the next one’s', () => {
    const next = recordsOf({ ...read, startNs: 1100, calls: [] }, { tree: 2 });
    const records = inOrder([markOf({ startNs: 350 })], next);
    expect(drawAll(records)).toEqual(['0']);
    expect(build(records).marks).toBe(0);
  });

  test('a mark is below a root that was lost', () => {
    const rootless = recordsOf(read).filter(({ depth }) => depth > 0);
    expect(
      drawAll(inOrder([markOf({ startNs: 150 }), markOf({ startNs: 650 })], rootless)),
    ).toEqual(['?(*150 1(2) 3(*650))']);
  });
});

describe('a time off the CPU', () => {
  test('counts for the calls that it was in', () => {
    const records = inOrder([awayOf(320, 50), awayOf(420, 40), awayOf(710, 100)]);
    expect(drawAll(records)).toEqual(['0-190(1-90(2-50) 3)']);
  });

  test('is nothing that was come by', () => {
    expect(build(inOrder([awayOf(320, 50)])).marks).toBe(0);
  });

  test('counts for a call that has not returned, until now', () => {
    const open = makeRecord({ type: recordType.open, startNs: 100, durationNs: 1000 });
    expect(drawAll([awayOf(200, 900), open])).toEqual(['0-900']);
  });
});

describe('is shown', () => {
  const trees = build(
    inOrder([markOf({ startNs: 150 }, 5), markOf({ startNs: 350 }), awayOf(320, 50)]),
  ).trees;
  const [tree] = trees;
  if (tree === undefined) throw new Error('there is a tree');

  function make(options: Partial<RendererOptions>) {
    return makeRenderer({
      ...{ format: 'text', style: 'tree', graph: true, live: false, width: null, color: false },
      ...{ functions: places, outputs: [], addresses: noAddresses, epochNs: 2_000_000_000n },
      ...options,
    });
  }

  const show = (options: Partial<RendererOptions>) => {
    const renderer = make(options);
    return `\n${Buffer.from(renderer.tree(tree), renderer.encoding).toString()}`;
  };

  test('in a tree', () => {
    expect(show({ cpuTime: true })).toMatchInlineSnapshot(`
      "
      vfs_read · cat 101:101 · cpu 0
         DURATION       SELF    OFF-CPU
          0.80 µs    0.40 µs    0.05 µs  vfs_read() = 0
                                         ├─ ◆ wakeup(delta=5)
          0.30 µs    0.20 µs    0.05 µs  ├─ rw_verify_area() = 0
          0.10 µs    0.10 µs    0.05 µs  │  └─ security_file_permission() = 0
                                         │     └─ ◆ wakeup(delta=7)
          0.10 µs    0.10 µs             └─ read_zero() = 0
      "
    `);
  });

  test('without the column where nobody asks for it', () => {
    expect(show({})).not.toContain('OFF-CPU');
  });

  test('in lines', () => {
    expect(show({ graph: false, cpuTime: true })).toMatchInlineSnapshot(`
      "
                                0  cat 101:101              ◆ wakeup(delta=5)
                                0  cat 101:101              ◆ wakeup(delta=7)
          0.10 µs    0.05 µs    0  cat 101:101              security_file_permission() = 0
          0.30 µs    0.05 µs    0  cat 101:101              rw_verify_area() = 0
          0.10 µs               0  cat 101:101              read_zero() = 0
          0.80 µs    0.05 µs    0  cat 101:101              vfs_read() = 0
      "
    `);
  });

  test('with arrows', () => {
    expect(show({ style: 'arrows', cpuTime: true })).toMatchInlineSnapshot(`
      "
      cat 101             → vfs_read()
      cat 101               ◆ wakeup(delta=5)
      cat 101               → rw_verify_area()
      cat 101                 → security_file_permission()
      cat 101                   ◆ wakeup(delta=7)
      cat 101                 ← security_file_permission = 0  0.10 µs, off CPU 0.05 µs
      cat 101               ← rw_verify_area = 0  0.30 µs, off CPU 0.05 µs
      cat 101               → read_zero()
      cat 101               ← read_zero = 0  0.10 µs
      cat 101             ← vfs_read = 0  0.80 µs, off CPU 0.05 µs
      "
    `);
  });

  test('as a comment of ftrace', () => {
    expect(show({ style: 'ftrace', cpuTime: true })).toMatchInlineSnapshot(`
      "
       0)               |  vfs_read() {
       0)               |    /* ◆ wakeup(delta=5) */
       0)               |    rw_verify_area() {
       0)               |      security_file_permission() {
       0)               |        /* ◆ wakeup(delta=7) */
       0)   0.100 us    |      } /* security_file_permission ret=0x0 off-cpu=0.050 us */
       0)   0.300 us    |    } /* rw_verify_area ret=0x0 off-cpu=0.050 us */
       0)   0.100 us    |    read_zero(); /* ret=0x0 */
       0)   0.800 us    |  } /* vfs_read ret=0x0 off-cpu=0.050 us */
      "
    `);
  });

  test('in JSON, with how many of the children came before', () => {
    const { root } = JSON.parse(show({ format: 'json', cpuTime: true })) as { root: object };
    const mark = { tracepoint: 'wakeup', module: null, cpu: 0, outputs: [] };
    const args = (value: number) => [{ name: 'delta', type: 'u64', value }];
    expect(root).toMatchObject({
      function: 'vfs_read',
      offCpuNs: 50,
      marks: [{ ...mark, startNs: '2000000150', args: args(5), before: 0 }],
      children: [
        {
          offCpuNs: 50,
          children: [{ offCpuNs: 50, marks: [{ startNs: '2000000350', args: args(7) }] }],
        },
        { offCpuNs: 0 },
      ],
    });
    expect(show({ format: 'json' })).not.toContain('offCpuNs');
  });

  test('in JSON lines, before the call that it was in', () => {
    const lines = show({ format: 'json', graph: false }).trim().split('\n');
    const names = lines.map((line) => {
      const { type, tracepoint, function: name } = JSON.parse(line) as Record<string, string>;
      return `${type} ${tracepoint ?? name}`;
    });
    expect(names).toEqual([
      'tracepoint wakeup',
      'tracepoint wakeup',
      'call security_file_permission',
      'call rw_verify_area',
      'call read_zero',
      'call vfs_read',
    ]);
  });

  test('alone where no function is traced, at its time', () => {
    const lone = { ...markOf({ depth: 0, startNs: 1_234_567, comm: 'cat' }), function: 0 };
    const renderer = make({ functions: [wakeup], graph: false });
    const info = {
      kernel: '7.2',
      method: 'fsession.multi',
      functions: 0,
      refused: [],
      attachMs: 1,
    };
    expect(`\n${renderer.start(info)}${renderer.record(lone)}`).toMatchInlineSnapshot(`
      "
                TIME  CPU  TASK                     TRACEPOINT
            2.001234    0  cat 101:101              ◆ wakeup(delta=7)
      "
    `);
    const json = make({ functions: [wakeup], graph: false, format: 'json' }).record(lone);
    expect(JSON.parse(json)).toEqual({
      ...{ type: 'tracepoint', pid: 101, tid: 101, comm: 'cat', cpu: 0, startNs: '2001234567' },
      ...{ tracepoint: 'wakeup', module: null, outputs: [] },
      args: [{ name: 'delta', type: 'u64', value: 7 }],
    });
  });

  test('live, as it comes', () => {
    const renderer = make({ live: true, style: 'arrows' });
    const root = makeRecord({ type: recordType.entry, startNs: 100 });
    const text = [root, markOf({ startNs: 150 })].map((record) => renderer.record(record));
    expect(`\n${text.join('')}`).toMatchInlineSnapshot(`
      "
      cat 101             → vfs_read()
      cat 101               ◆ wakeup(delta=7)
      "
    `);
  });
});
