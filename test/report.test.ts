/** What is counted of a recording, as people and programs get it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CallRecord } from '../src/events/record.js';
import { report, type ReportRequest } from '../src/recorded/report.js';
import { bucketMiddle, bucketOf } from '../src/tree/buckets.js';
import { Profile } from '../src/tree/profile.js';
import { marked, mixed, read, treeOf, treesOf } from './fixtures/reads.js';
import { recordsOf, type Sketch } from './fixtures/records.js';
import { bare, printEnding, record, withMarks } from './fixtures/recordings.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-report-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Printed {
  readonly text: string;
  readonly notes: string;
}

async function print(
  records: readonly CallRecord[],
  options: Partial<ReportRequest> = {},
  bytes: Uint8Array = record(bare, records),
): Promise<Printed> {
  const path = join(folder, 'recording');
  const output = join(folder, 'report');
  writeFileSync(path, bytes);
  let notes = '';
  await report({
    ...{ path, output, format: 'text', show: 'functions', sort: 'total', top: null },
    ...{ edges: new Set(), width: null, color: false },
    onNote: (note) => (notes += note),
    ...options,
  });
  return { text: readFileSync(output, 'utf8'), notes };
}

const shown = ({ text }: Printed) => `\n${text}`;
const linesOf = ({ text }: Printed) => text.split('\n').slice(0, -1);
const objects = (printed: Printed) =>
  linesOf(printed).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

/** Ten reads that take longer and longer, of which one fails. */
const reads = Array.from({ length: 10 }, (_, tree) =>
  recordsOf(
    { ...read, durationNs: 3000 + 100 * tree, returns: tree === 9 ? -11 : 4096 },
    { tree, tid: 100 + tree },
  ),
).flat();

describe('the table', () => {
  test('has a line a function, the most time first', async () => {
    const printed = await print(reads);
    expect(shown(printed)).toMatchInlineSnapshot(`
      "
      FUNCTION                  CALLS     TOTAL      SELF      MIN     MEAN      P50      P90      P99      MAX  ERRORS
      vfs_read                     10  34.50 µs  18.30 µs  3.00 µs  3.45 µs  3.42 µs  3.81 µs  3.87 µs  3.90 µs  1 EAGAIN
      rw_verify_area               10  12.00 µs   7.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs
      security_file_permission     10   4.80 µs   4.80 µs  0.48 µs  0.48 µs  0.48 µs  0.48 µs  0.48 µs  0.48 µs
      read_zero                    10   4.20 µs   4.20 µs  0.42 µs  0.42 µs  0.42 µs  0.42 µs  0.42 µs  0.42 µs
      "
    `);
    expect(printed.notes).toBe(
      '10 trees, 40 calls.\nLost 4 records: ring 3 (try --buffer 64M), entry 1.\n',
    );
  });

  test('says who called each function, and what it called', async () => {
    const edges = new Set(['callers', 'callees'] as const);
    expect(shown(await print(reads, { edges, top: 2 }))).toMatchInlineSnapshot(`
      "
      FUNCTION                      CALLS     TOTAL      SELF      MIN     MEAN      P50      P90      P99      MAX  ERRORS
      vfs_read                         10  34.50 µs  18.30 µs  3.00 µs  3.45 µs  3.42 µs  3.81 µs  3.87 µs  3.90 µs  1 EAGAIN
        ← (not recorded)               10  34.50 µs
        → rw_verify_area               10  12.00 µs
        → read_zero                    10   4.20 µs
      rw_verify_area                   10  12.00 µs   7.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs
        ← vfs_read                     10  12.00 µs
        → security_file_permission     10   4.80 µs
      "
    `);
  });

  test('can be in another order, and shorter', async () => {
    const names = async (options: Partial<ReportRequest>) =>
      linesOf(await print(reads, options))
        .slice(1)
        .map((line) => line.split(' ')[0]);
    expect(await names({ sort: 'self', top: 2 })).toEqual(['vfs_read', 'rw_verify_area']);
    expect(await names({ sort: 'errors', top: 1 })).toEqual(['vfs_read']);
    expect(await names({ sort: 'min' })).toEqual([
      ...['vfs_read', 'rw_verify_area', 'security_file_permission', 'read_zero'],
    ]);
    expect(await names({ sort: 'name' })).toEqual([
      ...['read_zero', 'rw_verify_area', 'security_file_permission', 'vfs_read'],
    ]);
  });

  test('is cut to a terminal', async () => {
    for (const line of linesOf(await print(reads, { width: 40 })))
      expect(line.length).toBeLessThanOrEqual(40);
  });
});

test('the graph is all trees in one', async () => {
  expect(shown(await print(reads, { show: 'graph' }))).toMatchInlineSnapshot(`
    "
         CALLS       TOTAL        SELF
            10    34.50 µs    18.30 µs  vfs_read
            10    12.00 µs     7.20 µs  ├─ rw_verify_area
            10     4.80 µs     4.80 µs  │  └─ security_file_permission
            10     4.20 µs     4.20 µs  └─ read_zero
    "
  `);
  expect(linesOf(await print(reads, { show: 'graph', top: 1 }))).toHaveLength(4);
});

describe('JSON', () => {
  test('has an object a function, and a summary', async () => {
    const [first, ...others] = objects(await print(reads, { format: 'json' }));
    expect(first).toEqual({
      ...{ type: 'function', function: 'vfs_read', module: null, calls: 10 },
      ...{ totalNs: 34_500, selfNs: 18_300, minNs: 3000, meanNs: 3450, maxNs: 3900 },
      ...{ p50Ns: 3424, p90Ns: 3808, p99Ns: 3872, errors: { EAGAIN: 1 } },
      histogram: [2944, 3072, 3200, 3264, 3392, 3456, 3584, 3648, 3776, 3840].map((ns) => [ns, 1]),
      callers: [{ function: null, module: null, calls: 10, totalNs: 34_500 }],
      callees: [
        { function: 'rw_verify_area', module: null, calls: 10, totalNs: 12_000 },
        { function: 'read_zero', module: null, calls: 10, totalNs: 4200 },
      ],
    });
    expect(others.at(-1)).toEqual({
      ...{ type: 'summary', trees: 10, calls: 40, functions: 4, unfinished: 0 },
      lost: { ring: 3, recursion: 0, entry: 1, user: 0 },
    });
  });

  test('has the graph in one object', async () => {
    const [graph] = objects(await print(reads, { format: 'json', show: 'graph' }));
    expect(graph).toMatchObject({
      type: 'graph',
      roots: [
        {
          ...{ function: 'vfs_read', calls: 10, totalNs: 34_500, selfNs: 18_300 },
          children: [
            { function: 'rw_verify_area', children: [{ function: 'security_file_permission' }] },
            { function: 'read_zero', children: [] },
          ],
        },
      ],
    });
  });
});

describe('of a recording that tells who was off the CPU', () => {
  const printed = (options: Partial<ReportRequest> = {}) =>
    print([], options, record({ ...withMarks, cpuTime: true }, marked));

  test('the table has that too', async () => {
    expect(shown(await printed({ edges: new Set(['callers'] as const) }))).toMatchInlineSnapshot(`
      "
      FUNCTION                  CALLS    TOTAL     SELF  OFF-CPU      MIN     MEAN      P50      P90      P99      MAX  ERRORS
      vfs_read                      1  2.74 µs  1.12 µs  0.10 µs  2.74 µs  2.74 µs  2.74 µs  2.74 µs  2.74 µs  2.74 µs
        ← (not recorded)            1  2.74 µs
      rw_verify_area                1  1.20 µs  0.72 µs  0.10 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs  1.20 µs
        ← vfs_read                  1  1.20 µs
      security_file_permission      1  0.48 µs  0.48 µs  0.10 µs  0.48 µs  0.48 µs  0.48 µs  0.48 µs  0.48 µs  0.48 µs
        ← rw_verify_area            1  0.48 µs
      read_zero                     1  0.42 µs  0.42 µs  0.00 µs  0.42 µs  0.42 µs  0.42 µs  0.42 µs  0.42 µs  0.42 µs
        ← vfs_read                  1  0.42 µs
      "
    `);
  });

  test('the graph has it', async () => {
    expect(shown(await printed({ show: 'graph' }))).toMatchInlineSnapshot(`
      "
           CALLS       TOTAL        SELF     OFF-CPU
               1     2.74 µs     1.12 µs     0.10 µs  vfs_read
               1     1.20 µs     0.72 µs     0.10 µs  ├─ rw_verify_area
               1     0.48 µs     0.48 µs     0.10 µs  │  └─ security_file_permission
               1     0.42 µs     0.42 µs     0.00 µs  └─ read_zero
      "
    `);
    const [graph] = objects(await printed({ show: 'graph', format: 'json' }));
    expect(graph).toMatchObject({
      roots: [{ function: 'vfs_read', offCpuNs: 100, children: [{ offCpuNs: 100 }, {}] }],
    });
  });

  test('JSON has it', async () => {
    const lines = objects(await printed({ format: 'json' }));
    const off = lines.slice(0, -1).map(({ function: name, offCpuNs }) => [name, offCpuNs]);
    expect(Object.fromEntries(off)).toEqual({
      vfs_read: 100,
      rw_verify_area: 100,
      security_file_permission: 100,
      read_zero: 0,
    });
  });

  test('those that wait longest can come first', async () => {
    const [, ...lines] = linesOf(await printed({ sort: 'off-cpu' }));
    expect(lines.map((line) => line.split(' ')[0])).toEqual([
      ...['rw_verify_area', 'security_file_permission', 'vfs_read', 'read_zero'],
    ]);
    await expect(print(reads, { sort: 'off-cpu' })).rejects.toThrow(
      'does not tell how long tasks were off the CPU',
    );
  });
});

test('calls that did not return are not counted, nor those that are lost', async () => {
  const functions = objects(await print(mixed, { format: 'json' }));
  const found = functions.find(({ function: name }) => name === 'vfs_read');
  // of seven: one is open
  expect(found).toMatchObject({ calls: 5, maxNs: 3_200_000_000 });
});

test('of a damaged recording, what is before the damage is counted', async () => {
  const whole = record(bare, reads);
  const cut = whole.subarray(0, whole.length - printEnding().length);
  await expect(print([], {}, cut)).rejects.toThrow('is cut off at byte');
  expect(readFileSync(join(folder, 'report'), 'utf8')).toContain('vfs_read');
});

describe('a profile', () => {
  const profile = (...sketches: readonly Sketch[]): Profile => {
    const counted = new Profile(() => null);
    for (const sketch of sketches) counted.add(treeOf(sketch));
    return counted;
  };

  test('counts inner calls of a function that calls itself for themselves', () => {
    const inner: Sketch = { function: 0, startNs: 10, durationNs: 40 };
    const [only] = profile({
      function: 0,
      startNs: 0,
      durationNs: 100,
      calls: [inner],
    }).functions();
    expect(only).toMatchObject({ calls: 2, totalNs: 140, selfNs: 100 });
    expect(only?.callers).toEqual([
      { function: -1, calls: 1, totalNs: 100 },
      { function: 0, calls: 1, totalNs: 40 },
    ]);
  });

  test('has all time once as self time, and on the way down', () => {
    const counted = new Profile(() => null);
    const trees = treesOf(reads);
    for (const tree of trees) counted.add(tree);
    const all = trees.reduce((sum, { root }) => sum + root.durationNs, 0);
    expect(counted.functions().reduce((sum, { selfNs }) => sum + selfNs, 0)).toBe(all);
    expect(counted.merged().children.reduce((sum, { totalNs }) => sum + totalNs, 0)).toBe(all);
  });

  test('has quantiles that sorting finds, within their buckets', () => {
    const times = fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(times, (durations) => {
        const sketches = durations.map((durationNs) => ({ function: 0, startNs: 0, durationNs }));
        const [found] = profile(...sketches).functions();
        const sorted = durations.toSorted((a, b) => a - b);
        const [min = 0, max = 0] = [sorted[0], sorted.at(-1)];
        const exact = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
        const middle = bucketMiddle(bucketOf(exact));
        expect(found?.p50Ns).toBe(Math.min(Math.max(middle, min), max));
      }),
    );
  });
});
