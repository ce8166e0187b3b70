/** What a trace is made of: trees of calls, with the gaps that lost records left. */

/** What a record carries besides its fields, in bytes that are not changed later. */
export interface Carried {
  readonly view: DataView;
  /** Where its argument slots are, 8 bytes each, its items, and its end. */
  readonly argsAt: number;
  readonly itemsAt: number;
  readonly end: number;
}

/** One call, or the place of one whose own record was lost. */
export interface Call {
  readonly type: 'call';
  /** Place of the function in the plan; -1 when its record was lost. */
  readonly function: number;
  /** Since the epoch of the trace; of a lost call that of the first known call below it. */
  readonly startNs: number;
  /**
   * Of an open or exited call until tracing, or its task, ended. Of a lost call the sum of its
   * children's: it took no less.
   */
  readonly durationNs: number;
  /** Duration minus the durations of the direct children; too much where children were lost. */
  readonly selfNs: number;
  /** On which it returned; of a lost call that of the last known call below it. */
  readonly cpu: number;
  /** Raw value as returned, its lower and upper 32 bits; 0 unless status is 'returned'. */
  readonly retvalLow: number;
  readonly retvalHigh: number;
  readonly status: 'returned' | 'open' | 'exited' | 'lost';
  /** What its record carries; a lost call has none. */
  readonly view: DataView | null;
  readonly argsAt: number;
  readonly itemsAt: number;
  readonly end: number;
  /** The function tells values of its entry: they, or 'lost'. Null where it tells none. */
  readonly entry: Carried | 'lost' | null;
  /** How long, of its duration, the task was off the CPU; 0 where nobody looks. */
  readonly offNs: number;
  /** In the order of time. */
  readonly children: readonly Node[];
}

export type Node = Call | Gap | Mark;

/** A tracepoint that the task came by, in a call. */
export interface Mark extends Carried {
  readonly type: 'mark';
  /** Place of the tracepoint in the plan. */
  readonly function: number;
  /** Since the epoch of the trace. */
  readonly startNs: number;
  readonly cpu: number;
}

/**
 * Calls whose records were lost. They returned after the call before this place and before the
 * one after it; at which level can't be told.
 */
export interface Gap {
  readonly type: 'gap';
  /** How many; at least 1. */
  readonly lost: number;
}

/** Why a tree is not complete; with several reasons the first of these that holds. */
export type Incomplete = 'root record lost' | 'tracing ended' | 'task exited' | 'records lost';

export interface Tree {
  /** Number of the root call, of all tasks. */
  readonly tree: number;
  readonly pid: number;
  readonly tid: number;
  /** Name of the task; '' when the root's record was lost. */
  readonly comm: string;
  readonly cpu: number;
  /** Of the root, since the epoch of the trace. */
  readonly startNs: number;
  /** Null: complete. */
  readonly incomplete: Incomplete | null;
  /** How many calls are in the tree: those with a record. */
  readonly calls: number;
  /**
   * How many are not: gaps and lost callers. Without the root's record that is the least it can
   * be, as nobody knows what was lost at the end.
   */
  readonly lost: number;
  readonly root: Call;
}
