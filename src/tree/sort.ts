/** The order of functions in tables: by one of their numbers, or by name. */
import { countErrors, type Spread, type Sums } from './sums.js';

/** What is sorted: a function, or a part of its calls. */
interface Sortable extends Sums, Spread {
  /** Place in the plan. */
  readonly function: number;
  readonly errors: ReadonlyMap<unknown, number>;
  /** Of a tally. */
  readonly offNs?: number;
}

const counted = {
  total: ({ totalNs }: Sortable) => Number(totalNs),
  self: ({ selfNs }: Sortable) => Number(selfNs),
  calls: ({ calls }: Sortable) => calls,
  min: ({ minNs }: Sortable) => minNs,
  mean: ({ meanNs }: Sortable) => meanNs,
  max: ({ maxNs }: Sortable) => maxNs,
  p50: ({ p50Ns }: Sortable) => p50Ns,
  p90: ({ p90Ns }: Sortable) => p90Ns,
  p99: ({ p99Ns }: Sortable) => p99Ns,
  errors: ({ errors }: Sortable) => countErrors(errors),
  name: () => 0,
} as const;

export type SortKey = keyof typeof counted;

export const sortKeys = Object.keys(counted) as SortKey[];

/** Of trees, which tell more than the kernel side counts. */
const measures = { ...counted, 'off-cpu': ({ offNs = 0 }: Sortable) => offNs } as const;

export type TreeSortKey = keyof typeof measures;

export const treeSortKeys = Object.keys(measures) as TreeSortKey[];

/**
 * The largest first, or by name; of those that are alike in that by name.
 * @param names by place in the plan
 * @param top no more than so many; null for all
 */
export function sortByMeasure<Kind extends Sortable>(
  all: readonly Kind[],
  sort: TreeSortKey,
  names: readonly string[],
  top: number | null,
): Kind[] {
  const nameOf = ({ function: place }: Sortable) => names[place] ?? '';
  const byName = (a: Sortable, b: Sortable) =>
    nameOf(a) < nameOf(b) ? -1 : Number(nameOf(a) > nameOf(b));
  const measure = measures[sort];
  return all
    .toSorted((a, b) => measure(b) - measure(a) || byName(a, b))
    .slice(0, top ?? all.length);
}
