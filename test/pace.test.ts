/** What the speed of the machine may have made of times, by the kernel's own ticks. */
import { describe, expect, test } from 'vitest';
import { bucketOf, sortCounts, type Counts } from '../src/tree/buckets.js';
import { findDrift, noDrift } from '../src/tree/pace.js';

const tolerance = 0.5;

function countTicks(times: readonly number[]): Counts {
  const counts = new Map<number, number>();
  for (const ns of times) counts.set(bucketOf(ns), (counts.get(bucketOf(ns)) ?? 0) + 1);
  return sortCounts(counts);
}

/** So many of them, a tenth of them twice as long. */
const ticksOf = (count: number, ns: number): Counts =>
  countTicks(Array.from({ length: count }, (_, at) => (at % 10 === 0 ? 2 * ns : ns)));

const factors = (before: Counts, after: Counts) => {
  const { longer, shorter } = findDrift(before, after, tolerance);
  return { longer: longer.factor, shorter: shorter.factor };
};

describe('what is not known is no drift', () => {
  test.each([
    ['no ticks', 0, 0],
    ['none before', 0, 1000],
    ['none after', 1000, 0],
  ])('%s', (_, before, after) => {
    expect(findDrift(ticksOf(before, 10_000), ticksOf(after, 90_000), tolerance)).toBe(noDrift);
  });
});

test('a machine that is twice as slow makes times twice as long, and no shorter', () => {
  const { longer, shorter } = factors(ticksOf(100, 10_000), ticksOf(100, 20_000));
  expect(longer).toBeGreaterThan(1.95);
  expect(longer).toBeLessThan(2.1);
  expect(shorter).toBe(1);
});

test('one that is faster makes them shorter', () => {
  const slower = findDrift(ticksOf(100, 10_000), ticksOf(100, 20_000), tolerance);
  const faster = findDrift(ticksOf(100, 20_000), ticksOf(100, 10_000), tolerance);
  expect(faster).toEqual({ longer: slower.shorter, shorter: slower.longer });
});

test('of many ticks that are alike nothing comes but the width of a bucket', () => {
  const { longer, shorter } = factors(ticksOf(5000, 10_000), ticksOf(5000, 10_000));
  expect(longer).toBe(shorter);
  expect(longer).toBeGreaterThan(1);
  expect(longer).toBeLessThan(1.04);
});

/** A machine that is half as fast for some of them. */
const mixed = (fast: number, slow: number): Counts =>
  countTicks([...new Array<number>(fast).fill(10_000), ...new Array<number>(slow).fill(20_000)]);

test('where half of what is done is slow, the machine may have been either way', () => {
  // two thirds of the time for half of the work
  const both = mixed(67, 133);
  const { longer, shorter } = factors(both, both);
  expect(longer).toBeGreaterThan(1.95);
  expect(shorter).toBe(longer);
});

test('where half of the time is slow, more is done in the other half', () => {
  const both = mixed(100, 100);
  expect(factors(both, both).longer).toBeLessThan(1.04);
});

const spread = (count: number) =>
  countTicks(Array.from({ length: count }, (_, at) => 10_000 * (1 + at / count)));

test('the fewer ticks there are, the less is known', () => {
  const drifts = [5, 10, 30, 100, 200].map((count) => factors(spread(count), spread(count)).longer);
  expect(drifts).toEqual(drifts.toSorted((a, b) => b - a));
  expect(drifts[0]).toBeGreaterThan(1.5);
  expect(drifts[4]).toBeLessThan(1.3);
});

test('ticks of a long run say no more than two hundred', () => {
  expect(factors(spread(20_000), spread(20_000)).longer).toBeCloseTo(
    factors(spread(200), spread(200)).longer,
    1,
  );
});

describe('a slower phase', () => {
  const phase = (ticks: Counts) => findDrift(ticks, mixed(190, 10), tolerance).shorter;

  test.each([
    ['may be any of few ticks', 1, 0, 0.95],
    ['may be a quarter where ten ticks show none', 10, 0, 0.259],
    ['is small where many show none', 200, 0, 0.0149],
    ['is no smaller for more', 20_000, 0, 0.0149],
    ['is somewhat larger than what is seen', 180, 20, 0.142],
  ])('%s', (_, fast, slow, share) => {
    expect(phase(mixed(fast, slow)).share).toBeCloseTo(share, 3);
  });

  test('is one of each run', () => {
    const { longer, shorter } = findDrift(mixed(200, 0), mixed(180, 20), tolerance);
    expect(longer.share).toBeGreaterThan(0.1);
    expect(shorter.share).toBeLessThan(0.02);
  });

  test('is none where what is slow is usual in the other run', () => {
    const { longer } = findDrift(
      countTicks(new Array<number>(200).fill(20_000)),
      mixed(180, 20),
      tolerance,
    );
    expect(longer.share).toBeLessThan(0.02);
  });
});
