/**
 * The frame of a recording: a preamble, and blocks that are each compressed and checked for themselves.
 *
 *	preamble   magic, u32 version, u32 CRC-32 of what is before it
 *	block      u32 type, u32 bytes as packed, u32 bytes, u32 CRC-32 of the packed, u32 CRC-32 of the head
 *	           up to here; then the packed bytes
 *
 * Blocks of types that are not known are skipped: new ones need no new version. What older versions of
 * fsnoop would misread does.
 */
import { brotliCompressSync, brotliDecompressSync, constants, crc32 } from 'node:zlib';

/** One beginning, then any number, then the end; without an end, fsnoop was ended before it wrote it. */
export const blockType = { opening: 1, places: 2, records: 3, ending: 4 } as const;

export interface Block {
  readonly type: number;
  /** The bytes of the file that it is in. */
  readonly at: number;
  readonly end: number;
  readonly bytes: Buffer;
}

/** Why no more can be read, and from which byte of the file on. */
export interface Damage {
  readonly at: number;
  readonly why:
    | 'not a recording'
    | 'newer version'
    | 'cut off'
    | 'checksum'
    /** What is in it makes no sense, though its checksum is right. */
    | 'contents'
    /** The recording is whole, and its file is not at its end. */
    | 'goes on';
}

const magic = Buffer.from('\u0089fsnoop\n', 'latin1');
const version = 1;
const preambleBytes = magic.length + 8;
const headBytes = 20;
/** A block has no more, packed or not: of thousands of functions with their types it is less. */
const mostBytes = 2 ** 28;
/** Of the qualities that take less time than packing does, the one that makes least of columns. */
const quality = 1;

/** By its first bytes, which may be all that there are of it. */
export const looksRecorded = (bytes: Uint8Array): boolean => bytes[0] === magic[0];

export function printPreamble(): Buffer {
  const bytes = Buffer.alloc(preambleBytes);
  magic.copy(bytes);
  bytes.writeUInt32LE(version, magic.length);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, magic.length + 4)), magic.length + 4);
  return bytes;
}

export function printBlock(type: number, bytes: Uint8Array): Buffer {
  const packed = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(type, 0);
  head.writeUInt32LE(packed.length, 4);
  head.writeUInt32LE(bytes.length, 8);
  head.writeUInt32LE(crc32(packed), 12);
  head.writeUInt32LE(crc32(head.subarray(0, 16)), 16);
  return Buffer.concat([head, packed]);
}

/**
 * The blocks of a file, up to its end or its first damage, which is told as the last.
 * @param chunks the file, in pieces of whatever size
 */
export async function* readBlocks(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Block | Damage, void> {
  const file = new Pieces(chunks);
  const preamble = await file.next(preambleBytes);
  const broken = checkPreamble(preamble);
  if (broken !== null) {
    yield { at: 0, why: broken };
    return;
  }
  for (let at = preambleBytes; ; at = file.at) {
    const head = await file.next(headBytes);
    if (head.length === 0) return;
    if (head.length < headBytes) {
      yield { at, why: 'cut off' };
      return;
    }
    const packedBytes = head.readUInt32LE(4);
    const unpackedBytes = head.readUInt32LE(8);
    const isWhole = head.readUInt32LE(16) === crc32(head.subarray(0, 16));
    if (!isWhole || Math.max(packedBytes, unpackedBytes) > mostBytes) {
      yield { at, why: 'checksum' };
      return;
    }
    const packed = await file.next(packedBytes);
    if (packed.length < packedBytes) {
      yield { at, why: 'cut off' };
      return;
    }
    const bytes =
      head.readUInt32LE(12) === crc32(packed) ? decompress(packed, unpackedBytes) : null;
    if (bytes === null) {
      yield { at, why: 'checksum' };
      return;
    }
    yield { type: head.readUInt32LE(0), at, end: file.at, bytes };
  }
}

function checkPreamble(preamble: Buffer): Damage['why'] | null {
  const start = preamble.subarray(0, magic.length);
  if (preamble.length === 0 || !magic.subarray(0, start.length).equals(start))
    return 'not a recording';
  if (preamble.length < preambleBytes) return 'cut off';
  const checked = preamble.subarray(0, magic.length + 4);
  if (preamble.readUInt32LE(magic.length + 4) !== crc32(checked)) return 'checksum';
  return preamble.readUInt32LE(magic.length) > version ? 'newer version' : null;
}

/** Null: it is not what was compressed. */
function decompress(packed: Buffer, length: number): Buffer | null {
  try {
    const bytes = brotliDecompressSync(packed, { maxOutputLength: Math.max(length, 1) });
    return bytes.length === length ? bytes : null;
  } catch {
    return null;
  }
}

/** Takes a file apart by other sizes than those of its chunks. */
class Pieces {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Byte of the file at which the next piece begins. */
  at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Fewer bytes where the file ends before. */
  async next(length: number): Promise<Buffer> {
    while (this.#keptBytes < length) {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      const { buffer, byteOffset, length: bytes } = next.value;
      this.#kept.push(Buffer.from(buffer, byteOffset, bytes));
      this.#keptBytes += bytes;
    }
    const all = this.#kept.length === 1 ? this.#kept[0] : Buffer.concat(this.#kept);
    const piece = all?.subarray(0, length) ?? Buffer.alloc(0);
    this.#kept = [all?.subarray(length) ?? Buffer.alloc(0)];
    this.#keptBytes -= piece.length;
    this.at += piece.length;
    return piece;
  }
}
