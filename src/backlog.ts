/** Records that wait to be decoded: the ring is emptied first, for the kernel does not wait. */

/** Where records come from: the ring. */
export interface RecordSource {
  /** Copies whole records; the number of bytes, 0 when there is none. */
  read(into: Uint8Array): number;
}

/** As much as is read, and decoded, at once: little, for the ring must be emptied again before it is full. */
const batchBytes = 1 << 16;

export class Backlog {
  readonly #source: RecordSource;
  readonly #limitBytes: number;
  readonly #batch = Buffer.allocUnsafe(batchBytes);
  readonly #waiting: { readonly records: Buffer; readonly since: number }[] = [];
  readonly #now: () => number;
  #bytes = 0;

  /**
   * @param limitBytes what is over it, by less than a batch, stays in the source
   * @param now a clock, in ms
   */
  constructor(source: RecordSource, limitBytes: number, now: () => number) {
    this.#source = source;
    this.#limitBytes = limitBytes;
    this.#now = now;
  }

  /** How much of the limit waits, 0 to 1. */
  get fill(): number {
    return this.#bytes / this.#limitBytes;
  }

  /** How long the oldest records wait; 0 for none. */
  get ageMs(): number {
    const [oldest] = this.#waiting;
    return oldest === undefined ? 0 : this.#now() - oldest.since;
  }

  /** The oldest records, after all that the source holds now has been taken in; none: undefined. */
  next(): Buffer | undefined {
    while (this.#bytes < this.#limitBytes) {
      const length = this.#source.read(this.#batch);
      if (length === 0) break;
      const records = Buffer.from(this.#batch.subarray(0, length));
      this.#waiting.push({ records, since: this.#now() });
      this.#bytes += length;
    }
    const oldest = this.#waiting.shift()?.records;
    this.#bytes -= oldest?.length ?? 0;
    return oldest;
  }
}
