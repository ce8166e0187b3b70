/** Integers of a 64-bit word that is given as two unsigned halves, since doubles end at 2^53. */

const twoTo32 = 2 ** 32;

type Bytes = 1 | 2 | 4 | 8;

/** `-128`, `18446744073709551614`; of the lower bytes only, as the kernel doesn't clear the others. */
export function formatInt(bytes: Bytes, signed: boolean, low: number, high: number): string {
  return bytes === 8 ? formatWide(signed, low, high) : `${narrow(bytes, signed, low)}`;
}

/** The same as JSON: what a double can't hold is a string. */
export function formatIntJson(bytes: Bytes, signed: boolean, low: number, high: number): string {
  const number = formatInt(bytes, signed, low, high);
  return bytes === 8 && !isSafe(signed, high) ? `"${number}"` : number;
}

export function narrow(bytes: 1 | 2 | 4, signed: boolean, low: number): number {
  const shift = 32 - 8 * bytes;
  return signed ? (low << shift) >> shift : (low << shift) >>> shift;
}

function formatWide(signed: boolean, low: number, high: number): string {
  const upper = signed ? high | 0 : high;
  if (isSafe(signed, high)) return `${upper * twoTo32 + low}`;
  return `${BigInt(upper) * BigInt(twoTo32) + BigInt(low)}`;
}

/** Whether a double holds each integer with this upper half. */
function isSafe(signed: boolean, high: number): boolean {
  const upper = signed ? high | 0 : high;
  return upper >= -0x200000 && upper < 0x200000;
}

/** `0xffff888003a4c000`, `0x0`. */
export function formatHex(low: number, high: number): string {
  if (high === 0) return `0x${low.toString(16)}`;
  return `0x${high.toString(16)}${low.toString(16).padStart(8, '0')}`;
}
