/** Where the records of a time of tracing go: to be printed, or into a recording. Or calls are counted. */
import type { Attachment } from '../attach/attach.js';
import type { CountedBytes } from '../attach/counting.js';
import type { Counting } from '../plan/counting.js';
import type { RefusedFunction } from '../plan/plan.js';
import type { Attached, Ending, Opening } from '../recording/opening.js';
import type { Addresses } from '../symbols/addresses.js';

export interface Sink {
  /** Calls are counted, and recorded only where that says so; absent: recorded. */
  readonly counting?: Counting | undefined;
  /** Times are kept to be held against those of other runs: with how fast the machine was. */
  readonly keepsPace?: boolean;
  /** All is attached; nothing has been taken. What is counted, and lost, can be read until all is detached. */
  start(attached: Attached, soFar: SoFar): Promise<void>;
  /** Gets whole records, in bytes that are not changed later. */
  take(records: Uint8Array): Promise<void>;
  /** All is taken, and counted. Resolves to whether anything was lost. */
  end(ending: Ending, counted: CountedBytes | null): Promise<boolean>;
}

/** What the kernel side counted up to now. */
export type SoFar = Pick<Attachment, 'counted' | 'losses'>;

/** What it is made of. */
export interface SinkParts {
  readonly opening: Opening;
  readonly addresses: Addresses;
  /** What was asked for and can't be traced, with the reasons. */
  readonly refused: readonly RefusedFunction[];
  /** Writes nothing any more once the output has failed. */
  readonly write: (text: string | Uint8Array) => Promise<void>;
  /** Whether something could not be written. Absent: nothing is told of that. */
  readonly isCut?: () => boolean;
  /** Called when as much was taken as was asked for. */
  readonly onLimit: () => void;
}

/** Of a time of tracing, where two outputs may be written to. */
export interface TraceParts extends SinkParts {
  /** As `write`, to the second; null: there is none. */
  readonly writeSecond: SinkParts['write'] | null;
}

/** The first says what is counted. */
export function joinSinks(first: Sink, second: Sink): Sink {
  return {
    counting: first.counting,
    keepsPace: first.keepsPace === true || second.keepsPace === true,
    async start(attached, soFar) {
      await first.start(attached, soFar);
      await second.start(attached, soFar);
    },
    async take(records) {
      await first.take(records);
      await second.take(records);
    },
    async end(ending, counted) {
      // what the second writes is whole when the first tells that it is over
      const lost = await second.end(ending, counted);
      return (await first.end(ending, counted)) || lost;
    },
  };
}
