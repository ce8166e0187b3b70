import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Aggregates } from '../src/render/aggregates.js';
import { Histogram } from '../src/render/histogram.js';

/** As it would be printed: vitest wants a newline on both ends of an expected block. */
const shown = (out: string) => `\n${out}`;
/** As often as the second says. */
const repeat = (value: number | bigint, times: number) =>
  Array.from({ length: times }, () => value);

describe('a histogram', () => {
  test('has a row for each power of two, and own ones for zero and below', () => {
    const sizes = new Aggregates({ type: 'hist', expr: '$retval', unit: 'bytes' });
    const values = [repeat(-2, 3), repeat(0, 12), repeat(1, 1), repeat(2, 20), repeat(3n, 20)];
    for (const value of [...values, repeat(4095, 9), repeat(4096, 1200)].flat())
      sizes.add('vfs_read', value);
    sizes.add('vfs_write', 2n ** 63n);
    expect(shown(sizes.render())).toMatchInlineSnapshot(`
      "
      vfs_read: hist($retval) in bytes, 1,265 values
      (..., 0)        3 |                                                    |
      [0]            12 |                                                    |
      [1]             1 |                                                    |
      [2, 4)         40 |@                                                   |
      [4, 8)          0 |                                                    |
      [8, 16)         0 |                                                    |
      [16, 32)        0 |                                                    |
      [32, 64)        0 |                                                    |
      [64, 128)       0 |                                                    |
      [128, 256)      0 |                                                    |
      [256, 512)      0 |                                                    |
      [512, 1K)       0 |                                                    |
      [1K, 2K)        0 |                                                    |
      [2K, 4K)        9 |                                                    |
      [4K, 8K)    1,200 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|

      vfs_write: hist($retval) in bytes, 1 value
      [8E, 16E)  1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
      "
    `);
    expect(shown(sizes.renderJson())).toMatchInlineSnapshot(`
      "
      {"type":"hist","label":"vfs_read","expr":"$retval","unit":"bytes","count":1265,"buckets":[{"from":null,"to":0,"count":3},{"from":0,"to":1,"count":12},{"from":1,"to":2,"count":1},{"from":2,"to":4,"count":40},{"from":4,"to":8,"count":0},{"from":8,"to":16,"count":0},{"from":16,"to":32,"count":0},{"from":32,"to":64,"count":0},{"from":64,"to":128,"count":0},{"from":128,"to":256,"count":0},{"from":256,"to":512,"count":0},{"from":512,"to":1024,"count":0},{"from":1024,"to":2048,"count":0},{"from":2048,"to":4096,"count":9},{"from":4096,"to":8192,"count":1200}]}
      {"type":"hist","label":"vfs_write","expr":"$retval","unit":"bytes","count":1,"buckets":[{"from":"9223372036854775808","to":"18446744073709551616","count":1}]}
      "
    `);
  });

  test('has each value in the bucket that it belongs to', () => {
    const value = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n), fc.maxSafeInteger());
    fc.assert(
      fc.property(fc.array(value, { maxLength: 50 }), (values) => {
        const histogram = new Histogram();
        for (const one of values) histogram.add(one);
        const buckets = histogram.buckets();
        for (const { from, to, count } of buckets) {
          const inside = values.filter((one) => (from === null || one >= from) && one < to);
          expect(count).toBe(inside.length);
        }
        expect(buckets.reduce((sum, { count }) => sum + count, 0)).toBe(values.length);
      }),
    );
  });

  test('of numbers is that of the same bigints', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const [numbers, bigints] = [new Histogram(), new Histogram()];
        numbers.add(value);
        bigints.add(BigInt(value));
        expect(numbers.buckets()).toEqual(bigints.buckets());
      }),
    );
  });
});

describe('a t-digest', () => {
  test('is a row for each label', () => {
    const durations = new Aggregates({ type: 'tdigest', expr: '$duration', unit: 'ns' });
    for (let value = 1; value <= 20; value++) durations.add('vfs_read', value * 1000);
    durations.add('rw_verify_area', 420n);
    expect(shown(durations.render())).toMatchInlineSnapshot(`
      "
      tdigest($duration)
                      COUNT      MIN       P50       P90       P95       P99       MAX
      vfs_read           20  1.00 µs  10.50 µs  18.50 µs  19.50 µs  20.00 µs  20.00 µs
      rw_verify_area      1  0.42 µs   0.42 µs   0.42 µs   0.42 µs   0.42 µs   0.42 µs
      "
    `);
  });

  test('is close to the quantiles, and exact at both ends', () => {
    const sizes = new Aggregates({ type: 'tdigest', expr: 'count', unit: null });
    for (let value = 1; value <= 10_000; value++) sizes.add('vfs_read', (value * 7919) % 10_007);
    const quantiles = JSON.parse(sizes.renderJson()) as Record<string, number>;
    expect(quantiles).toMatchObject({ type: 'tdigest', expr: 'count', unit: null, count: 10_000 });
    const { min, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max } = quantiles;
    expect([min, max]).toEqual([1, 10_006]);
    for (const [found, wanted] of [
      [p50, 5000],
      [p90, 9000],
      [p95, 9500],
      [p99, 9900],
    ] as const)
      expect(Math.abs(found - wanted)).toBeLessThan(200);
  });

  test('of one value is that value', () => {
    const one = new Aggregates({ type: 'tdigest', expr: '$retval', unit: null });
    one.add('vfs_read', -(2n ** 63n));
    expect(one.renderJson()).toBe(
      '{"type":"tdigest","label":"vfs_read","expr":"$retval","unit":null,"count":1,"min":"-9223372036854775808","p50":"-9223372036854775808","p90":"-9223372036854775808","p95":"-9223372036854775808","p99":"-9223372036854775808","max":"-9223372036854775808"}\n',
    );
  });
});

test('nothing is drawn of no values', () => {
  for (const type of ['hist', 'tdigest'] as const) {
    const none = new Aggregates({ type, expr: '$retval', unit: null });
    expect(none.render() + none.renderJson()).toBe('');
  }
});
