/** Tails of distributions, beside values that are known otherwise. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { binomialTail, exceedanceTail, normalTail, studentTail } from '../src/tree/statistics.js';

/** Within a part in ten thousand million. */
function expectNear(found: number, known: number): void {
  expect(Math.abs(found - known)).toBeLessThanOrEqual(1e-10 * known);
}

/** How many ways there are to choose `k` of `n`, exactly. */
function choose(n: number, k: number): number {
  let ways = 1n;
  for (let step = 1; step <= k; step++) ways = (ways * BigInt(n - k + step)) / BigInt(step);
  return Number(ways);
}

const sumFrom = (first: number, last: number, of: (at: number) => number): number =>
  Array.from({ length: last - first + 1 }, (_, at) => of(first + at)).reduce((a, b) => a + b, 0);

describe('the normal distribution', () => {
  // erfc(z / √2) / 2 of glibc
  test.each([
    [0, 0.5],
    [1, 0.15865525393145707],
    [1.96, 0.024997895148220435],
    [3.9999, 3.1684627532635566e-5],
    [4.0001, 3.165786148681346e-5],
    [6, 9.865876450377012e-10],
    [10, 7.619853024160593e-24],
  ])('beyond %d', (z, known) => {
    expectNear(normalTail(z), known);
    expectNear(normalTail(-z), 1 - known);
  });
});

describe("Student's t", () => {
  // closed forms: of one degree of freedom it is Cauchy's, of two t / √(2 + t²)
  test.each([0, 0.5, 2, 10, 100])('beyond %d', (t) => {
    expectNear(studentTail(t, 1), Math.atan2(1, t) / Math.PI);
    const inside = t / Math.sqrt(2 + t * t);
    expect(studentTail(t, 2)).toBeCloseTo((1 - inside) / 2, 12);
    expect(studentTail(-t, 2)).toBeCloseTo((1 + inside) / 2, 12);
  });

  test('of many degrees of freedom is normal', () => {
    expect(studentTail(3, 1e7)).toBeCloseTo(normalTail(3), 8);
  });
});

describe('the binomial distribution', () => {
  test('is what adding up finds', () => {
    const tries = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        tries,
        fc.nat(40),
        fc.double({ min: 0.01, max: 0.99, noNaN: true }),
        (n, any, share) => {
          const k = any % (n + 1);
          const known = sumFrom(
            k,
            n,
            (at) => choose(n, at) * share ** at * (1 - share) ** (n - at),
          );
          expect(Math.abs(binomialTail(n, share, k) - known)).toBeLessThan(1e-9 * known);
        },
      ),
    );
  });

  test('of a million tries is near the normal one', () => {
    // 2 standard deviations of 500, less the half that counts are whole by
    expect(binomialTail(1e6, 0.5, 501_000)).toBeCloseTo(normalTail(1.999), 6);
  });

  test('has no more successes than tries, and always none or more', () => {
    expect(binomialTail(5, 0.5, 6)).toBe(0);
    expect(binomialTail(5, 0.5, 0)).toBe(1);
    expect(binomialTail(0, 0.5, 0)).toBe(1);
  });
});

describe('exceedances', () => {
  test('are as likely as orders of all values that have them', () => {
    const size = fc.integer({ min: 1, max: 15 });
    fc.assert(
      fc.property(size, size, fc.nat(15), fc.nat(15), (n, m, anyRank, any) => {
        const [rank, k] = [1 + (anyRank % n), any % (m + 1)];
        const orders = (beyond: number) =>
          choose(beyond + rank - 1, beyond) * choose(m - beyond + n - rank, m - beyond);
        const known = sumFrom(k, m, orders) / choose(n + m, m);
        expect(Math.abs(exceedanceTail(n, rank, m, k) - known)).toBeLessThan(1e-9 * known);
      }),
    );
  });

  test('of all ten beyond all ten others are one order of 184,756', () => {
    expectNear(exceedanceTail(10, 1, 10, 10), 1 / 184_756);
  });
});
