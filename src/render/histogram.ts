/**
 * How many values are of which size, by powers of two:
 *
 *	(..., 0)         2 |@                                                   |
 *	[0]              0 |                                                    |
 *	[1]             12 |@@@@@@@@                                            |
 *	[2, 4)          75 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
 */
import { formatCount } from '../words/quantities.js';

export interface Bucket {
  /** Smallest value; null: those below zero. */
  readonly from: bigint | null;
  /** The first value that is larger. */
  readonly to: bigint;
  readonly count: number;
}

const twoTo32 = 2 ** 32;
const negative = 0;
const zero = 1;
/** Place of 1; those of 2 to 3, of 4 to 7 follow. */
const one = 2;
const barWidth = 52;

export class Histogram {
  readonly #counts: number[] = [];

  /** @param times how many of that value */
  add(value: number | bigint, times = 1): void {
    const place = placeOf(value);
    this.#counts[place] = (this.#counts[place] ?? 0) + times;
  }

  /** From the smallest that has a value to the largest: those between may be empty. */
  buckets(): Bucket[] {
    const first = this.#counts.findIndex((count) => count > 0);
    return Array.from(this.#counts, (count: number | undefined, place) => ({
      ...rangeOf(place),
      count: count ?? 0,
    })).slice(Math.max(first, 0));
  }
}

/** A line a bucket. */
export function drawBuckets(buckets: readonly Bucket[]): string {
  const ranges = buckets.map(formatRange);
  const counts = buckets.map(({ count }) => formatCount(count));
  const rangeWidth = Math.max(...ranges.map(({ length }) => length));
  const countWidth = Math.max(...counts.map(({ length }) => length));
  const most = Math.max(...buckets.map(({ count }) => count));
  return buckets
    .map(({ count }, place) => {
      const range = (ranges[place] ?? '').padEnd(rangeWidth);
      const bar = '@'.repeat(Math.floor((barWidth * count) / most)).padEnd(barWidth);
      return `${range}  ${(counts[place] ?? '').padStart(countWidth)} |${bar}|\n`;
    })
    .join('');
}

function placeOf(value: number | bigint): number {
  if (value < 0) return negative;
  if (value < 1) return zero;
  const high = Number(typeof value === 'bigint' ? value >> 32n : Math.floor(value / twoTo32));
  if (high > 0) return one + 32 + log2(high);
  return one + log2(Number(value));
}

const log2 = (word: number): number => 31 - Math.clz32(word);

function rangeOf(place: number): Pick<Bucket, 'from' | 'to'> {
  if (place === negative) return { from: null, to: 0n };
  if (place === zero) return { from: 0n, to: 1n };
  const from = 1n << BigInt(place - one);
  return { from, to: 2n * from };
}

/** `(..., 0)`, `[0]`, `[1]`, `[2, 4)`, `[4K, 8K)`. */
function formatRange({ from, to }: Bucket): string {
  if (from === null) return '(..., 0)';
  return to - from === 1n ? `[${from}]` : `[${formatPower(from)}, ${formatPower(to)})`;
}

function formatPower(power: bigint): string {
  let rest = power;
  let unit = 0;
  while (rest >= 1024n) {
    rest >>= 10n;
    unit++;
  }
  return `${rest}${['', 'K', 'M', 'G', 'T', 'P', 'E'][unit] ?? ''}`;
}
