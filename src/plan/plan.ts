/** The plan: everything that is decided before the kernel is touched, as one plain value. */
import type { Expression } from '../expr/parse.js';
import type { Guard, Op } from '../expr/ops.js';
import type { KernelFunction } from '../symbols/function.js';
import type { Capture } from './capture.js';
import type { Method } from './method.js';

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

/** A function that the disassembly found, or a root. */
export interface PlannedCallee {
  /** Of several names of one address the one that can be traced. */
  readonly callee: KernelFunction;
  /** The least number of calls from a root to it; 0 for a root. */
  readonly level: number;
  /** Places in the graph, in the order of the code. Of the deepest level none are known. */
  readonly calls: readonly number[];
  /** Calls whose callee is not in the code. */
  readonly indirectCalls: number;
}

interface ColdFunction {
  readonly function: string;
  readonly why: string;
}

/** What the machine code says that the roots call. */
export interface PlannedGraph {
  /** Level by level, roots first. */
  readonly callees: readonly PlannedCallee[];
  /** Called, and left out as cold. */
  readonly cold: readonly ColdFunction[];
}

export interface Plan {
  readonly method: Method;
  /** A record's `function` is the place in this list, with the tracepoints behind it: see placesOf(). */
  readonly functions: readonly PlannedFunction[];
  /** Marks in open trees; without functions they are told by themselves. */
  readonly tracepoints: readonly PlannedFunction[];
  readonly refused: readonly RefusedFunction[];
  /** Print trees (`-g`) or one line a call. */
  readonly graph: boolean;
  /** Null where nobody asked for a disassembly. */
  readonly callees: PlannedGraph | null;
  /** Calls deeper than this below the root (which has 0) are not recorded. */
  readonly maxDepth: number;
  /** Shorter calls are dropped in the kernel; 0 keeps all. */
  readonly minDurationNs: number;
  /** Only these processes; empty for all. */
  readonly pids: readonly number[];
  /** Only tasks of this name (up to 15 bytes), or null for all. */
  readonly comm: string | null;
  /** Only tasks in this cgroup, by its folder, and below it; null for all. */
  readonly cgroup: string | null;
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
  /** Tell how long each call was off the CPU. */
  readonly cpuTime: boolean;
}

/** What records are of, by their `function`. */
export const placesOf = ({
  functions,
  tracepoints,
}: Pick<Plan, 'functions' | 'tracepoints'>): readonly PlannedFunction[] =>
  tracepoints.length === 0 ? functions : [...functions, ...tracepoints];
