/** What is known of all calls of a function together: from what each CPU counted. */
import type { Cell, Key } from '../events/cells.js';
import type { KeyKind } from '../plan/counting.js';
import { countAll, sortCounts } from './buckets.js';
import { spreadOf, type Spread, type Sums } from './sums.js';

/** What the calls have alike: a key, or that its table had no room for theirs. */
export type StatKey = Key | 'other' | null;

/** Of a function, or of those of its calls that have a key alike. */
export interface FunctionStats extends Sums, Spread {
  /** Place in the plan. */
  readonly function: number;
  /** Null where only functions are told apart. */
  readonly key: StatKey;
  readonly totalNs: bigint;
  readonly selfNs: bigint;
  /** How many calls are in no bucket: the kernel side had no page left for theirs. */
  readonly uncounted: number;
  /** How many by errno; 0: of those that are more than can be told apart. */
  readonly errors: ReadonlyMap<number, number>;
}

interface Sum {
  readonly function: number;
  readonly key: StatKey;
  calls: number;
  totalNs: bigint;
  selfNs: bigint;
  minNs: number;
  maxNs: number;
  readonly counts: Map<number, number>;
  readonly errors: Map<number, number>;
}

/** Adds up the cells of all CPUs. */
export function sumCells(cells: readonly Cell[], by: KeyKind | null): FunctionStats[] {
  const sums = new Map<string, Sum>();
  for (const cell of cells) {
    const key = keyOf(cell, by);
    const name = `${cell.function} ${typeof key === 'object' && key ? `${key.low} ${key.high}` : key}`;
    let sum = sums.get(name);
    if (sum === undefined) {
      sum = startSum(cell.function, key);
      sums.set(name, sum);
    }
    add(sum, cell);
  }
  return [...sums.values()].map(finish);
}

function keyOf({ cpu, key }: Cell, by: KeyKind | null): StatKey {
  if (by === null) return null;
  if (by === 'cpu') return { low: BigInt(cpu), high: 0n };
  return key ?? 'other';
}

const startSum = (place: number, key: StatKey): Sum => ({
  function: place,
  key,
  calls: 0,
  totalNs: 0n,
  selfNs: 0n,
  minNs: Infinity,
  maxNs: 0,
  counts: new Map(),
  errors: new Map(),
});

function add(sum: Sum, cell: Cell): void {
  sum.calls += cell.calls;
  sum.totalNs += cell.totalNs;
  sum.selfNs += cell.selfNs;
  sum.minNs = Math.min(sum.minNs, cell.minNs);
  sum.maxNs = Math.max(sum.maxNs, cell.maxNs);
  for (const [bucket, count] of cell.counts)
    sum.counts.set(bucket, (sum.counts.get(bucket) ?? 0) + count);
  for (const [errno, count] of cell.errors)
    sum.errors.set(errno, (sum.errors.get(errno) ?? 0) + count);
}

function finish(sum: Sum): FunctionStats {
  const sums = { ...sum, counts: sortCounts(sum.counts) };
  return {
    ...sums,
    ...spreadOf(sums),
    uncounted: Math.max(0, sum.calls - countAll(sums.counts)),
  };
}
