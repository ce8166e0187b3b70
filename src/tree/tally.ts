/** Adds up the calls that trees show of one function, or of several together. */
import { bucketLimit, bucketOf, sortCounts } from './buckets.js';
import { spreadOf, type Spread, type Sums } from './sums.js';
import type { Call } from './tree.js';

export interface Tallied extends Sums, Spread {
  readonly totalNs: number;
  readonly selfNs: number;
  /** How long, in that time, the tasks were off the CPU; 0 where nobody looked. */
  readonly offNs: number;
  /** How many by name of the error. */
  readonly errors: ReadonlyMap<string, number>;
}

export class Tally {
  #calls = 0;
  #totalNs = 0;
  #selfNs = 0;
  #offNs = 0;
  #minNs = Infinity;
  #maxNs = 0;
  /** By bucket. */
  readonly #counts = new Uint32Array(bucketLimit);
  readonly #errors = new Map<string, number>();

  /**
   * @param call one that returned
   * @param error the name of the error that it returned; null for none
   */
  add({ durationNs, selfNs, offNs }: Call, error: string | null): void {
    this.#calls++;
    this.#totalNs += durationNs;
    this.#selfNs += selfNs;
    this.#offNs += offNs;
    this.#minNs = Math.min(this.#minNs, durationNs);
    this.#maxNs = Math.max(this.#maxNs, durationNs);
    const bucket = bucketOf(durationNs);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    if (error !== null) this.#errors.set(error, (this.#errors.get(error) ?? 0) + 1);
  }

  /** Null where there was no call. */
  read(): Tallied | null {
    if (this.#calls === 0) return null;
    const filled = Array.from(this.#counts, (count, bucket) => [bucket, count] as const);
    const sums = {
      ...{ calls: this.#calls, totalNs: this.#totalNs, selfNs: this.#selfNs },
      ...{ minNs: this.#minNs, maxNs: this.#maxNs },
      counts: sortCounts(filled.filter(([, count]) => count > 0)),
    };
    return { ...sums, ...spreadOf(sums), offNs: this.#offNs, errors: this.#errors };
  }
}
