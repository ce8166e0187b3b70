/// <reference lib="esnext.disposable" preserve="true" />
/** What a program holds of a trace, or of counting, that goes on. */
import type {
  JsonCallLine,
  JsonDigest,
  JsonEntryLine,
  JsonHistogram,
  JsonLostLine,
  JsonMarkLine,
  JsonStack,
  JsonStart,
  JsonStat,
  JsonStatSummary,
  JsonSummary,
  JsonTree,
} from '../render/json-contract.js';

/**
 * Trees with `outputFgraph`; else calls, and where records were lost how many are missing. Hits of tracepoints where
 * they are in no tree, and with `live` entries.
 */
export type TraceEvent = JsonTree | JsonCallLine | JsonLostLine | JsonMarkLine | JsonEntryLine;

/** What is told of all calls together. */
export type TraceAggregate = JsonHistogram | JsonDigest | JsonStack;

/** Of what goes on until its command, its duration, a limit or the program ends it. */
interface Going<Item, Summary> extends AsyncDisposable {
  /** Resolves when all is attached, before the command runs its first instruction. */
  readonly start: Promise<JsonStart>;
  /** Resolves when all is detached and, without `break` and the like, taken. */
  readonly summary: Promise<Summary>;
  /**
   * Resolves at the end to what the command would end with: the traced command's own exit status (128 and the
   * number where a signal ended it), 1 where `maxRate` was the end, else 0.
   */
  readonly status: Promise<number>;
  /** Ends it as Ctrl-C does: what was traced up to now is still given, and then the summary. */
  stop(): void;
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined>;
  /**
   * The next one. There is one iteration, whoever asks.
   * @throws {Failure} when the options make no sense here, or this kernel or user cannot trace
   */
  next(): Promise<IteratorResult<Item, undefined>>;
  /** Ends it at once, as `break` does: resolves when all is detached. What is not taken is dropped. */
  return(): Promise<IteratorResult<Item, undefined>>;
  /** As return(). */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A trace: `for await (const tree of trace(…))`. What isn't taken waits, in the kernel's `buffer` and in memory, of
 * which it has a quarter of what is free; where there is no room, records are lost, and counted in the summary. So
 * `summary` comes after the last event was taken.
 */
export interface Trace<Event extends TraceEvent> extends Going<Event, JsonSummary> {
  /** Of `hist(…)`, `tdigest(…)` and `outputStack`; resolves with the summary. */
  readonly aggregates: Promise<readonly TraceAggregate[]>;
}

/** What was counted of a function. Beyond 2⁵³ ns, 104 days, sums are the nearest double. */
export interface FunctionStat extends Omit<JsonStat, 'totalNs' | 'selfNs'> {
  readonly totalNs: number;
  readonly selfNs: number;
}

/** What was counted since the beginning, in the order of `sort`. */
export interface StatSnapshot {
  /** Since all was attached; null: in all, when all is detached. */
  readonly elapsedMs: number | null;
  readonly functions: readonly FunctionStat[];
}

/**
 * Counting. The iterator gives what was counted so far each `interval`, and in the end what was counted in all: a
 * snapshot that isn't taken is replaced by the next one, so nothing waits for whoever takes them.
 */
export interface Stat extends Going<StatSnapshot, JsonStatSummary> {
  /** What was counted in all. */
  readonly functions: Promise<readonly FunctionStat[]>;
}
