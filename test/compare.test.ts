/** What differs between two runs, and what may be chance. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, sortCounts, type Counts } from '../src/tree/buckets.js';
import {
  chanceOfLess,
  chanceOfMore,
  compareRanks,
  compareRuns,
  measureNames,
  type Comparison,
} from '../src/tree/compare.js';
import type { Measured, MeasuredEdge, MeasuredRun } from '../src/tree/measured.js';
import { sortComparisons, type ChangeKey } from '../src/tree/sort-changes.js';
import { binomialTail, exceedanceTail, normalTail } from '../src/tree/statistics.js';

const rest = { isCut: false, runs: 1, unit: 'ns' } as const;
const noLosses = { ring: 0, recursion: 0, entry: 0, user: 0 };

function runOf(functions: readonly Measured[], fields: Partial<MeasuredRun> = {}): MeasuredRun {
  return { functions, edges: null, ...rest, lost: noLosses, ticks: new Map(), ...fields };
}

function countTimes(times: readonly number[]): Counts {
  const counts = new Map<number, number>();
  for (const ns of times) counts.set(bucketOf(ns), (counts.get(bucketOf(ns)) ?? 0) + 1);
  return sortCounts(counts);
}

function measured(
  times: readonly number[],
  name = 'vfs_read',
  errors: Readonly<Record<string, number>> = {},
): Measured {
  const totalNs = times.reduce((a, b) => a + b, 0);
  return {
    ...{ function: name, module: null, calls: times.length, totalNs, selfNs: totalNs },
    ...{ minNs: Math.min(...times), maxNs: Math.max(...times), counts: countTimes(times) },
    errors: new Map(Object.entries(errors)),
  };
}

/** Numbers from 0 to 1 that are always the same: Park and Miller (1988). */
function makeRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Times of reads in a guest: around 2 µs, one in a hundred very long. */
function makeTimes(calls: number, random: () => number): number[] {
  return Array.from({ length: calls }, () => {
    const spread = Math.exp((random() + random() + random() - 1.5) / 2);
    return Math.round(2000 * spread * (random() < 0.01 ? 1 + 1000 * random() : 1));
  });
}

const tolerance = 0.05;

function compareOne(before: readonly number[], after: readonly number[]): Comparison {
  const [only] = compareRuns(
    runOf([measured(before)]),
    runOf([measured(after)]),
    tolerance,
  ).functions;
  if (only === undefined) throw new Error('nothing was compared');
  return only;
}

/** The measures that differ by more than chance, and `slower` where the ranks do. */
const found = ({ changes, slowness }: Comparison): string[] => [
  ...measureNames.filter((name) => changes[name].isSignificant),
  ...(slowness?.isSignificant === true ? ['slower'] : []),
];

const times = makeTimes(1000, makeRandom(1));

describe('the rank test', () => {
  test('finds what is known of ages of the diagnosis of diabetes, four women and five men', () => {
    // U is 17 of 20; the two-sided p with correction for continuity is 0.11134688653314041
    const { share, p } = compareRanks(
      countTimes([20, 11, 17, 12]),
      countTimes([19, 22, 16, 29, 24]),
    );
    expect(share).toBe(17 / 20);
    expect(2 * p).toBeCloseTo(0.11134688653314041, 12);
  });

  test('corrects for ties', () => {
    const { share, p } = compareRanks(countTimes([1, 2, 2, 3]), countTimes([2, 3, 3, 4]));
    expect(share).toBe(13 / 16);
    // two ties of three among eight
    const deviation = Math.sqrt(((4 * 4) / 12) * (9 - (2 * (3 ** 3 - 3)) / (8 * 7)));
    expect(p).toBeCloseTo(normalTail((13 - 8 - 0.5) / deviation), 12);
  });

  test('knows nothing where all are alike', () => {
    expect(compareRanks(countTimes([5, 5]), countTimes([5]))).toEqual({ share: 0.5, p: 1 });
  });

  test('counts no more than two hundred calls of a run', () => {
    const [few, many] = [200, 100_000].map((calls) => {
      const half = new Array<number>(calls / 2);
      const before = countTimes([...half.fill(10), ...half.fill(20)]);
      return compareRanks(before, countTimes([...half.fill(12), ...half.fill(22)]));
    });
    expect(many?.share).toBe(0.75);
    expect(Math.log(many?.p ?? 0)).toBeCloseTo(Math.log(few?.p ?? 0), 1);
  });
});

describe('chances', () => {
  const reads = (calls: number) => measured(new Array<number>(calls).fill(10));
  const same = { factor: 1, add: 0 };

  test('of counts are binomial', () => {
    // 21,700 of 2^20 ways
    expect(chanceOfMore('calls', reads(5), reads(15), same)).toBeCloseTo(21_700 / 2 ** 20, 12);
    const tenth = { factor: 1.1, add: 0 };
    const known = binomialTail(3000, 1.1 / 2.1, 2000);
    expect(chanceOfMore('calls', reads(1000), reads(2000), tenth)).toBeCloseTo(known, 12);
  });

  test('of counts beyond so many more', () => {
    // at the limit 75 and 125 are expected
    const limit = { factor: 1, add: 50 };
    const known = binomialTail(200, 125 / 200, 150);
    expect(chanceOfMore('calls', reads(50), reads(150), limit)).toBeCloseTo(known, 12);
    expect(chanceOfMore('calls', reads(10), reads(30), limit)).toBe(1);
  });

  test('of less are those of more, the other way round', () => {
    const half = { factor: 0.5, add: 0 };
    const double = { factor: 2, add: 0 };
    expect(chanceOfLess('calls', reads(100), reads(20), half)).toBe(
      chanceOfMore('calls', reads(20), reads(100), double),
    );
  });

  test('of a quantile are how many calls are above its limit', () => {
    const before = measured(Array.from({ length: 60 }, (_, at) => at + 1));
    const after = measured(Array.from({ length: 60 }, (_, at) => at + 4));
    // p50 was 30, the 31st largest; above 30 are 33 now, above 36 are 27
    expect(chanceOfMore('p50', before, after, same)).toBeCloseTo(
      exceedanceTail(60, 31, 60, 33),
      12,
    );
    expect(chanceOfMore('p50', before, after, { factor: 1.2, add: 0 })).toBeCloseTo(
      exceedanceTail(60, 31, 60, 27),
      12,
    );
    expect(chanceOfMore('max', before, after, same)).toBeCloseTo(exceedanceTail(60, 1, 60, 3), 12);
    expect(chanceOfMore('min', before, after, same)).toBeCloseTo(exceedanceTail(60, 1, 60, 3), 12);
  });

  test('are none where there is nothing to compare', () => {
    for (const name of ['mean', 'p50', 'p99', 'max', 'min'] as const)
      expect(chanceOfMore(name, null, reads(100), same)).toBe(1);
    expect(chanceOfMore('mean', reads(7), measured(new Array<number>(7).fill(1e6)), same)).toBe(1);
  });
});

describe('a function', () => {
  test('that is called twice as often is found by its calls and totals', () => {
    const twice = makeTimes(2000, makeRandom(2));
    expect(found(compareOne(times, twice))).toEqual(['calls']);
    const steady = (calls: number) =>
      makeTimes(calls, makeRandom(3)).map((ns) => Math.min(ns, 3000));
    expect(found(compareOne(steady(1000), steady(2000)))).toEqual(['calls', 'total', 'self']);
  });

  test('that sleeps in one of eight calls is found by what is large', () => {
    const random = makeRandom(5);
    const sleepy = makeTimes(1000, random).map((ns, at) => ns + (at % 8 === 0 ? 5e6 : 0));
    expect(found(compareOne(times, sleepy))).toEqual(['total', 'self', 'mean', 'max', 'p99']);
  });

  test('whose calls all take a third longer is found by ranks and quantiles', () => {
    const slower = makeTimes(1000, makeRandom(6)).map((ns) => Math.round(ns * 1.33));
    const comparison = compareOne(times, slower);
    expect(found(comparison)).toEqual(expect.arrayContaining(['p50', 'p90', 'slower']));
    expect(comparison.slowness?.share).toBeGreaterThan(0.6);
    expect(found(compareOne(slower, times))).toEqual(expect.arrayContaining(['p50', 'slower']));
  });

  test('whose calls all take a little longer is within the tolerance', () => {
    const slower = makeTimes(1000, makeRandom(6)).map((ns) => Math.round(ns * 1.03));
    expect(found(compareOne(times, slower))).toEqual([]);
  });

  test('that is the same is never found', () => {
    const some = fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(some, (all) => {
        expect(found(compareOne(all, all))).toEqual([]);
      }),
    );
  });

  test('of equal runs is not found, in five hundred pairs', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const random = makeRandom(seed);
      expect(found(compareOne(makeTimes(300, random), makeTimes(300, random)))).toEqual([]);
    }
  });

  test('is found with the same chance in either direction', () => {
    const some = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 8, maxLength: 40 });
    fc.assert(
      fc.property(some, some, (one, other) => {
        const [there, back] = [compareOne(one, other), compareOne(other, one)];
        for (const name of measureNames)
          expect(there.changes[name].p).toBeCloseTo(back.changes[name].p, 9);
        expect(there.slowness?.p).toBeCloseTo(back.slowness?.p ?? NaN, 9);
        expect(there.slowness?.share).toBeCloseTo(1 - (back.slowness?.share ?? NaN), 9);
      }),
    );
  });

  describe('on a machine of another speed', () => {
    const twice = times.map((ns) => 2 * ns);
    const ticksOf = (ns: number): Counts => new Map([[bucketOf(ns), 200]]);
    const compare = (before: number, after: number, timesAfter = twice) =>
      compareRuns(
        runOf([measured(times)], { ticks: ticksOf(before) }),
        runOf([measured(timesAfter)], { ticks: ticksOf(after) }),
        tolerance,
      );

    test('is no slower where the machine was as slow', () => {
      const { functions, drift } = compare(10_000, 20_000);
      expect(functions.map(found)).toEqual([[]]);
      expect(functions[0]?.slowness).toMatchObject({ isSignificant: false });
      expect(drift.shorter.factor).toBe(1);
    });

    test('is slower where that was as fast, or faster', () => {
      for (const after of [10_000, 5000])
        expect(compare(10_000, after).functions.flatMap(found)).toContain('p50');
    });

    test('is slower by more than the machine', () => {
      const slow = times.map((ns) => 5 * ns);
      expect(compare(10_000, 20_000, slow).functions.flatMap(found)).toContain('p50');
    });

    describe('for a part of the run', () => {
      const sometimes = (factor: number) =>
        times.map((ns, at) => (at % 5 === 0 ? factor * ns : ns));
      const ticks = new Map([
        [bucketOf(10_000), 140],
        [bucketOf(30_000), 60],
      ]);
      const compareTails = (slower: readonly number[], ticksAfter: Counts) =>
        compareRuns(
          runOf([measured(times)], { ticks: ticksOf(10_000) }),
          runOf([measured(slower)], { ticks: ticksAfter }),
          tolerance,
        ).functions.flatMap(found);

      test('is no longer tail', () => {
        expect(compareTails(sometimes(3), ticks)).not.toContain('p99');
      });

      test('is one where no tick was slower', () => {
        expect(compareTails(sometimes(3), ticksOf(10_000))).toContain('p99');
      });

      test('is one that is longer than the machine was slow', () => {
        expect(compareTails(sometimes(20), ticks)).toContain('p99');
      });

      test('leaves a median that all calls are above', () => {
        const few = new Map([[bucketOf(10_000), 5]]);
        expect(compareTails(twice, few)).toContain('p50');
      });

      test('does not make shorter what was shorter before', () => {
        const both = { ticks, lost: noLosses };
        const { functions } = compareRuns(
          runOf([measured(sometimes(3))], both),
          runOf([measured(times)], { ticks: ticksOf(10_000) }),
          tolerance,
        );
        expect(functions.flatMap(found)).not.toContain('p99');
      });
    });

    test('is faster by more than the machine, and not by as much', () => {
      const half = times.map((ns) => Math.round(ns / 2));
      expect(compare(20_000, 10_000, half).functions.map(found)).toEqual([[]]);
      expect(compare(10_000, 10_000, half).functions.flatMap(found)).toContain('p50');
    });
  });

  test('fails more often, or differently', () => {
    const [only] = compareRuns(
      runOf([measured(times, 'vfs_read', { EAGAIN: 3 })]),
      runOf([measured(times, 'vfs_read', { EAGAIN: 3, EINTR: 40 })]),
      tolerance,
    ).functions;
    expect(only && found(only)).toEqual(['errors']);
    expect(only?.changes.errors).toMatchObject({ before: 3, after: 43 });
  });
});

describe('functions', () => {
  const named = (...names: readonly string[]) => names.map((name) => measured(times, name));

  test('are new and gone', () => {
    const { functions } = compareRuns(
      runOf(named('a', 'b')),
      runOf([...named('b'), measured([5], 'c')]),
      tolerance,
    );
    expect(functions.map(({ function: name, status }) => [name, status])).toEqual([
      ['a', 'gone'],
      ['b', 'both'],
      ['c', 'new'],
    ]);
    // what is called once may have been by chance
    expect(functions.map(({ isSignificant }) => isSignificant)).toEqual([true, false, false]);
    expect(functions[0]?.slowness).toBeNull();
    expect(functions[0]?.changes.p50).toMatchObject({ after: null, change: null, p: 1 });
  });

  test('are neither where a run was cut', () => {
    const cut = runOf(named('a'), { isCut: true });
    const compared = compareRuns(cut, runOf(named('a', 'b')), tolerance);
    expect(compared.functions.map(({ function: name }) => name)).toEqual(['a']);
    expect(compared.unknown).toBe(1);
    expect(compareRuns(runOf(named('a', 'b')), cut, tolerance).unknown).toBe(1);
  });

  test('of modules are others', () => {
    const ofModule = { ...measured(times, 'a'), module: 'ext4' };
    const { functions } = compareRuns(runOf(named('a')), runOf([ofModule]), tolerance);
    expect(functions.map(({ status }) => status)).toEqual(['gone', 'new']);
  });

  test('need a lower chance where they are many', () => {
    const p = (count: number) => {
      const names = Array.from({ length: count }, (_, at) => `f${at}`);
      const rare = [measured(new Array<number>(11).fill(9), 'rare')];
      return compareRuns(
        runOf(named(...names)),
        runOf([...named(...names), ...rare]),
        tolerance,
      ).functions.find(({ status }) => status === 'new');
    };
    // 2^-10 for 11 calls, in either direction
    expect(p(0)?.changes.calls.p).toBe(p(99)?.changes.calls.p);
    expect(p(0)?.isSignificant).toBe(true);
    expect(p(99)?.isSignificant).toBe(false);
    const many = compareRuns(runOf([]), runOf([measured(times, 'a')]), tolerance);
    expect(many.functions[0]?.isSignificant).toBe(true);
  });
});

describe('the structure', () => {
  const edge = (caller: string | null, callee: string, calls = 100): MeasuredEdge => ({
    ...{ caller, callee, calls },
  });
  const runWith = (edges: readonly MeasuredEdge[] | null, fields = {}) =>
    runOf([], { edges, ...fields });
  const before = [edge(null, 'a'), edge('a', 'b'), edge('a', 'c')];
  const after = [edge(null, 'a'), edge('a', 'b', 300), edge('b', 'c', 2)];

  test('has edges that are new or gone', () => {
    const { edges } = compareRuns(runWith(before), runWith(after), tolerance);
    expect(edges).toMatchObject([
      { status: 'gone', caller: 'a', callee: 'c', calls: 100, isSignificant: true },
      { status: 'new', caller: 'b', callee: 'c', calls: 2, isSignificant: false },
    ]);
  });

  test('is not known where one run does not tell', () => {
    expect(compareRuns(runWith(null), runWith(after), tolerance).edges).toBeNull();
  });

  test('of a run that was cut may have more', () => {
    const { edges } = compareRuns(runWith(before, { isCut: true }), runWith(after), tolerance);
    expect(edges?.map(({ status }) => status)).toEqual(['gone']);
  });
});

describe('the order', () => {
  const order = (key: ChangeKey) => {
    const twice = makeTimes(2000, makeRandom(2));
    const calm = times.map((ns) => Math.min(ns, 3000));
    const { functions } = compareRuns(
      runOf([measured(times, 'same'), measured(times, 'calls'), measured(calm, 'times')]),
      runOf([
        ...[measured(times, 'same'), measured(twice, 'calls'), measured(calm, 'new')],
        measured(
          calm.map((ns) => ns * 30),
          'times',
        ),
      ]),
      tolerance,
    );
    return sortComparisons(functions, key).map(({ function: name }) => name);
  };

  test('is by what changed most, and what did not is last', () => {
    expect(order('change')).toEqual(['new', 'times', 'calls', 'same']);
  });

  test('is by any measure, or by name', () => {
    expect(order('p50')).toEqual(['times', 'new', 'calls', 'same']);
    expect(order('calls')).toEqual(['calls', 'new', 'times', 'same']);
    expect(order('name')).toEqual(['calls', 'new', 'times', 'same']);
  });
});
