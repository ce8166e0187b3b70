/** A column of numbers as bytes: small ones take one, so that what was foretold well takes little. */

/** Larger numbers, of either sign, are not written exactly. */
export const largestNumber = 2 ** 52;

const firstBytes = 1 << 12;
/** A number of 53 bits in groups of seven. */
const mostBytes = 8;

export class Column {
  #bytes = new Uint8Array(firstBytes);
  #length = 0;

  /** What was written; valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** A whole number from 0 up. */
  add(number: number): void {
    if (this.#length + mostBytes > this.#bytes.length) this.#grow(mostBytes);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = number;
    while (rest >= 2 ** 31) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  /** A whole number of either sign: 0, -1, 1, -2, … */
  addSigned(number: number): void {
    this.add(number < 0 ? -2 * number - 1 : 2 * number);
  }

  addBytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #grow(least: number): void {
    const bytes = new Uint8Array(2 * this.#bytes.length + least);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

/** The mirror of Column. */
export class ColumnReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @throws {RangeError} behind its end */
  next(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] ?? 128;
    if (byte < 128) return byte;
    let number = byte & 127;
    for (let scale = 128; ; scale *= 128) {
      if (this.#at >= bytes.length) throw new RangeError('a column ends too early');
      byte = bytes[this.#at++] ?? 0;
      if (byte < 128) return number + byte * scale;
      number += (byte & 127) * scale;
    }
  }

  /** @throws {RangeError} behind its end */
  nextSigned(): number {
    const number = this.next();
    return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
  }

  /** @throws {RangeError} behind its end */
  nextBytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('a column ends too early');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}
