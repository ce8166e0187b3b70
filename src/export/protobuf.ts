/** Messages of Protocol Buffers, as far as traces need them: numbers, texts, messages inside messages. */

const varint = 0;
const bytesOfLength = 2;

/** A message that is written field by field. */
export class Message {
  #bytes = Buffer.alloc(256);
  #length = 0;

  /** What was written. Valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** @param value a whole number, 0 to 2^53 - 1, or of 64 bits */
  number(field: number, value: number | bigint): this {
    this.#tag(field, varint);
    if (typeof value === 'bigint') this.#long(value);
    else this.#varint(value);
    return this;
  }

  text(field: number, value: string): this {
    const length = Buffer.byteLength(value);
    this.#tag(field, bytesOfLength);
    this.#varint(length);
    this.#reserve(length);
    this.#length += this.#bytes.write(value, this.#length);
    return this;
  }

  message(field: number, { bytes }: Message): this {
    this.#tag(field, bytesOfLength);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  #tag(field: number, type: number): void {
    this.#varint(field * 8 + type);
  }

  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #long(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128n) {
      this.#bytes[this.#length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.alloc(2 * this.#bytes.length + bytes);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
