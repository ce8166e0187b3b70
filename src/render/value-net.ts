/** Addresses of networks, from bytes in the order in which they are sent. */

/** `127.0.0.1` */
export function formatIp4(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** `00:11:22:33:44:55` */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * `2001:db8::1`, as RFC 5952 wants it: no leading zeros, `::` for the first of the longest runs of
 * two zero groups or more, and the last 32 bits of a mapped IPv4 address as one: `::ffff:10.0.0.1`.
 */
export function formatIp6(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: 8 }, (_, place) => view.getUint16(2 * place));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${formatIp4(bytes.subarray(12, 16))}`;
  const { start, length } = longestZeros(groups);
  const spell = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (length < 2) return spell(0, 8);
  return `${spell(0, start)}::${spell(start + length, 8)}`;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
