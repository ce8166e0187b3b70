/**
 * The mirror of what user space shares with the kernel side besides records: settings, counters,
 * traced processes, attach cookies. Little endian, as all that fsnoop runs on.
 */
import type { Cgroup } from './cgroup.js';

/** What a program leaves out costs nothing, and is not loaded. In pairs, that of the return has `_return` behind it. */
export const programs = ['on_call_times', 'on_call', 'on_call_options'] as const;

/** The same of the objects that count: for the times alone, or for everything. */
export const countingPrograms = ['on_stat', 'on_stat_options'] as const;

export type ProgramName = (typeof programs)[number] | (typeof countingPrograms)[number];

/** A copy of it is attached to each tracepoint. */
export const markProgram = 'on_mark';

/** It is told which tasks are off the CPU, and whose runs the kernel skips. */
export const switchHook = 'on_switch';

/** They are told how long the kernel's tick takes. */
export const tickHooks = ['on_tick', 'on_tick_end'] as const;

/** Run once: it finds where the kernel counts what it skips of a program. */
export const statsFinder = 'find_stats';

/** Byte offsets and sizes of `struct settings`. */
export const settingsLayout = {
  min_duration: 0,
  ring_mask: 8,
  max_level: 16,
  by_task: 20,
  follow: 21,
  by_comm: 22,
  live: 23,
  comm: 24,
  in_trees: 40,
  tell_deeper: 42,
  tell_away: 44,
  account_skips: 46,
  cgroup: 48,
  cgroup_level: 56,
  tick: 64,
  unused: 68,
} as const;
export const settingsBytes = 72;

export interface Settings {
  readonly minDurationNs: number;
  /** A power of two. */
  readonly ringBytes: number;
  readonly maxDepth: number;
  /** Only chosen tasks are traced. */
  readonly byTask: boolean;
  /** Processes that traced ones start are traced too. */
  readonly follow: boolean;
  /** Up to 15 bytes, or null for any. */
  readonly comm: string | null;
  /** Null for any. */
  readonly cgroup: Cgroup | null;
  readonly live: boolean;
  /** Tracepoints are marks in open trees, and told nowhere else. */
  readonly inTrees: boolean;
  /** Deeper calls are told as lost: nobody asked for a limit. */
  readonly tellDeeper: boolean;
  /** It is told how long tasks are off the CPU in open trees. */
  readonly tellAway: boolean;
  /** It is told apart whose runs the kernel skipped. */
  readonly accountSkips: boolean;
  /** Of the handler of the kernel's tick: the lower half of its address. Null: nobody asks how long that takes. */
  readonly tick: number | null;
}

export function encodeSettings(settings: Settings): Buffer {
  const bytes = Buffer.alloc(settingsBytes);
  bytes.writeBigUInt64LE(BigInt(settings.minDurationNs), settingsLayout.min_duration);
  bytes.writeBigUInt64LE(BigInt(settings.ringBytes - recordAlign), settingsLayout.ring_mask);
  bytes.writeUInt32LE(settings.maxDepth + 1, settingsLayout.max_level);
  bytes.writeUInt8(Number(settings.byTask), settingsLayout.by_task);
  bytes.writeUInt8(Number(settings.follow), settingsLayout.follow);
  bytes.writeUInt8(Number(settings.comm !== null), settingsLayout.by_comm);
  bytes.writeUInt8(Number(settings.live), settingsLayout.live);
  bytes.write(settings.comm ?? '', settingsLayout.comm);
  bytes.writeUInt16LE(Number(settings.inTrees), settingsLayout.in_trees);
  bytes.writeUInt16LE(Number(settings.tellDeeper), settingsLayout.tell_deeper);
  bytes.writeUInt16LE(Number(settings.tellAway), settingsLayout.tell_away);
  bytes.writeUInt16LE(Number(settings.accountSkips), settingsLayout.account_skips);
  bytes.writeBigUInt64LE(settings.cgroup?.id ?? 0n, settingsLayout.cgroup);
  bytes.writeBigUInt64LE(BigInt(settings.cgroup?.level ?? 0), settingsLayout.cgroup_level);
  bytes.writeUInt32LE(settings.tick ?? 0, settingsLayout.tick);
  return bytes;
}

/** Byte offsets of `struct counters`. */
export const countersLayout = {
  lost_ring: 0,
  lost_entry: 8,
  lost_recursion: 16,
  skipped_others: 24,
  skipped_outside: 32,
} as const;
export const countersBytes = 40;

export interface Counters {
  /** Records that found no room in the ring. */
  readonly lostRing: number;
  /** Calls in an open tree whose entry was not seen. */
  readonly lostEntry: number;
  /** Runs that a copy of the program skipped, to keep out of another. */
  readonly lostRecursion: number;
  /** Runs that the kernel skipped, of tasks that are not traced. */
  readonly skippedOthers: number;
  /** Runs that it skipped of tasks that are, while they had no root open. */
  readonly skippedOutside: number;
}

export function decodeCounters(bytes: Buffer): Counters {
  const read = (offset: number) => Number(bytes.readBigUInt64LE(offset));
  return {
    lostRing: read(countersLayout.lost_ring),
    lostEntry: read(countersLayout.lost_entry),
    lostRecursion: read(countersLayout.lost_recursion),
    skippedOthers: read(countersLayout.skipped_others),
    skippedOutside: read(countersLayout.skipped_outside),
  };
}

/** How many ticks took how long, as the kernel side counts them: by bucket of src/tree/buckets.ts. */
export const decodeTicks = (bytes: Buffer): number[] =>
  Array.from({ length: bytes.length / 8 }, (_, bucket) =>
    Number(bytes.readBigUInt64LE(8 * bucket)),
  );

/** Byte offset and size of `struct skipping`, and how many there are. */
export const skippingLayout = { id: 0, stats: 8 } as const;
export const skippingBytes = 16;
export const mostSkipping = 2;

/** Programs of which it is to be found, by their ids in the kernel. */
export function encodeSkipping(ids: readonly number[]): Buffer {
  const bytes = Buffer.alloc(mostSkipping * skippingBytes);
  for (const [at, id] of ids.entries())
    bytes.writeBigUInt64LE(BigInt(id), at * skippingBytes + skippingLayout.id);
  return bytes;
}

/** Byte offsets and size of `struct roots`. */
export const rootsLayout = { reach: 0, low: 8, unused: 12 } as const;
export const rootsBytes = 16;

/**
 * Where roots are.
 * @param addresses lower halves of theirs; at least one
 */
export function encodeRoots(addresses: readonly number[]): Buffer {
  const bytes = Buffer.alloc(rootsBytes);
  const low = Math.min(...addresses);
  bytes.writeUInt32LE(low, rootsLayout.low);
  bytes.writeUInt32LE(Math.max(...addresses) - low, rootsLayout.reach);
  return bytes;
}

/** Bytes of `struct ring` before its data, and behind the data's end. */
export const ringHeadBytes = 128;
export const ringMarginBytes = 8192;
export const ringMaxBytes = 2 ** 28;
export const ringMinBytes = 4096;
export const recordAlign = 8;
/** Room for the values of one record; the last may begin at limits.recordBytes. */
export const itemsBytes = 4104;
/** The longest record: a root's with all argument slots, and with all values. */
export const longestRecordBytes = { plain: 168, withValues: 168 + itemsBytes } as const;

/** The array `tasks` has a u16 for each tid: 0 for a task that is not traced, or one of these. */
export const tidLimit = 2 ** 22;
export const taskTraced = 1;
/** One of several tasks with this tid: where their frame would be, one is that has an open root. */
export const taskSearched = 2;

/** Byte offsets and size of what `struct frame` begins with, and of all of it. */
export const frameLayout = { root: 0, level: 8 } as const;
export const frameBytes = {
  recording: { withCookie: 336, withStack: 856, withArguments: 2392 },
  counting: { withCookie: 1616, withStack: 1112, withArguments: 2648 },
} as const;

/**
 * Where calls are plain (bpf/word.h) a task has a u32: the place of its innermost open call, in bytes from the
 * frames on, behind the room that is left before them.
 */
export const placeLayout = { frame: 2048, call: 32, noCall: 96, last: 2016 } as const;

/** The beginning of a frame. One that is nobody's has a level that no call has which returns. */
export function encodeFrame(root: bigint, level = 2 ** 32 - 1): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(root, frameLayout.root);
  bytes.writeUInt32LE(level, frameLayout.level);
  return bytes;
}
