/** What there is to know of a time of tracing beside its records, before the first and after the last. */
import type { Learnt } from '../plan/learnt.js';
import type { PlannedFunction, RefusedFunction } from '../plan/plan.js';

/** Known before anything is attached: what records are read and shown by. */
export interface Opening {
  /** CLOCK_MONOTONIC; times in trees count from here. */
  readonly epochNs: bigint;
  /** The same moment by the clock on the wall, as `2026-11-28T00:38:14.000Z`. */
  readonly startedAt: string;
  readonly cpus: number;
  /** Argument vector of the command that ran, or null. */
  readonly command: readonly string[] | null;
  /** Trees were asked for (`-g`), or one line a call. */
  readonly graph: boolean;
  /** There is a record of each entry too. */
  readonly live: boolean;
  /** How long calls were off the CPU was asked for. */
  readonly cpuTime: boolean;
  /** A record's `function` is the place in this list. */
  readonly functions: readonly PlannedFunction[];
  /** How many of them, at the end, are tracepoints. */
  readonly tracepoints: number;
  readonly outputs: readonly ShownOutput[];
  /** What decided what is below the roots; null: it was not learnt. */
  readonly learnt: Learnt | null;
  /** The end came after so many trees, or lines; null: no limit. */
  readonly limitEvents: number | null;
  /** Room for records between the kernel and fsnoop. */
  readonly bufferBytes: number;
}

interface ShownOutput {
  readonly text: string;
  readonly aggregate: 'hist' | 'tdigest' | null;
}

/** Whether there is nothing but tracepoints to be told. */
export const isOfMarks = ({ functions, tracepoints }: Opening): boolean =>
  tracepoints === functions.length;

/** Known when all is attached. */
export interface Attached {
  /** `uname -r`. */
  readonly kernel: string;
  /** Of the machine; recordings from before it was kept lack it. */
  readonly hostname?: string;
  readonly method: string;
  /** How many are attached. */
  readonly functions: number;
  readonly tracepoints: number;
  readonly refused: readonly RefusedFunction[];
  readonly attachMs: number;
}

/** Known when all is detached. */
export interface Ending {
  /** Records, by where they were lost. */
  readonly losses: {
    readonly ring: number;
    readonly recursion: number;
    readonly outside?: number;
    readonly entry: number;
  };
  readonly detachMs: number;
  /** How many ticks of the kernel took how long, by their buckets' shortest times in ns; absent before they were kept. */
  readonly ticks?: readonly (readonly [number, number])[];
  /** How many records there were, by the place of their function. */
  readonly counts: ArrayLike<number>;
  /** Null where nothing but the request or the user was the end of it. */
  readonly stopped: {
    readonly reason: 'max-rate';
    readonly recordsPerSecond: number;
    readonly maxRate: number;
  } | null;
}
