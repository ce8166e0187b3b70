/**
 * What the running kernel itself lets nobody trace, `btf_id_deny` of kernel/bpf/verifier.c: in memory
 *
 *	struct btf_id_set { u32 cnt; u32 ids[]; }    ids of BTF, ascending
 *
 * as the BTF_SET macros of include/linux/btf_ids.h (v7.3) make it; only a BTF_SET8 has a word of flags.
 */
import { Failure } from '../failure.js';
import type { Kcore } from './kcore.js';

export const denySymbol = 'btf_id_deny';
const idBytes = 4;
/** It has six in Linux 7.2: what has more than these is something else. */
const mostIds = 1024;

const none: ReadonlySet<number> = new Set();

/**
 * BTF ids of functions. None where the kernel's memory can't be read, as in a lockdown: what it refuses
 * is then found when it refuses.
 * @param address of the set
 */
export function readKernelDenied(address: bigint, kcore: Pick<Kcore, 'read'>): ReadonlySet<number> {
  try {
    const count = kcore.read(address, idBytes).readUInt32LE();
    return count > mostIds
      ? none
      : parseIds(kcore.read(address + BigInt(idBytes), count * idBytes));
  } catch (error) {
    if (error instanceof Failure) return none;
    throw error;
  }
}

/** Ids of functions that the kernel was built without are 0; what does not ascend is no such set. */
function parseIds(bytes: Buffer): ReadonlySet<number> {
  const ids = Array.from({ length: bytes.length / idBytes }, (_, place) =>
    bytes.readUInt32LE(place * idBytes),
  );
  const ascends = ids.every((id, place) => place === 0 || id >= (ids[place - 1] ?? 0));
  return ascends ? new Set(ids.filter((id) => id !== 0)) : none;
}
