/**
 * What the running kernel itself lets nobody trace, `btf_id_deny` of kernel/bpf/verifier.c: in memory
 *
 *	struct btf_id_set { u32 cnt; u32 ids[]; }    ids of BTF, ascending
 *
 * as the BTF_SET macros of include/linux/btf_ids.h (v7.3) make it; only a BTF_SET8 has a word of flags.
 */
import { Failure } from '../failure.js';
import { openKcore, type Kcore } from './kcore.js';

const symbol = ' btf_id_deny\n';
const idBytes = 4;
/** It has six in Linux 7.2: what has more than these is something else. */
const mostIds = 1024;

const none: ReadonlySet<number> = new Set();

/**
 * BTF ids of functions. None where the kernel's memory can't be read, as in a lockdown, or the kernel
 * hides its addresses: what it refuses is then found when it refuses.
 * @param kallsyms /proc/kallsyms
 */
export function loadKernelDenied(
  kallsyms: Buffer,
  open: () => Pick<Kcore, 'read' | 'close'> = openKcore,
): ReadonlySet<number> {
  const address = findAddress(kallsyms);
  if (address === 0n) return none;
  try {
    const kcore = open();
    try {
      const count = kcore.read(address, idBytes).readUInt32LE();
      return count > mostIds
        ? none
        : parseIds(kcore.read(address + BigInt(idBytes), count * idBytes));
    } finally {
      kcore.close();
    }
  } catch (error) {
    if (error instanceof Failure) return none;
    throw error;
  }
}

/** 0 where the kernel has no such symbol, or does not tell its address. */
function findAddress(kallsyms: Buffer): bigint {
  const at = kallsyms.indexOf(symbol);
  if (at < 0) return 0n;
  const line = kallsyms.toString('latin1', kallsyms.lastIndexOf('\n', at) + 1, at);
  return BigInt(`0x${line.split(' ', 1)[0] ?? ''}`);
}

/** Ids of functions that the kernel was built without are 0; what does not ascend is no such set. */
function parseIds(bytes: Buffer): ReadonlySet<number> {
  const ids = Array.from({ length: bytes.length / idBytes }, (_, place) =>
    bytes.readUInt32LE(place * idBytes),
  );
  const ascends = ids.every((id, place) => place === 0 || id >= (ids[place - 1] ?? 0));
  return ascends ? new Set(ids.filter((id) => id !== 0)) : none;
}
