/** Records that wait to be decoded: the ring is emptied first, for the kernel does not wait. */
import { longestRecordBytes } from '../attach/shared.js';

/** Where records come from: the ring. */
export interface RecordSource {
  /** Copies whole records; the number of bytes, 0 when there is none. */
  read(into: Uint8Array): number;
}

/** As much as is read, and decoded, at once: little, for the ring must be emptied again before it is full. */
const batchBytes = 1 << 16;
/** Rooms that are kept for what comes: 16 MB. What more there was for a while is given back. */
const mostFree = 256;

interface Waiting {
  /** Is used again: what has waited is old, and V8 takes its time to find that it is gone. */
  readonly room: Buffer;
  length: number;
  /** In ms, of the first of them. */
  readonly since: number;
}

export class Backlog {
  readonly #source: RecordSource;
  readonly #limitBytes: number;
  readonly #now: () => number;
  readonly #waiting: Waiting[] = [];
  readonly #free: Buffer[] = [];
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
      const length = this.#fillLast() ?? this.#fillNext();
      if (length === 0) break;
      this.#bytes += length;
    }
    const oldest = this.#waiting.shift();
    if (oldest === undefined) return undefined;
    const { room, length } = oldest;
    this.#bytes -= length;
    const records = Buffer.from(room.subarray(0, length));
    if (this.#free.length < mostFree) this.#free.push(room);
    return records;
  }

  /** Reads into what is left of the last room: how many bytes; null where a record may not fit. */
  #fillLast(): number | null {
    const last = this.#waiting.at(-1);
    if (last === undefined || last.length + longestRecordBytes.withValues > batchBytes) return null;
    const length = this.#source.read(last.room.subarray(last.length));
    last.length += length;
    return length;
  }

  #fillNext(): number {
    const room = this.#free.pop() ?? Buffer.allocUnsafeSlow(batchBytes);
    const length = this.#source.read(room);
    if (length === 0) this.#free.push(room);
    else this.#waiting.push({ room, length, since: this.#now() });
    return length;
  }
}
