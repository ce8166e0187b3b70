/** The functions that make most records, and how to have fewer of them. */
import type { PlannedFunction } from '../plan/plan.js';
import { formatCount } from '../words/quantities.js';

export interface HotFunction {
  readonly function: string;
  readonly records: number;
  readonly root: boolean;
}

const mostNamed = 5;

/**
 * Those with most records, the most first.
 * @param counts records of each function, by its place in the plan
 */
export function findHot(
  functions: readonly PlannedFunction[],
  counts: ArrayLike<number>,
): HotFunction[] {
  return functions
    .map(({ name, root, kind }, place) => ({
      function: name,
      records: counts[place] ?? 0,
      root: root || kind !== undefined, // a tracepoint is no part of the graph either
    }))
    .filter(({ records }) => records > 0)
    .sort((a, b) => b.records - a.records)
    .slice(0, mostNamed);
}

/**
 * `Most records: ktime_get 1,230, vfs_read 45. To leave out: --fgraph-exclude 'ktime_get'`; '' for none.
 * @param title for those up to some moment
 */
export function renderHot(hot: readonly HotFunction[], title = 'Most records'): string {
  if (hot.length === 0) return '';
  const counts = hot.map((each) => `${each.function} ${formatCount(each.records)}`).join(', ');
  const below = hot.filter(({ root }) => !root).map((each) => each.function);
  const advice =
    below.length > 0
      ? `To leave out: --fgraph-exclude '${below.join(',')}'`
      : 'To have fewer: another -k, or --filter-arg, --min-duration';
  return `${title}: ${counts}. ${advice}\n`;
}
