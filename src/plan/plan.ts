/** The plan: everything that is decided before the kernel is touched, as one plain value. */
import type { KernelFunction, Reason } from '../symbols/function.js';

export interface PlannedFunction extends KernelFunction {
  /** A call of a root opens a tree; other functions are recorded only inside one. */
  readonly root: boolean;
}

export interface RefusedFunction {
  readonly function: string;
  readonly reason: Reason;
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
}
