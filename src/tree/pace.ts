/**
 * How fast the machine was in two runs: by how long the kernel's tick took in each, on CPUs that ran what was traced.
 * A virtual machine whose host is busy, or a processor that is hot, may be half as fast for seconds, and all that it
 * did then took twice as long; that tells nothing of what it did.
 */
import { bucketLowest, bucketMiddle, countAll, quantileBucket, type Counts } from './buckets.js';
import { binomialTail } from './statistics.js';

/** What the machine alone may have made of times. */
export interface Slowdown {
  /** All may take so many times as long: 1 or more. */
  readonly factor: number;
  /** So large a share, 0 to 1, may be of a phase in which it was slower still, by up to `slowestPhase`. */
  readonly share: number;
}

export interface Drift {
  /** After as beside before. */
  readonly longer: Slowdown;
  /** Before as beside after. */
  readonly shorter: Slowdown;
}

const noSlowdown: Slowdown = { factor: 1, share: 0 };

/** Where nothing is known of the machine. */
export const noDrift: Drift = { longer: noSlowdown, shorter: noSlowdown };

/** Of phases of a busy host most were two or three times as slow as the rest. A call that sleeps is beyond that. */
export const slowestPhase = 4;

/** Chance of less than each end of a range that is known by samples, and of more. */
const level = 0.05;

/** Ticks that follow each other are like each other: a run counts as no more. */
const mostTicks = 200;

/**
 * @param before how many ticks of a run took how long: in buckets
 * @param tolerance 0.5: what takes half as long again as the rest is of no slower phase
 */
export function findDrift(before: Counts, after: Counts, tolerance: number): Drift {
  const [was, is] = [rangeOfMedian(before), rangeOfMedian(after)];
  if (was === null || is === null) return noDrift;
  const slowdown = (one: Range, other: Range, ticks: Counts): Slowdown => {
    const usualNs = Math.max(one.lowestNs, other.highestNs);
    return {
      factor: usualNs / one.lowestNs,
      share: findShare(ticks, (1 + tolerance) * usualNs),
    };
  };
  return { longer: slowdown(was, is, after), shorter: slowdown(is, was, before) };
}

/** The largest share of longer ticks with which so few of them have a chance of `level`. */
function findShare(ticks: Counts, usualNs: number): number {
  const all = countAll(ticks);
  const counted = Math.min(all, mostTicks);
  let slow = 0;
  for (const [bucket, count] of ticks) if (bucketLowest(bucket) > usualNs) slow += count;
  const seen = Math.ceil((slow / all) * counted);
  return bisect((share) => 1 - binomialTail(counted, share, seen + 1) > level);
}

/** The largest number from 0 to 1 that is one, where all that are less are too. */
function bisect(isOne: (number: number) => boolean): number {
  let [low, high] = [0, 1];
  while (high - low > 1e-6) {
    const middle = (low + high) / 2;
    if (isOne(middle)) low = middle;
    else high = middle;
  }
  return high;
}

interface Range {
  readonly lowestNs: number;
  readonly highestNs: number;
}

/**
 * From order statistics, whatever the distribution is; of a few ticks these say less than `level`. Null where there is
 * none.
 */
function rangeOfMedian(ticks: Counts): Range | null {
  const all = Math.min(countAll(ticks), mostTicks);
  let rank = 1;
  while (1 - binomialTail(all, 1 / 2, rank + 1) <= level) rank++;
  const byWork = weighByWork(ticks);
  const [first, last] = [
    quantileBucket(byWork, rank / all),
    quantileBucket(byWork, 1 - (rank - 1) / all),
  ];
  if (first === null || last === null) return null;
  return { lowestNs: Math.max(1, bucketLowest(first)), highestNs: bucketLowest(last + 1) };
}

/**
 * Ticks come with time, and calls as fast as the machine is: while it is half as fast, half as many. So each tick
 * counts for as much as was done until the next, and their median is of a machine that half of the calls ran on.
 */
const weighByWork = (ticks: Counts): Counts =>
  new Map(
    [...ticks].map(([bucket, count]) => [
      bucket,
      count * Math.ceil(1e9 / Math.max(1, bucketMiddle(bucket))),
    ]),
  );
