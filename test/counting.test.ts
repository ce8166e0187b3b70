/** How much memory counting takes, and what the kernel side is told of it. */
import { describe, expect, test } from 'vitest';
import {
  chooseCounting,
  countingCookies,
  countingMaps,
  countingMasks,
  encodeCounting,
} from '../src/attach/counting.js';
import { cellBytes, pageBytes, planCounting } from '../src/plan/counting.js';
import { functions } from './fixtures/reads.js';

describe('the memory of a count', () => {
  test('is a cell for each function and CPU, and pages for those that are called', () => {
    expect(planCounting(1000, 4, null)).toEqual({
      by: null,
      cpus: 4,
      functions: 1000,
      keys: 1,
      cells: 1000,
      pages: 8192,
      recorded: false,
    });
  });

  test('has room for keys, and the other rows of functions', () => {
    const { keys, cells } = planCounting(10, 2, 'comm');
    expect(keys).toBe(1024);
    expect(cells).toBe(10 + keys);
  });

  test('needs none for CPUs, which count by themselves', () => {
    expect(planCounting(10, 2, 'cpu').cells).toBe(10);
  });

  test.each([
    [1, 1],
    [40_000, 4],
    [30_000, 64],
    [1000, 512],
  ])('of %d functions on %d CPUs is never more than an offset may be', (count, cpus) => {
    for (const by of [null, 'comm'] as const) {
      const { cells, pages } = planCounting(count, cpus, count < 20_000 ? by : null);
      expect(cells * cpus * cellBytes).toBeLessThanOrEqual(2 ** 29);
      expect(pages * cpus * pageBytes).toBeLessThanOrEqual(2 ** 28);
    }
  });

  test('that would be more is refused, with how many functions can be', () => {
    expect(() => planCounting(40_000, 128, null)).toThrow(
      '40000 functions are too many to count on 128 CPUs, which each count by themselves: 16384 are the most.',
    );
  });
});

test('the kernel side gets the sizes of all CPUs, and what makes keys', () => {
  const wordsOf = (recorded: boolean) => {
    const bytes = encodeCounting(planCounting(3, 2, 'pid', recorded));
    return Array.from(new Uint32Array(bytes.buffer, bytes.byteOffset, 7));
  };
  expect(wordsOf(false)).toEqual([6, 1024, 2, 16_384, 2048, 2, 0]);
  expect(wordsOf(true)).toEqual([6, 1024, 2, 16_384, 2048, 2, 1]);
});

test('masks keep places in the memory that there is', () => {
  const counting = planCounting(3, 6, null);
  const bytes = countingMaps(counting);
  expect(bytes['.bss.cells']).toBe(32 * cellBytes);
  expect(bytes['.bss.pages']).toBe(4096 * pageBytes);
  expect(6 * counting.pages).toBeLessThanOrEqual(4096);
  expect(countingMasks(counting).map(([, mask]) => mask)).toEqual([
    31 * cellBytes,
    4095 * pageBytes,
  ]);
});

test('a filter, a key or a recording takes the program that has all', () => {
  const plain = planCounting(functions.length, 1, null);
  expect(chooseCounting(plain, 0, functions)).toBe('on_stat');
  expect(chooseCounting({ ...plain, by: 'cpu' }, 0, functions)).toBe('on_stat');
  expect(chooseCounting({ ...plain, by: 'comm' }, 0, functions)).toBe('on_stat_options');
  expect(chooseCounting(plain, 1000, functions)).toBe('on_stat_options');
  expect(chooseCounting({ ...plain, recorded: true }, 0, functions)).toBe('on_stat_options');
});

test('cookies say where cells are, how wide what is returned is, and whether it may be an error', () => {
  const places = BigUint64Array.from(functions, (_, place) => BigInt(place));
  const cookies = countingCookies(places, functions, planCounting(7, 3, null));
  const placesIn = (all: BigUint64Array) => Array.from(all, (cookie) => cookie & 0x7fffffffn);
  expect(placesIn(cookies)).toEqual([0n, 3n, 6n, 9n, 12n, 15n, 18n]);
  const recorded = countingCookies(places, functions, planCounting(7, 3, null, true));
  expect(placesIn(recorded)).toEqual([...places]); // as in records
  const widths = Array.from(cookies, (cookie) => ({
    width: Number((cookie >> 40n) & 7n),
    fails: (cookie >> 43n) & 1n,
  }));
  expect(widths).toEqual([
    { width: 4, fails: 1n }, // long vfs_read()
    { width: 3, fails: 1n }, // int
    { width: 3, fails: 1n },
    { width: 4, fails: 1n },
    { width: 0, fails: 0n }, // void fsnotify()
    { width: 4, fails: 1n }, // struct file *do_filp_open()
    { width: 1, fails: 0n }, // bool ext4_readpage()
  ]);
});
