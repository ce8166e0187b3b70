/** Times counted in buckets, and the quantiles that are told of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bucketLimit,
  bucketLowest,
  bucketMiddle,
  bucketOf,
  quantile,
  sortCounts,
  type Counts,
} from '../src/tree/buckets.js';

const times = fc.oneof(
  fc.maxSafeNat(),
  fc
    .tuple(fc.integer({ min: 0, max: 52 }), fc.integer({ min: -1, max: 1 }))
    .map(([power, off]) => 2 ** power + off),
);

function count(all: readonly number[]): Counts {
  const counts = new Map<number, number>();
  for (const ns of all) counts.set(bucketOf(ns), (counts.get(bucketOf(ns)) ?? 0) + 1);
  return sortCounts(counts);
}

describe('a bucket', () => {
  test.each([
    [0, 0],
    [63, 63],
    [64, 64],
    [65, 64],
    [66, 65],
    [127, 95],
    [128, 96],
    [131, 96],
    [132, 97],
    [1000, 190],
    [2 ** 31, 864],
    [2 ** 32, 896],
    [2 ** 49 - 1, 1439],
    [2 ** 53 - 1, bucketLimit - 1],
  ])('%d ns are in %d', (ns, bucket) => {
    expect(bucketOf(ns)).toBe(bucket);
  });

  test('holds its own middle', () => {
    for (let bucket = 0; bucket < bucketLimit; bucket++)
      expect(bucketOf(bucketMiddle(bucket))).toBe(bucket);
  });

  test('begins with its lowest time', () => {
    for (let bucket = 1; bucket < bucketLimit; bucket++) {
      expect(bucketOf(bucketLowest(bucket))).toBe(bucket);
      expect(bucketOf(bucketLowest(bucket) - 1)).toBe(bucket - 1);
    }
  });

  test('is at most 1.6 % from all that is in it', () => {
    fc.assert(
      fc.property(times, (ns) => {
        const off = Math.abs(bucketMiddle(bucketOf(ns)) - ns);
        expect(off).toBeLessThanOrEqual(ns / 64);
      }),
    );
  });

  test('has larger times than those below it', () => {
    fc.assert(
      fc.property(times, times, (one, other) => {
        if (one <= other) expect(bucketOf(one)).toBeLessThanOrEqual(bucketOf(other));
      }),
    );
  });
});

describe('a quantile', () => {
  test('of nothing is none', () => {
    expect(quantile(count([]), 0.5)).toBeNull();
  });

  test('of one time is that, at any part', () => {
    const counts = count([42]);
    expect([0, 0.5, 0.99, 1].map((q) => quantile(counts, q))).toEqual([42, 42, 42, 42]);
  });

  test('of an even number of times is the lower of the two in the middle', () => {
    expect(quantile(count([1, 2, 3, 4]), 0.5)).toBe(2);
  });

  test('is the time of that rank, within 1.6 %', () => {
    const hundred = Array.from({ length: 100 }, (_, place) => 1000 * (place + 1));
    const counts = count(hundred);
    for (const [q, exact] of [
      [0.5, 50_000],
      [0.9, 90_000],
      [0.99, 99_000],
      [1, 100_000],
    ] as const) {
      const told = quantile(counts, q);
      expect(Math.abs(Number(told) - exact)).toBeLessThanOrEqual(exact / 64);
    }
  });

  test('of any times is near the one that sorting finds', () => {
    const some = fc.array(times, { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(some, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, q) => {
        const sorted = all.toSorted((one, other) => one - other);
        const exact = Number(sorted[Math.ceil(q * all.length) - 1]);
        expect(quantile(count(all), q)).toBe(bucketMiddle(bucketOf(exact)));
      }),
    );
  });
});
