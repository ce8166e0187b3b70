/** What the speed of the machine may have made of times, by the kernel's own ticks. */
import { describe, expect, test } from 'vitest';
import { bucketOf, sortCounts, type Counts } from '../src/tree/buckets.js';
import { findDrift, noDrift } from '../src/tree/pace.js';

function countTicks(times: readonly number[]): Counts {
  const counts = new Map<number, number>();
  for (const ns of times) counts.set(bucketOf(ns), (counts.get(bucketOf(ns)) ?? 0) + 1);
  return sortCounts(counts);
}

/** So many of them, a tenth of them twice as long. */
const ticksOf = (count: number, ns: number): Counts =>
  countTicks(Array.from({ length: count }, (_, at) => (at % 10 === 0 ? 2 * ns : ns)));

describe('what is not known is no drift', () => {
  test.each([
    ['no ticks', 0, 0],
    ['too few before', 3, 1000],
    ['too few after', 1000, 3],
  ])('%s', (_, before, after) => {
    expect(findDrift(ticksOf(before, 10_000), ticksOf(after, 90_000))).toBe(noDrift);
  });
});

test('a machine that is twice as slow makes times twice as long, and no shorter', () => {
  const { longer, shorter } = findDrift(ticksOf(100, 10_000), ticksOf(100, 20_000));
  expect(longer).toBeGreaterThan(1.95);
  expect(longer).toBeLessThan(2.1);
  expect(shorter).toBe(1);
});

test('one that is faster makes them shorter', () => {
  const slower = findDrift(ticksOf(100, 10_000), ticksOf(100, 20_000));
  const faster = findDrift(ticksOf(100, 20_000), ticksOf(100, 10_000));
  expect(faster).toEqual({ longer: slower.shorter, shorter: slower.longer });
});

test('of many ticks that are alike nothing comes but the width of a bucket', () => {
  const { longer, shorter } = findDrift(ticksOf(5000, 10_000), ticksOf(5000, 10_000));
  expect(longer).toBe(shorter);
  expect(longer).toBeGreaterThan(1);
  expect(longer).toBeLessThan(1.04);
});

test('where half of the ticks are slow, the machine may have been either way', () => {
  const both = countTicks(Array.from({ length: 200 }, (_, at) => (at % 2 ? 10_000 : 20_000)));
  const { longer, shorter } = findDrift(both, both);
  expect(longer).toBeGreaterThan(1.95);
  expect(shorter).toBe(longer);
});

test('the fewer ticks there are, the less is known', () => {
  const spread = (count: number) =>
    countTicks(Array.from({ length: count }, (_, at) => 10_000 * (1 + at / count)));
  const drifts = [10, 30, 100, 200].map((count) => findDrift(spread(count), spread(count)).longer);
  expect(drifts).toEqual(drifts.toSorted((a, b) => b - a));
  expect(drifts[0]).toBeGreaterThan(1.4);
  expect(drifts[3]).toBeLessThan(1.3);
});

test('ticks of a long run say no more than two hundred', () => {
  const spread = (count: number) =>
    countTicks(Array.from({ length: count }, (_, at) => 10_000 * (1 + at / count)));
  expect(findDrift(spread(20_000), spread(20_000)).longer).toBeCloseTo(
    findDrift(spread(200), spread(200)).longer,
    1,
  );
});
