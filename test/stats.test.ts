/** What CPUs counted, added up, sorted and shown. */
import { describe, expect, test } from 'vitest';
import { cellLayout, decodeCells } from '../src/events/cells.js';
import { planCounting, type KeyKind } from '../src/plan/counting.js';
import { makeStatsView, type StatsViewOptions } from '../src/render/stats/view.js';
import { renderStatsSummary } from '../src/render/stats/summary.js';
import { sumCells } from '../src/tree/function-stats.js';
import { sortByMeasure } from '../src/tree/sort.js';
import { cellBytes } from '../src/plan/counting.js';
import { commKey, countInMemory, takePageAway, type CountedCalls } from './cells.js';
import { functions } from './fixtures/reads.js';
import { noAddresses } from '../src/symbols/addresses.js';

const [vfsRead, rwVerifyArea, security] = [0, 1, 2];
const names = functions.map(({ name }) => name);

function sum(all: readonly CountedCalls[], by: KeyKind | null = null) {
  const counting = planCounting(functions.length, 2, by);
  return sumCells(decodeCells(countInMemory(counting, all), counting), by);
}

const reads: readonly CountedCalls[] = [
  { function: vfsRead, durationsNs: [1000, 3000, 2000], belowNs: 2500, errors: { 11: 1, 4: 1 } },
  { function: vfsRead, cpu: 1, durationsNs: [500_000], belowNs: 100, errors: { 11: 1 } },
  { function: rwVerifyArea, durationsNs: [60, 70, 71] },
];

describe('what CPUs counted', () => {
  test('is added up', () => {
    const [first] = sum(reads);
    expect(first).toMatchObject({
      function: vfsRead,
      key: null,
      calls: 4,
      totalNs: 506_000n,
      selfNs: 503_400n,
      minNs: 1000,
      maxNs: 500_000,
      meanNs: 126_500,
      uncounted: 0,
    });
    expect(first?.errors).toEqual(
      new Map([
        [11, 2],
        [4, 1],
      ]),
    );
  });

  test('has quantiles of all CPUs together, which are near the true ones', () => {
    const [first] = sum(reads);
    expect(first?.p50Ns).toBeCloseTo(2000, -2);
    expect(first?.p99Ns).toBe(500_000); // in the bucket is more, but nothing was longer
  });

  test('says nothing of functions that were not called', () => {
    expect(sum(reads).map((stats) => stats.function)).toEqual([vfsRead, rwVerifyArea]);
  });

  test('is told apart by CPU', () => {
    const byCpu = sum(reads, 'cpu').map(({ function: place, key, calls }) => [place, key, calls]);
    expect(byCpu).toEqual([
      [vfsRead, { low: 0n, high: 0n }, 3],
      [vfsRead, { low: 1n, high: 0n }, 1],
      [rwVerifyArea, { low: 0n, high: 0n }, 3],
    ]);
  });

  test('is told apart by key, and has the rest as other', () => {
    const cat = commKey('cat');
    const byComm = sum(
      [
        { function: vfsRead, key: { slot: 7, ...cat }, durationsNs: [100] },
        { function: vfsRead, cpu: 1, key: { slot: 9, ...cat }, durationsNs: [200] },
        { function: vfsRead, durationsNs: [300] },
      ],
      'comm',
    );
    expect(byComm.map(({ key, totalNs }) => [key, totalNs])).toEqual([
      ['other', 300n],
      [cat, 300n],
    ]);
  });

  test('that is read in the middle of a call is no nonsense', () => {
    const counting = planCounting(functions.length, 1, null);
    const bytes = countInMemory(counting, [{ function: vfsRead, durationsNs: [1000] }]);
    const write = (name: keyof typeof cellLayout, value: bigint) =>
      bytes.cells.writeBigUInt64LE(value, vfsRead * cellBytes + cellLayout[name]);
    const read = () => sumCells(decodeCells(bytes, counting), null)[0];
    write('pageless', 1n); // a second call, not in the total yet
    expect(read()).toMatchObject({ calls: 2, totalNs: 2000n, selfNs: 2000n, meanNs: 1000 });
    write('total', 3000n); // or in the total and not in the limit
    expect(read()).toMatchObject({ calls: 2, totalNs: 2000n, maxNs: 1000 });
    takePageAway(bytes, vfsRead, 1000, 0); // the first one, of which only how long it was is written
    expect(read()).toBeUndefined();
  });

  test('has calls that found no page in no histogram', () => {
    const counting = planCounting(functions.length, 1, null);
    const bytes = countInMemory(counting, [{ function: vfsRead, durationsNs: [100, 100, 9000] }]);
    takePageAway(bytes, vfsRead, 100, 2);
    const [stats] = sumCells(decodeCells(bytes, counting), null);
    expect(stats).toMatchObject({ calls: 3, uncounted: 2 });
  });
});

describe('the order', () => {
  const order = (sort: Parameters<typeof sortByMeasure>[1], top: number | null = null) =>
    sortByMeasure(
      sum([...reads, { function: security, durationsNs: [5000, 5000, 5000, 5000] }]),
      sort,
      names,
      top,
    ).map((stats) => names[stats.function]);

  test('is by the total, the calls, or any other column', () => {
    expect(order('total')).toEqual(['vfs_read', 'security_file_permission', 'rw_verify_area']);
    expect(order('errors')).toEqual(['vfs_read', 'rw_verify_area', 'security_file_permission']);
    expect(order('name')).toEqual(['rw_verify_area', 'security_file_permission', 'vfs_read']);
  });

  test('is by name where that is alike', () => {
    expect(order('calls')).toEqual(['security_file_permission', 'vfs_read', 'rw_verify_area']);
  });

  test('can be cut', () => {
    expect(order('total', 1)).toEqual(['vfs_read']);
  });
});

const options: StatsViewOptions = {
  format: 'text',
  by: null,
  sort: 'total',
  top: null,
  histograms: false,
  functions,
  addresses: noAddresses,
  width: null,
  height: null,
  color: false,
};

describe('as text', () => {
  test('is a table', () => {
    expect(makeStatsView(options).end(sum(reads))).toBe(
      [
        '     CALLS       TOTAL        SELF         MIN        MEAN         P50         P90         P99         MAX  FUNCTION',
        '         4   506.00 µs   503.40 µs     1.00 µs   126.50 µs     2.00 µs   500.00 µs   500.00 µs   500.00 µs  vfs_read  -EAGAIN 2, -EINTR 1',
        '         3     0.20 µs     0.20 µs     0.06 µs     0.07 µs     0.07 µs     0.07 µs     0.07 µs     0.07 µs  rw_verify_area',
        '',
      ].join('\n'),
    );
  });

  test('has a line for each key', () => {
    const byRetval = sum(
      [
        { function: vfsRead, key: { slot: 1, low: 512n }, durationsNs: [100] },
        { function: vfsRead, key: { slot: 2, low: BigInt.asUintN(64, -11n) }, durationsNs: [90] },
        { function: vfsRead, durationsNs: [80] },
      ],
      'retval',
    );
    const labels = makeStatsView({ ...options, by: 'retval' })
      .end(byRetval)
      .split('\n')
      .map((line) => line.slice(108));
    expect(labels).toEqual([
      'FUNCTION',
      'vfs_read · 512',
      'vfs_read · -EAGAIN',
      'vfs_read · other',
      '',
    ]);
  });

  test('draws how the times spread', () => {
    const drawn = makeStatsView({ ...options, histograms: true, top: 1 }).end(sum(reads));
    expect(drawn.split('\n').slice(2, 8)).toEqual([
      '',
      'vfs_read: duration in ns, 4 calls',
      '[512, 1K)     1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|',
      '[1K, 2K)      1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|',
      '[2K, 4K)      1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|',
      '[4K, 8K)      0 |                                                    |',
    ]);
  });

  test('takes the place of the last table on a terminal, as far as that has lines', () => {
    const view = makeStatsView({ ...options, height: 3 });
    const first = view.interval(sum(reads), 1000);
    expect(first.split('\n')).toHaveLength(3);
    expect(view.interval(sum(reads), 2000)).toBe(`\u001b[2A\u001b[J${first}`);
    expect(view.end([]).startsWith('\u001b[2A\u001b[J')).toBe(true);
  });

  test('comes table after table where there is no terminal', () => {
    const view = makeStatsView(options);
    expect(view.interval([], 1500)).toMatch(/^after 1\.5 s\n +CALLS .* FUNCTION\n\n$/);
    expect(view.end([])).toMatch(/^ +CALLS/);
  });
});

describe('for programs', () => {
  const view = makeStatsView({ ...options, format: 'json' });

  test('is an object a line', () => {
    const lines = view.end(sum(reads)).trimEnd().split('\n');
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      type: 'stat',
      function: 'vfs_read',
      module: null,
      calls: 4,
      totalNs: 506_000,
      selfNs: 503_400,
      minNs: 1000,
      maxNs: 500_000,
      meanNs: 126_500,
      p50Ns: 2000,
      p90Ns: 500_000,
      p99Ns: 500_000,
      errors: { EAGAIN: 2, EINTR: 1 },
      histogram: [
        [992, 1],
        [1984, 1],
        [2944, 1],
        [499_712, 1],
      ],
    });
    expect(lines).toHaveLength(2);
  });

  test('has what no double holds as a string', () => {
    const counting = planCounting(functions.length, 1, null);
    const bytes = countInMemory(counting, [{ function: 0, durationsNs: [2 ** 43, 2 ** 43] }]);
    bytes.cells.writeBigUInt64LE((1n << 20n) - 2n, cellLayout.pageless);
    bytes.cells.writeBigUInt64LE((1n << 63n) + 1n, cellLayout.total);
    const stats = sumCells(decodeCells(bytes, counting), null);
    expect(view.end(stats)).toContain('"totalNs":"9223372036854775808"');
  });

  test('says when, in between', () => {
    expect(view.interval([], 1002)).toBe('{"type":"interval","elapsedMs":1002}\n');
  });

  test('has the key', () => {
    const byComm = sum(
      [
        { function: 0, key: { slot: 1, ...commKey('fifteen letters') }, durationsNs: [9] },
        { function: 0, durationsNs: [8] },
      ],
      'comm',
    );
    const keys = makeStatsView({ ...options, format: 'json', by: 'comm' })
      .end(byComm)
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { by: unknown }).by);
    expect(keys).toEqual([{ comm: 'fifteen letters' }, { other: true }]);
  });
});

describe('the summary', () => {
  const summary = {
    calls: 1234,
    functions: 1,
    unfinished: 0,
    lost: { recursion: 0, entry: 0 },
    uncounted: 0,
    other: 0,
    refused: 0,
    method: 'fsession.multi',
    detachMs: 1,
  };

  test('is a line', () => {
    expect(renderStatsSummary(summary)).toBe('1,234 calls of 1 function. Lost: none.\n');
  });

  test('says what was lost, and what is not told apart', () => {
    expect(
      renderStatsSummary({
        ...summary,
        ...{ unfinished: 2, refused: 3, lost: { recursion: 30, entry: 1 }, other: 5, uncounted: 1 },
      }),
    ).toBe(
      [
        '1,234 calls of 1 function, 2 unfinished, 3 left out. Lost: recursion 30 (try --method kprobe.session), entry 1.',
        '5 calls in rows called other: there were more keys than are kept.',
        '1 call in no histogram: p50, p90 and p99 are of the others. Count fewer functions.',
        '',
      ].join('\n'),
    );
  });
});
