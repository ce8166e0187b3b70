/**
 * The mirror of bpf/record.h. Records lie one after the other, each `size` bytes long, in the
 * machine's byte order (little endian on all that fsnoop runs on).
 */

/** Byte offsets of `struct record`; a root's record is followed by its task's comm. */
export const recordLayout = {
  size: 0,
  type: 4,
  depth: 6,
  function: 8,
  cpu: 12,
  index: 16,
  tree: 20,
  tid: 24,
  pid: 28,
  start: 32,
  duration: 40,
  retval: 48,
} as const;

export const recordBytes = 56;
export const commBytes = 16;

/** The place in the plan, of a record's function; the bit above it marks a root. */
export const placeMask = 2 ** 31 - 1;

export const recordType = { call: 1, entry: 2, open: 3, exit: 4 } as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

/** One decoded record. */
export interface CallRecord {
  readonly type: RecordType;
  readonly depth: number;
  /** Place of the function in the plan. */
  readonly function: number;
  /** Number of the root call, of all tasks. */
  readonly tree: number;
  readonly tid: number;
  readonly pid: number;
  readonly cpu: number;
  /** How many calls of the tree returned before this one, lost ones included. */
  readonly index: number;
  /** Since the epoch that it was decoded with. */
  readonly startNs: number;
  /** Of an open call: until tracing, or its task, ended. */
  readonly durationNs: number;
  /** Raw value as returned: its lower and upper 32 bits, both unsigned. */
  readonly retvalLow: number;
  readonly retvalHigh: number;
  /** Name of the task; only roots have it, others have ''. */
  readonly comm: string;
}
