/**
 * The mirror of what user space shares with bpf/fsnoop.bpf.c besides records: settings, counters,
 * traced processes, attach cookies. Little endian, as all that fsnoop runs on.
 */

/** Byte offsets and sizes of `struct settings`. */
export const settingsLayout = {
  epoch: 0,
  min_duration: 8,
  ring_mask: 16,
  ring_limit: 24,
  max_depth: 32,
  by_pid: 36,
  by_comm: 37,
  live: 38,
  comm: 40,
} as const;
export const settingsBytes = 56;

export interface Settings {
  /** CLOCK_MONOTONIC, ns; times in records count from here. */
  readonly epochNs: bigint;
  readonly minDurationNs: number;
  /** A power of two. */
  readonly ringBytes: number;
  /** Kept free for writers that pass the check for room at one time. */
  readonly ringSlackBytes: number;
  readonly maxDepth: number;
  /** Only chosen processes are traced. */
  readonly byPid: boolean;
  /** Up to 15 bytes, or null for any. */
  readonly comm: string | null;
  readonly live: boolean;
}

export function encodeSettings(settings: Settings): Buffer {
  const bytes = Buffer.alloc(settingsBytes);
  bytes.writeBigUInt64LE(settings.epochNs, settingsLayout.epoch);
  bytes.writeBigUInt64LE(BigInt(settings.minDurationNs), settingsLayout.min_duration);
  bytes.writeBigUInt64LE(BigInt(settings.ringBytes - recordAlign), settingsLayout.ring_mask);
  bytes.writeBigUInt64LE(
    BigInt(settings.ringBytes - settings.ringSlackBytes),
    settingsLayout.ring_limit,
  );
  bytes.writeUInt32LE(settings.maxDepth, settingsLayout.max_depth);
  bytes.writeUInt8(Number(settings.byPid), settingsLayout.by_pid);
  bytes.writeUInt8(Number(settings.comm !== null), settingsLayout.by_comm);
  bytes.writeUInt8(Number(settings.live), settingsLayout.live);
  bytes.write(settings.comm ?? '', settingsLayout.comm);
  return bytes;
}

/** Byte offsets of `struct counters`. */
export const countersLayout = { lost_ring: 0, lost_entry: 8, trees: 16 } as const;
export const countersBytes = 24;

export interface Counters {
  /** Records that found no room in the ring. */
  readonly lostRing: number;
  /** Calls in an open tree whose entry was not seen. */
  readonly lostEntry: number;
  /** Roots entered. */
  readonly trees: number;
}

export function decodeCounters(bytes: Buffer): Counters {
  const read = (offset: number) => Number(bytes.readBigUInt64LE(offset));
  return {
    lostRing: read(countersLayout.lost_ring),
    lostEntry: read(countersLayout.lost_entry),
    trees: read(countersLayout.trees),
  };
}

/** Bytes of `struct ring` before its data, and behind the data's end. */
export const ringHeadBytes = 128;
export const ringMarginBytes = 4096;
/** The largest ring. */
export const ringMaxBytes = 2 ** 28;
export const recordAlign = 8;
/** The longest record: a root's. */
export const longestRecordBytes = 72;

/** The array `traced` has a byte for each pid: 1 for a process whose calls are recorded. */
export const pidLimit = 2 ** 22;

/** Bit that marks a root in an attach cookie; the lower bits are the place in the plan. */
export const cookieRoot = 2 ** 31;
