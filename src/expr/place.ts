/** Where the members of a struct are: bytes of memory, bits of registers. */
import type { Member } from '../symbols/btf.js';
import { isScalar, voidPointer } from './c-type.js';
import type { CType } from './c-type.js';
import { makeOffset } from './node.js';
import type { MemoryNode, RegisterNode } from './node.js';

/** Null for a bit field that no 8 bytes hold. */
export function placeInMemory(
  of: MemoryNode,
  ctype: CType,
  { bitOffset, bitSize }: Member,
): MemoryNode | null {
  const at = (byte: number) => makeOffset(of.address, BigInt(byte), voidPointer);
  if (bitSize === 0) return { kind: 'memory', ctype, address: at(bitOffset / 8), field: null };
  // aligned bytes, which the struct has; packed ones may need others
  for (const bytes of [1, 2, 4, 8] as const) {
    const first = Math.floor(bitOffset / (8 * bytes)) * bytes;
    const shift = bitOffset - 8 * first;
    if (shift + bitSize <= 8 * bytes)
      return { kind: 'memory', ctype, address: at(first), field: { bytes, shift, size: bitSize } };
  }
  const shift = bitOffset % 8;
  if (shift + bitSize > 64) return null;
  const field = { bytes: 8, shift, size: bitSize } as const;
  return { kind: 'memory', ctype, address: at(Math.floor(bitOffset / 8)), field };
}

/** Null for a member that no single register holds. */
export function placeInRegister(
  of: RegisterNode,
  ctype: CType,
  member: Member,
  bytes: number,
): RegisterNode | null {
  const bitOffset = of.bitOffset + member.bitOffset;
  const bits = member.bitSize === 0 ? null : member.bitSize;
  const size = bits ?? 8 * bytes;
  if (of.slot === 'retval' && bitOffset + size > 64) return null;
  if (isScalar(ctype) && (bitOffset % 64) + size > 64) return null;
  return { kind: 'register', ctype, slot: of.slot, bitOffset, bits };
}
