/** What all calls of a function have together, for programs: src/tree/measured-lines.ts reads it back. */
import { toPairs } from '../../tree/buckets.js';
import type { Spread, Sums } from '../../tree/sums.js';
import { exactOrString } from '../number-json.js';

/**
 * `{"calls":3,"totalNs":…,"selfNs":…,"minNs":…,"maxNs":…,"meanNs":…,"p50Ns":…,"p90Ns":…,"p99Ns":…,
 * "errors":{"ENOENT":3},"histogram":[[2688,2],[2752,1]]}`. The histogram has the shortest time of each bucket
 * that has calls, and how many; the buckets are those of src/tree/buckets.ts.
 * @param errors how many calls by name of the error
 */
export function sumsToJson(sums: Sums & Spread, errors: Iterable<readonly [string, number]>) {
  const { calls, totalNs, selfNs, minNs, maxNs, meanNs, p50Ns, p90Ns, p99Ns, counts } = sums;
  return {
    calls,
    totalNs: exactOrString(totalNs),
    selfNs: exactOrString(selfNs),
    ...{ minNs, maxNs, meanNs, p50Ns, p90Ns, p99Ns },
    errors: Object.fromEntries(errors),
    histogram: toPairs(counts),
  };
}
