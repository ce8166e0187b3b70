import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { recordType, type CallRecord } from '../src/events/record.js';
import { TreeBuilder, type TreeCounts } from '../src/tree/builder.js';
import type { Call, Gap, Tree } from '../src/tree/tree.js';
import { makeRecord, recordsOf, type Sketch } from './fixtures/records.js';

function build(records: readonly CallRecord[], maxTreeCalls?: number): [Tree[], TreeCounts] {
  const trees: Tree[] = [];
  const builder = new TreeBuilder({
    onTree: (tree) => trees.push(tree),
    ...(maxTreeCalls !== undefined && { maxTreeCalls }),
  });
  for (const record of records) builder.add(record);
  builder.finish();
  return [trees, builder.counts];
}

/** `f0(f1 …2 ?(f3) *9)`: functions by number, gaps as dots with their count, lost calls as `?`, marks. */
function draw(call: Call): string {
  const name = call.function === -1 ? '?' : `f${call.function}`;
  const children = call.children.map((node) => {
    if (node.type === 'mark') return `*${node.function}`;
    return node.type === 'gap' ? `…${node.lost}` : draw(node);
  });
  return children.length === 0 ? name : `${name}(${children.join(' ')})`;
}

function drawAll(records: readonly CallRecord[]): string[] {
  return build(records)[0].map((tree) => `${draw(tree.root)} ${tree.incomplete ?? 'complete'}`);
}

/** f0 10..100 { f1 20..50 { f2 25..45 { f3 30..40 } } f4 60..90 { f5 70..80 } } */
const sketch: Sketch = {
  function: 0,
  startNs: 10,
  durationNs: 90,
  calls: [
    {
      function: 1,
      startNs: 20,
      durationNs: 30,
      calls: [
        {
          function: 2,
          startNs: 25,
          durationNs: 20,
          calls: [{ function: 3, startNs: 30, durationNs: 10 }],
        },
      ],
    },
    {
      function: 4,
      startNs: 60,
      durationNs: 30,
      calls: [{ function: 5, startNs: 70, durationNs: 10 }],
    },
  ],
};

/** Records of the sketch without those of the named functions. */
function without(...functions: number[]): CallRecord[] {
  return recordsOf(sketch).filter((record) => !functions.includes(record.function));
}

test('a tree is built when its root returns', () => {
  const trees: Tree[] = [];
  const builder = new TreeBuilder({ onTree: (tree) => trees.push(tree) });
  for (const record of recordsOf(sketch, { comm: 'dd', pid: 7, tid: 8, cpu: 3 })) {
    builder.add(record);
  }
  expect(trees).toMatchObject([
    { tree: 1, comm: 'dd', pid: 7, tid: 8, cpu: 3, startNs: 10, incomplete: null, lost: 0 },
  ]);
  expect(trees.map((tree) => draw(tree.root))).toEqual(['f0(f1(f2(f3)) f4(f5))']);
  expect(builder.counts).toEqual({ trees: 1, calls: 6, unfinished: 0, marks: 0, lostUser: 0 });
});

test('self time is the duration minus that of the direct children', () => {
  const [[tree]] = build(recordsOf(sketch));
  const selfNs: Record<number, number> = {};
  for (const call of callsOf(tree?.root)) selfNs[call.function] = call.selfNs;
  expect(selfNs).toEqual({ 0: 30, 1: 10, 2: 10, 3: 10, 4: 20, 5: 10 });
});

test('self time does not count what a lost child called', () => {
  const [[tree]] = build(without(1));
  expect(tree?.root).toMatchObject({
    selfNs: 90 - 20 - 30,
    children: [{ status: 'lost', durationNs: 20, selfNs: 0 }, { function: 4 }],
  });
});

test.each([
  ['a leaf', [3], 'f0(f1(…1 f2) f4(f5)) records lost'],
  ['a caller', [2], 'f0(f1(?(f3)) f4(f5)) records lost'],
  ['a caller and its caller', [1, 2], 'f0(?(?(f3)) f4(f5)) records lost'],
  ['a whole subtree', [1, 2, 3], 'f0(f4(…3 f5)) records lost'],
  ['the last subtree', [4, 5], 'f0(f1(f2(f3)) …2) records lost'],
  ['all but the root', [1, 2, 3, 4, 5], 'f0(…5) records lost'],
  ['the end of a subtree and the start of the next', [1, 5], 'f0(?(f2(f3)) …1 f4) records lost'],
  ['the root', [0], '?(f1(f2(f3)) f4(f5)) root record lost'],
  ['all but a leaf', [0, 1, 2, 4, 5], '?(?(?(f3))) root record lost'],
])('where records are lost the tree shows it: %s', (_, lost, expected) => {
  expect(drawAll(without(...lost))).toEqual([expected]);
});

test('a lost caller whose place shows only later is not counted twice', () => {
  // f1's record is lost before f5's comes: only f4's start tells that f2 was not called by f4.
  const deeper: Sketch = {
    function: 0,
    startNs: 0,
    calls: [
      { function: 1, startNs: 10, calls: [{ function: 2, startNs: 11 }] },
      {
        function: 4,
        startNs: 20,
        calls: [{ function: 3, startNs: 21, calls: [{ function: 5, startNs: 22 }] }],
      },
    ],
  };
  const records = recordsOf(deeper).filter((record) => record.function !== 1);
  const [[tree]] = build(records);
  expect(tree && draw(tree.root)).toBe('f0(?(f2) f4(f3(f5)))');
  expect(tree?.lost).toBe(1);
});

test('a root that calls itself is one tree', () => {
  const records = recordsOf({ calls: [{ startNs: 1, calls: [{ startNs: 2 }] }] });
  expect(drawAll(records)).toEqual(['f0(f0(f0)) complete']);
});

test('calls open when tracing ended, or when the task did, are marked', () => {
  const unfinished = (type: CallRecord['type']): CallRecord[] =>
    recordsOf({
      type,
      function: 0,
      startNs: 0,
      durationNs: 100,
      calls: [
        { function: 1, startNs: 10, durationNs: 5 },
        { type, function: 2, startNs: 20, durationNs: 80 },
      ],
    });
  const [[open], counts] = build(unfinished(recordType.open));
  expect(open).toMatchObject({
    incomplete: 'tracing ended',
    lost: 0,
    root: { status: 'open', selfNs: 15, children: [{ status: 'returned' }, { status: 'open' }] },
  });
  expect(counts.unfinished).toBe(1);
  const [[exited]] = build(unfinished(recordType.exit));
  expect(exited).toMatchObject({ incomplete: 'task exited', root: { status: 'exited' } });
});

test('a tree whose root was lost ends when its task starts another', () => {
  const first = recordsOf(sketch, { tree: 1 }).slice(0, -1);
  const second = recordsOf({ function: 9 }, { tree: 2 });
  const trees: string[] = [];
  const builder = new TreeBuilder({
    onTree: ({ tree, root }) => trees.push(`${tree} ${draw(root)}`),
  });
  for (const record of [...first, ...second]) builder.add(record);
  expect(trees).toEqual(['1 ?(f1(f2(f3)) f4(f5))', '2 f9']);
});

test('idle tasks, all with tid 0, are told apart by their CPU', () => {
  const idle = (tree: number, cpu: number): CallRecord[] =>
    recordsOf(
      { function: tree, calls: [{ function: 9, startNs: 1 }] },
      { tree, cpu, tid: 0, pid: 0 },
    );
  const [a0, a1] = idle(1, 0);
  const [b0, b1] = idle(2, 1);
  expect(drawAll([a0, b0, a1, b1].filter((record) => record !== undefined))).toEqual([
    'f1(f9) complete',
    'f2(f9) complete',
  ]);
});

test('entries are not part of a tree', () => {
  const entry = makeRecord({ type: recordType.entry });
  expect(drawAll([entry])).toEqual([]);
  expect(drawAll([entry, ...recordsOf(sketch)])).toEqual(['f0(f1(f2(f3)) f4(f5)) complete']);
});

test('a tree that grew too large keeps its first calls and all that called them', () => {
  const leaf: Sketch = { function: 2 };
  const wide: Sketch = {
    function: 0,
    calls: [
      { function: 1, startNs: 0, calls: Array.from({ length: 10 }, () => leaf) },
      { function: 3, startNs: 1 },
    ],
  };
  const [[tree], counts] = build(recordsOf(wide), 3);
  expect(tree && draw(tree.root)).toBe('f0(f1(f2 f2 f2 …7) …1)');
  expect(tree).toMatchObject({ incomplete: 'records lost', calls: 5, lost: 8 });
  expect(counts).toMatchObject({ calls: 5, lostUser: 8 });
});

// Properties: any balanced sequence of calls, any losses.

function callsOf(call: Call | undefined): Call[] {
  if (call === undefined) return [];
  return [call, ...call.children.flatMap((node) => (node.type === 'call' ? callsOf(node) : []))];
}

function gapsOf(call: Call): Gap[] {
  return call.children.flatMap((node) => {
    if (node.type === 'mark') return [];
    return node.type === 'gap' ? [node] : gapsOf(node);
  });
}

/** A tree of calls in which each call has its own function number and its own point of time. */
const anyTree = fc.array(fc.nat(6), { maxLength: 40 }).map((depths): Sketch => {
  let clock = 0;
  let functions = 0;
  interface Growing extends Sketch {
    startNs: number;
    durationNs: number;
    calls: Growing[];
  }
  const open = (): Growing => ({
    function: functions++,
    startNs: clock++,
    durationNs: 0,
    calls: [],
  });
  const root = open();
  const path = [root];
  const close = (): void => {
    const call = path.pop();
    if (call !== undefined) call.durationNs = clock++ - call.startNs;
  };
  // Each number is the depth at which the next call begins, as far as there is a caller.
  for (const depth of depths) {
    while (path.length > depth + 1) close();
    const call = open();
    path.at(-1)?.calls.push(call);
    path.push(call);
  }
  while (path.length > 0) close();
  return root;
});

/** What the builder should make of a sketch when nothing is lost. */
function drawSketch({ function: number = 0, calls = [] }: Sketch): string {
  return calls.length === 0 ? `f${number}` : `f${number}(${calls.map(drawSketch).join(' ')})`;
}

/** Each call's callers, nearest first: by function number. */
function callersOf(sketch: Sketch, above: number[] = []): Map<number, number[]> {
  const { function: number = 0, calls = [] } = sketch;
  const callers = new Map([[number, above]]);
  for (const call of calls) {
    for (const [key, value] of callersOf(call, [number, ...above])) callers.set(key, value);
  }
  return callers;
}

test('any sequence of calls is rebuilt exactly', () => {
  fc.assert(
    fc.property(anyTree, (tree) => {
      expect(drawAll(recordsOf(tree))).toEqual([`${drawSketch(tree)} complete`]);
    }),
  );
});

test('tasks may interleave in any way', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyTree, fc.nat(3))),
      fc.infiniteStream(fc.nat()),
      (all, picks) => {
        // The trees of a task come one after the other, the tasks in any order.
        const tasks = [0, 1, 2, 3].map((task) =>
          all.flatMap(([tree, owner], number) =>
            owner === task ? recordsOf(tree, { tree: number, tid: 100 + task }) : [],
          ),
        );
        const records: CallRecord[] = [];
        for (let left = tasks.filter((task) => task.length > 0); left.length > 0;) {
          const next = left[picks.next().value % left.length]?.shift();
          if (next !== undefined) records.push(next);
          left = left.filter((task) => task.length > 0);
        }
        const [trees] = build(records);
        const sorted = trees.toSorted((a, b) => a.tree - b.tree);
        expect(sorted.map(({ root }) => draw(root))).toEqual(all.map(([tree]) => drawSketch(tree)));
      },
    ),
  );
});

test('whatever is lost, no call gets a wrong caller and none is counted twice', () => {
  fc.assert(
    fc.property(anyTree, fc.infiniteStream(fc.boolean()), (sketch, keeps) => {
      const made = recordsOf(sketch);
      const kept = made.filter(() => keeps.next().value);
      const [trees, counts] = build(kept);
      if (kept.length === 0) {
        expect(trees).toEqual([]);
        return;
      }
      const [tree] = trees;
      if (tree === undefined || trees.length !== 1) throw new Error('not one tree');

      // Every record is there, in its order, and nothing else.
      const calls = callsOf(tree.root).filter((call) => call.status !== 'lost');
      const inOrder = calls.toSorted((a, b) => a.startNs - b.startNs);
      expect(calls).toEqual(inOrder);
      expect(new Set(calls.map((call) => call.function))).toEqual(
        new Set(kept.map((record) => record.function)),
      );

      // Above each call stand its own callers, or lost ones where theirs were lost.
      const truth = callersOf(sketch);
      const checkCallers = (call: Call, above: number[]): void => {
        const callers = truth.get(call.function) ?? [];
        if (call.status !== 'lost') {
          const recorded = new Set(kept.map((record) => record.function));
          expect(above).toEqual(callers.map((number) => (recorded.has(number) ? number : -1)));
        }
        for (const node of call.children) {
          if (node.type === 'call') checkCallers(node, [call.function, ...above]);
        }
      };
      checkCallers(tree.root, []);

      // What is known as lost is in the tree, once; with the root's record it is all.
      const lostCallers = callsOf(tree.root).length - calls.length;
      const inGaps = gapsOf(tree.root).reduce((sum, gap) => sum + gap.lost, 0);
      expect(tree.lost).toBe(lostCallers + inGaps);
      const last = kept.at(-1)?.index ?? 0;
      if (last === made.length - 1) {
        expect(tree.calls + tree.lost).toBe(made.length);
        expect(tree.incomplete).toBe(tree.lost > 0 ? 'records lost' : null);
      } else {
        expect(tree.incomplete).toBe('root record lost');
        expect(tree.calls + tree.lost).toBeLessThanOrEqual(made.length);
        expect(tree.calls + tree.lost).toBeGreaterThan(last);
      }
      expect(counts).toEqual({
        trees: 1,
        calls: kept.length,
        unfinished: 0,
        marks: 0,
        lostUser: 0,
      });
    }),
    { numRuns: 3000 },
  );
});

test('any records at all, even such as no kernel writes, end in trees', () => {
  const anyRecord = fc.record({
    type: fc.constantFrom(recordType.call, recordType.entry, recordType.open, recordType.exit),
    depth: fc.nat(5),
    tree: fc.nat(3),
    tid: fc.nat(2),
    cpu: fc.nat(1),
    index: fc.nat(10),
    startNs: fc.nat(20),
    durationNs: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 40 }), (fields) => {
      const records = fields.map((record) => makeRecord(record));
      const [trees, counts] = build(records);
      const taken = records.filter((record) => record.type !== recordType.entry);
      const calls = trees.flatMap(({ root }) => callsOf(root));
      expect(calls.filter((call) => call.status !== 'lost')).toHaveLength(taken.length);
      expect(counts.calls).toBe(taken.length);
      expect(counts.trees).toBe(trees.length);
    }),
  );
});

describe('an entry', () => {
  const entryOf = (fields: Partial<CallRecord>) =>
    makeRecord({ type: recordType.entry, ...fields });
  const callOf = (fields: Partial<CallRecord>) => makeRecord({ hasEntry: true, ...fields });
  const entriesOf = (...records: CallRecord[]) =>
    build(records)[0].map(({ root }) => callsOf(root).map(({ entry }) => carriedAt(entry)));
  const carriedAt = (entry: Call['entry']) =>
    entry === null || entry === 'lost' ? entry : entry.itemsAt;

  test('goes to its own call, at whatever depth and with others in between', () => {
    expect(
      entriesOf(
        entryOf({ itemsAt: 1, startNs: 10 }),
        entryOf({ itemsAt: 2, startNs: 20, depth: 1 }),
        callOf({ startNs: 20, depth: 1, index: 0 }),
        entryOf({ itemsAt: 3, startNs: 30, depth: 1 }),
        callOf({ startNs: 30, depth: 1, index: 1 }),
        callOf({ startNs: 10, index: 2 }),
      ),
    ).toEqual([[1, 2, 3]]);
  });

  test('of a task is not that of another', () => {
    expect(
      entriesOf(
        entryOf({ itemsAt: 1, startNs: 10, tid: 1, tree: 1 }),
        entryOf({ itemsAt: 2, startNs: 10, tid: 2, tree: 2 }),
        callOf({ startNs: 10, tid: 1, tree: 1 }),
        callOf({ startNs: 10, tid: 2, tree: 2 }),
      ),
    ).toEqual([[1], [2]]);
  });

  test('of a thread is its own when it has become the leader', () => {
    expect(
      entriesOf(entryOf({ itemsAt: 1, startNs: 10, tid: 2 }), callOf({ startNs: 10, tid: 1 })),
    ).toEqual([[1]]);
  });

  test('that was lost is not made up by the one before', () => {
    expect(
      entriesOf(
        entryOf({ itemsAt: 1, startNs: 20, depth: 1 }),
        callOf({ startNs: 20, depth: 1, index: 0 }),
        callOf({ startNs: 30, depth: 1, index: 1 }),
        callOf({ startNs: 10, index: 2 }),
      ),
    ).toEqual([['lost', 1, 'lost']]);
  });

  test('of a call that was dropped leaves nothing', () => {
    const [trees, counts] = build([entryOf({ startNs: 10 }), entryOf({ startNs: 20, depth: 1 })]);
    expect(trees).toEqual([]);
    expect(counts).toEqual({ trees: 0, calls: 0, unfinished: 0, marks: 0, lostUser: 0 });
  });
});

test('a root that was not wanted takes its tree along, and no other', () => {
  const [trees, counts] = build([
    makeRecord({ depth: 1, tid: 1, tree: 1 }),
    makeRecord({ depth: 1, tid: 2, tree: 2 }),
    makeRecord({ type: recordType.drop, tid: 1, tree: 1, index: 1 }),
    makeRecord({ tid: 2, tree: 2, index: 1 }),
    makeRecord({ type: recordType.drop, tid: 3, tree: 3 }),
  ]);
  expect(trees.map(({ tree, incomplete, calls }) => ({ tree, incomplete, calls }))).toEqual([
    { tree: 2, incomplete: null, calls: 2 },
  ]);
  expect(counts).toEqual({ trees: 1, calls: 2, unfinished: 0, marks: 0, lostUser: 0 });
});
