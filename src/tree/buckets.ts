/**
 * Times counted by size, in buckets that are fine enough for quantiles: 32 for each power of two
 * of nanoseconds, so that the middle of a bucket is at most 1.6 % from all that is in it. A time
 * below 64 ns has a bucket of its own.
 */

/** Of each power of two. */
const linear = 32;
const bitsBelow = Math.log2(linear);

/** Buckets for all that a double holds exactly: 2^53 ns are 104 days. */
export const bucketLimit = linear * (53 - bitsBelow + 1);

/** @param ns a whole number, 0 to 2^53 - 1 */
export function bucketOf(ns: number): number {
  if (ns < 2 * linear) return ns;
  const shift = log2(ns) - bitsBelow;
  return linear * shift + Math.floor(ns / 2 ** shift);
}

/** The shortest time in nanoseconds that is in the bucket. */
export function bucketLowest(bucket: number): number {
  if (bucket < 2 * linear) return bucket;
  const shift = Math.floor(bucket / linear) - 1;
  return (bucket - linear * shift) * 2 ** shift;
}

/** Nanoseconds: the one time of a bucket that has no other, or a whole number next to the middle. */
export function bucketMiddle(bucket: number): number {
  if (bucket < 2 * linear) return bucket;
  return bucketLowest(bucket) + 2 ** (Math.floor(bucket / linear) - 2);
}

/** How many times there are in each bucket that has any, the shortest first. */
export type Counts = ReadonlyMap<number, number>;

/** @param counts by bucket, each once, in any order */
export const sortCounts = (counts: Iterable<readonly [number, number]>): Counts =>
  new Map([...counts].sort(([a], [b]) => a - b));

/** @param numbers how many there are, by bucket */
export const countsOf = (numbers: readonly number[]): Counts =>
  new Map([...numbers.entries()].filter(([, count]) => count > 0));

/** The same for files: the shortest time of each bucket in nanoseconds, and how many there are. */
export type Pairs = readonly (readonly [number, number])[];

export const toPairs = (counts: Counts): Pairs =>
  Array.from(counts, ([bucket, count]) => [bucketLowest(bucket), count] as const);

export const fromPairs = (pairs: Pairs): Counts =>
  sortCounts(pairs.map(([lowestNs, count]) => [bucketOf(lowestNs), count] as const));

/** Those of two together. */
export const sumCounts = (a: Counts, b: Counts): Counts => sortCounts(addMaps(a, b));

/** What two maps count, together. */
export function addMaps<Key>(
  a: ReadonlyMap<Key, number>,
  b: ReadonlyMap<Key, number>,
): ReadonlyMap<Key, number> {
  const sum = new Map(a);
  for (const [key, count] of b) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

export function countAll(counts: Counts): number {
  let all = 0;
  for (const count of counts.values()) all += count;
  return all;
}

/**
 * The bucket of the time that the part `q` (0 to 1) of all counted times does not exceed. Null where
 * nothing was counted.
 */
export function quantileBucket(counts: Counts, q: number): number | null {
  const rank = Math.max(1, Math.ceil(q * countAll(counts)));
  let seen = 0;
  for (const [bucket, count] of counts) {
    seen += count;
    if (seen >= rank) return bucket;
  }
  return null;
}

/** That time in nanoseconds: the middle of its bucket. Null where nothing was counted. */
export function quantile(counts: Counts, q: number): number | null {
  const bucket = quantileBucket(counts, q);
  return bucket === null ? null : bucketMiddle(bucket);
}

/** Of a whole number from 1 to 2^53 - 1, rounded down; Math.log2() rounds 2^49 - 1 up. */
function log2(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
}
