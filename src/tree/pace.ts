/**
 * How fast the machine was in two runs: by how long the kernel's tick took in each, on CPUs that ran what was traced.
 * A virtual machine whose host is busy, or a processor that is hot, may be half as fast for seconds, and all that it
 * did then took twice as long; that tells nothing of what it did.
 */
import { bucketLowest, countAll, quantileBucket, type Counts } from './buckets.js';
import { binomialTail } from './statistics.js';

/** What the machine alone may have made of times. Each is 1 or more; 1 where nothing is known of it. */
export interface Drift {
  /** So many times as long after as before. */
  readonly longer: number;
  /** So many times as long before as after. */
  readonly shorter: number;
}

export const noDrift: Drift = { longer: 1, shorter: 1 };

/**
 * Chance that the median of all ticks that there might have been is below its range; above it is as likely. Of times
 * that the usual tolerance is beside, a smaller chance would be too much: of short runs little could be said then.
 */
const level = 0.05;

/** Ticks that follow each other are like each other: a run counts as no more. */
const mostTicks = 200;

/** @param before how many ticks of a run took how long: in buckets */
export function findDrift(before: Counts, after: Counts): Drift {
  const [was, is] = [rangeOfMedian(before), rangeOfMedian(after)];
  if (was === null || is === null) return noDrift;
  return {
    longer: Math.max(1, is.highestNs / was.lowestNs),
    shorter: Math.max(1, was.highestNs / is.lowestNs),
  };
}

interface Range {
  readonly lowestNs: number;
  readonly highestNs: number;
}

/** From order statistics, whatever the distribution is. Null where there are too few ticks to say. */
function rangeOfMedian(ticks: Counts): Range | null {
  const all = Math.min(countAll(ticks), mostTicks);
  let rank = 0;
  while (1 - binomialTail(all, 1 / 2, rank + 1) <= level && rank < all) rank++;
  const [first, last] = [
    quantileBucket(ticks, rank / all),
    quantileBucket(ticks, 1 - (rank - 1) / all),
  ];
  if (rank === 0 || first === null || last === null) return null;
  return { lowestNs: Math.max(1, bucketLowest(first)), highestNs: bucketLowest(last + 1) };
}
