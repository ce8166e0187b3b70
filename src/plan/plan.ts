/** The plan: everything that is decided before the kernel is touched, as one plain value. */
import type { Expression } from '../expr/parse.js';
import type { Guard, Op } from '../expr/ops.js';
import type { KernelFunction } from '../symbols/function.js';
import type { Capture } from './capture.js';

/** What the kernel side reads and asks of a function's calls. A root's filters decide on its tree. */
export interface Program {
  readonly guard: Guard | null;
  readonly filter: readonly Op[];
  readonly entry: readonly Op[];
  readonly returnFilter: readonly Op[];
  readonly atReturn: readonly Op[];
}

export interface PlannedFunction extends KernelFunction, Capture {
  /** A call of a root opens a tree; other functions are recorded only inside one. */
  readonly root: boolean;
}

export interface RefusedFunction {
  readonly function: string;
  readonly reason: string;
}

export interface Plan {
  readonly method: 'fsession.multi';
  /** A record's `function` is the place in this list. */
  readonly functions: readonly PlannedFunction[];
  readonly refused: readonly RefusedFunction[];
  /** Print trees (`-g`) or one line a call. */
  readonly graph: boolean;
  /** Calls deeper than this below the root (which has 0) are not recorded. */
  readonly maxDepth: number;
  /** Shorter calls are dropped in the kernel; 0 keeps all. */
  readonly minDurationNs: number;
  /** Only these processes; empty for all. */
  readonly pids: readonly number[];
  /** Only tasks of this name (up to 15 bytes), or null for all. */
  readonly comm: string | null;
  /** Argument vector of the command to run and follow, or null. */
  readonly command: readonly string[] | null;
  /** Room for records between the kernel and fsnoop. */
  readonly bufferBytes: number;
  /** Write a record at each entry too. */
  readonly live: boolean;
  /** How much of the arguments is shown. */
  readonly args: 'off' | 'compact' | 'full';
  /** The expressions that are shown with each call, and that roots must fulfil. */
  readonly outputs: readonly Expression[];
  readonly filters: readonly Expression[];
  /** Only trees whose root failed: with one of these errors, or with any. Null: all trees. */
  readonly errnos: readonly number[] | 'any' | null;
  /** Show the kernel stack of each root. */
  readonly stack: boolean;
}
