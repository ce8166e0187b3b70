/** What `stat --json` and `report --json` write of each function, and read back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCells } from '../src/events/cells.js';
import { Failure } from '../src/failure.js';
import { planCounting } from '../src/plan/counting.js';
import { renderReportJson, renderReportSummaryJson } from '../src/render/report.js';
import { renderStart } from '../src/render/json-lines.js';
import { renderInterval, renderStatsJson } from '../src/render/stats/json.js';
import { renderStatsSummaryJson } from '../src/render/stats/summary.js';
import { bucketOf } from '../src/tree/buckets.js';
import { sumCells } from '../src/tree/function-stats.js';
import { parseMeasuredLines } from '../src/tree/measured-lines.js';
import { nameProfiles, type Measured } from '../src/tree/measured.js';
import { Profile } from '../src/tree/profile.js';
import { commKey, countInMemory, type CountedCalls } from './cells.js';
import { functions, mixed, treesOf } from './fixtures/reads.js';
import { attached } from './fixtures/recordings.js';

const start = renderStart(attached);
const noLosses = { ring: 0, recursion: 0, entry: 0, user: 0 };

const statSummary = (calls: number, called: number, lost = { recursion: 0, entry: 0 }): string =>
  renderStatsSummaryJson({
    ...{ calls, functions: called, unfinished: 0, lost },
    ...{ uncounted: 0, other: 0, refused: 0, method: 'fsession.multi', detachMs: 1 },
  });

function stats(all: readonly CountedCalls[], by: 'comm' | null = null): string {
  const counting = planCounting(functions.length, 2, by);
  const summed = sumCells(decodeCells(countInMemory(counting, all), counting), by);
  return renderStatsJson(summed, by, functions);
}

const reads: readonly CountedCalls[] = [
  { function: 0, durationsNs: [1000, 3000, 2000], belowNs: 2500, errors: { 11: 1, 4: 1 } },
  { function: 1, durationsNs: [60, 70, 71] },
  { function: 6, durationsNs: [5] },
];

const known: Measured = {
  ...{ function: 'vfs_read', module: null, calls: 3, totalNs: 6000, selfNs: 3500 },
  ...{ minNs: 1000, maxNs: 3000 },
  counts: new Map([1000, 2000, 3000].map((ns) => [bucketOf(ns), 1])),
  errors: new Map([
    ['EAGAIN', 1],
    ['EINTR', 1],
  ]),
};

describe('lines of stat', () => {
  test('have what was counted', () => {
    const run = parseMeasuredLines(start + stats(reads) + statSummary(7, 3), 'x');
    expect(run.functions[0]).toEqual(known);
    expect(run.functions.map(({ function: name, module }) => [name, module])).toEqual([
      ['vfs_read', null],
      ['rw_verify_area', null],
      ['ext4_readpage', 'ext4'],
    ]);
    expect(run).toMatchObject({
      ...{ edges: null, isCut: false, runs: 1, unit: 'ns', lost: noLosses },
    });
  });

  test('have all times in their buckets', () => {
    const times = fc.array(fc.integer({ min: 0, max: 2 ** 43 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(times, (durationsNs) => {
        const text = stats([{ function: 0, durationsNs }]) + statSummary(durationsNs.length, 1);
        const [only] = parseMeasuredLines(text, 'x').functions;
        const buckets = [...(only?.counts ?? [])].flatMap(([bucket, calls]) =>
          new Array<number>(calls).fill(bucket),
        );
        expect(buckets).toEqual(durationsNs.map(bucketOf).sort((a, b) => a - b));
        expect(only).toMatchObject({
          totalNs: durationsNs.reduce((sum, ns) => sum + ns, 0),
          minNs: Math.min(...durationsNs),
          maxNs: Math.max(...durationsNs),
        });
      }),
    );
  });

  test('are those of the end, where there are intervals', () => {
    const first = stats([{ function: 0, durationsNs: [1000] }]);
    const text = [start, renderInterval(1), first, renderInterval(2), first, stats(reads)].join('');
    const run = parseMeasuredLines(text + statSummary(7, 3), 'x');
    expect(run.functions[0]).toEqual(known);
    expect(run.functions).toHaveLength(3);
  });

  test('are added up where calls were told apart', () => {
    const [first, ...others] = reads;
    const text = stats(
      [
        { ...first, function: 0, durationsNs: [1000, 3000], key: { slot: 1, ...commKey('cat') } },
        { function: 0, durationsNs: [2000], key: { slot: 2, ...commKey('dd') } },
        ...others,
      ],
      'comm',
    );
    const { functions: found } = parseMeasuredLines(text + statSummary(7, 3), 'x');
    expect(found.find((one) => one.function === 'vfs_read')).toEqual(known);
  });

  test('tell what was lost, and whether some functions are missing', () => {
    const lost = { recursion: 30, entry: 1 };
    const run = parseMeasuredLines(stats(reads) + statSummary(12, 4, lost), 'x');
    expect(run).toMatchObject({ isCut: true, lost: { ...noLosses, ...lost } });
  });
});

test('lines of check have how often it ran, and whether times are instructions', () => {
  const conditions = { runs: 5, unit: 'instructions' } as const;
  const text = renderStart(attached, conditions) + stats(reads) + statSummary(7, 3);
  expect(parseMeasuredLines(text, 'x')).toMatchObject(conditions);
});

test('lines of report have what a recording has', () => {
  const profile = new Profile(() => 'EIO');
  for (const tree of treesOf(mixed)) profile.add(tree);
  const profiles = profile.functions();
  const counts = { trees: 7, calls: 30, unfinished: 1, marks: 0, lostUser: 0 };
  const lost = { ring: 3, recursion: 0, entry: 1, user: 2 };
  const text =
    renderReportJson(profiles, functions, true) +
    renderReportSummaryJson(counts, profiles.length, lost, [
      [90112, 3],
      [98304, 1],
    ]);
  const direct = nameProfiles(profiles, functions);
  const run = parseMeasuredLines(text, 'x');
  expect(run).toMatchObject({ isCut: false, lost, edges: direct.edges });
  expect(run.ticks).toEqual(
    new Map([
      [bucketOf(90112), 3],
      [bucketOf(98304), 1],
    ]),
  );
  expect(run.functions.length).toBeGreaterThan(3);
  for (const [at, one] of run.functions.entries()) expect(direct.functions[at]).toMatchObject(one);
  const shown = renderReportJson(profiles.slice(0, 2), functions, false);
  const cut = shown + renderReportSummaryJson(counts, profiles.length, lost, undefined);
  expect(parseMeasuredLines(cut, 'x')).toMatchObject({ isCut: true, ticks: new Map() });
});

test('functions that have a name together are added up', () => {
  const [first] = functions;
  if (first === undefined) throw new Error('there are functions');
  const profile = new Profile(() => null);
  for (const tree of treesOf(mixed)) profile.add(tree);
  const alike = functions.map((one) => ({ ...one, name: 'read', module: null }));
  const { functions: measured, edges } = nameProfiles(profile.functions(), alike);
  const calls = profile.functions().reduce((sum, one) => sum + one.calls, 0);
  expect(measured.map((one) => [one.function, one.calls])).toEqual([['read', calls]]);
  expect(edges?.map(({ caller, callee }) => [caller, callee])).toEqual([
    [null, 'read'],
    ['read', 'read'],
  ]);
});

describe('what is no such file', () => {
  const whole = start + stats(reads) + statSummary(7, 3);
  const line = '{"type":"stat","function":"a","module":null,"calls":1}\n';

  function refusal(text: string): string {
    try {
      parseMeasuredLines(text, 'a.json');
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return `${error.oclif.exit}: ${error.message}`;
    }
    return 'none';
  }

  test.each<[string, string, string]>([
    ['empty', '', '2: a.json is neither a recording of fsnoop nor what fsnoop stat --json'],
    ['text', 'host\n', '2: a.json is neither a recording of fsnoop nor what'],
    ['other JSON', '{"a":1}\n', '2: a.json is neither a recording of fsnoop nor what'],
    ['a number', '12\n', '2: a.json is neither'],
    ['cut in a line', whole.slice(0, -20), '1: a.json is cut off: its last line is no summary.'],
    ['cut between lines', start + stats(reads), '1: a.json is cut off'],
    ['newer', whole.replace('"version":1', '"version":2'), '2: a.json was written by a newer'],
    ['older', start + line, '2: a.json has no histograms: an older version of fsnoop wrote it.'],
    ['a trace', `${start}{"type":"tree"}\n`, '2: a.json has calls one by one, not what was'],
    ['a graph', '{"type":"graph","roots":[]}\n', '2: a.json has the graph of all trees, not'],
    [
      'changed',
      whole.replace('"calls":3', '"calls":"many"'),
      `1: a.json is not what fsnoop wrote: 'calls' is "many".`,
    ],
    [
      'without a number',
      whole.replace('"minNs":1000,', ''),
      "1: a.json is not what fsnoop wrote: 'minNs' is missing.",
    ],
    [
      'of another unit',
      whole.replace('"version":1', '"version":1,"unit":"ms"'),
      `1: a.json is not what fsnoop wrote: 'unit' is "ms".`,
    ],
    [
      'of other buckets',
      whole.replace('[992,1]', '[993,1]'),
      "1: a.json is not what fsnoop wrote: 'histogram' has [993,1].",
    ],
  ])('is refused: %s', (_, text, said) => {
    expect(refusal(text)).toContain(said);
  });

  test('is refused: of some keys alone', () => {
    const byComm = stats(
      [{ function: 0, durationsNs: [1], key: { slot: 1, ...commKey('a') } }],
      'comm',
    );
    expect(refusal(byComm + statSummary(2, 1))).toBe(
      '2: a.json has only some keys of its functions: it was counted with --by and --top.',
    );
  });
});
