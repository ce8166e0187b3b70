/** Integers for programs, which may be larger than what a double holds. */

/** An integer that a double can't hold is a string. */
export function exactOrString(value: number | bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : `${BigInt(value)}`;
}
