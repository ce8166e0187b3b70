/**
 * The mirror of bpf/record.h. Records lie one after the other, each `size` bytes long, in the
 * machine's byte order (little endian on all that fsnoop runs on).
 */

/**
 * Byte offsets of `struct record`, which is followed by the argument slots, a root's by its task's
 * comm, and by the items of values.
 */
export const recordLayout = {
  size: 0,
  type: 4,
  shape: 5,
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

/** The place in the plan, of a record's function; the bits above it are for the kernel side. */
export const placeMask = 2 ** 31 - 1;

/** What a record's `shape` says: how many argument slots there are, and that an entry came before. */
export const shapeArgs = 0xf;
export const shapeEntry = 0x10;
export const slotBytes = 8;

export const recordType = {
  call: 1,
  entry: 2,
  open: 3,
  exit: 4,
  drop: 5,
  mark: 6,
  away: 7,
} as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

/** One decoded record. */
export interface CallRecord {
  readonly type: RecordType;
  /** Of a mark: 0 where it is in no tree. */
  readonly depth: number;
  /** Place of the function, or the tracepoint, in the plan. */
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
  /** Of an open call: until tracing, or its task, ended. Of a time off the CPU: until it was over. */
  readonly durationNs: number;
  /** Raw value as returned: its lower and upper 32 bits, both unsigned. */
  readonly retvalLow: number;
  readonly retvalHigh: number;
  /** Name of the task; only roots, and marks in no tree, have it, others have ''. */
  readonly comm: string;
  /** A record of its entry came before. */
  readonly hasEntry: boolean;
  /** The bytes that the record is in; they are not changed later. */
  readonly view: DataView;
  /** How many argument slots there are, of 8 bytes each, where in the bytes they are, and where items. */
  readonly slots: number;
  readonly argsAt: number;
  readonly itemsAt: number;
  readonly end: number;
}

/** A mark that is in no tree. */
export const isLone = ({ type, depth }: Pick<CallRecord, 'type' | 'depth'>): boolean =>
  type === recordType.mark && depth === 0;
