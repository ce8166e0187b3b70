/** What all calls of a function have together, whoever counted them: trees, the kernel side, or a file. */
import { quantile, type Counts } from './buckets.js';

/** Of calls that returned: numbers, and how their times spread. */
export interface Sums {
  readonly calls: number;
  /** Of a function that calls itself, the inner calls are in the time of the outer, and counted again. */
  readonly totalNs: number | bigint;
  /** Less what the counted calls took that are directly below. */
  readonly selfNs: number | bigint;
  readonly minNs: number;
  readonly maxNs: number;
  /** All calls, but for those that the kernel side had no room for. */
  readonly counts: Counts;
}

export interface Spread {
  readonly meanNs: number;
  /** Within 1.6 %: see buckets.ts. */
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
}

export function spreadOf({ calls, totalNs, minNs, maxNs, counts }: Omit<Sums, 'selfNs'>): Spread {
  // the middle of a bucket may be outside of what is in it
  const at = (q: number) => Math.min(Math.max(quantile(counts, q) ?? minNs, minNs), maxNs);
  return {
    meanNs: Math.round(Number(totalNs) / calls),
    ...{ p50Ns: at(0.5), p90Ns: at(0.9), p99Ns: at(0.99) },
  };
}

export function countErrors(errors: ReadonlyMap<unknown, number>): number {
  let all = 0;
  for (const count of errors.values()) all += count;
  return all;
}
