/** What is sent over networks, from bytes in the order in which they are sent. */
import type { Value } from './read.js';

/** `127.0.0.1` */
export const readIp4 = (bytes: Uint8Array): Value => word(formatIp4(bytes));

/** `00:11:22:33:44:55` */
export const readMac = (bytes: Uint8Array): Value =>
  word(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':'));

/**
 * `2001:db8::1`, as RFC 5952 wants it: no leading zeros, `::` for the first of the longest runs of
 * two zero groups or more, and the last 32 bits of a mapped IPv4 address as one: `::ffff:10.0.0.1`.
 */
export function readIp6(bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: 8 }, (_, place) => view.getUint16(2 * place));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return word(`::ffff:${formatIp4(bytes.subarray(12, 16))}`);
  const { start, length } = longestZeros(groups);
  const spell = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (length < 2) return word(spell(0, 8));
  return word(`${spell(0, start)}::${spell(start + length, 8)}`);
}

/** An unsigned integer of up to 4 bytes. */
export function readSent(bytes: Uint8Array): Value {
  const low = bytes.reduce((number, byte) => number * 256 + byte, 0);
  const of = { kind: 'int', bytes: 4, signed: false, char: false } as const;
  return { type: 'scalar', of, low, high: 0, isZero: low === 0 };
}

/** Neither quoted nor a number. */
export const word = (text: string): Value => ({ type: 'word', text, isZero: false });

const formatIp4 = (bytes: Uint8Array): string => bytes.join('.');

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
