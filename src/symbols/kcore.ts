/**
 * /proc/kcore: the running kernel's memory as an ELF core file. Program headers say which addresses
 * stand where in the file; notes say what the kernel tells of itself, VMCOREINFO among them.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';

/** Addresses that are in the file: `bytes` from `address` on stand at `offset`. */
interface Segment {
  readonly address: bigint;
  readonly bytes: bigint;
  readonly offset: bigint;
}

export interface CoreHeaders {
  /** PT_LOAD: memory, by ascending addresses. */
  readonly segments: readonly Segment[];
  /** PT_NOTE: where the notes stand, for parseNotes(). */
  readonly notes: readonly { readonly offset: number; readonly bytes: number }[];
}

export interface Note {
  /** `CORE`, `VMCOREINFO`. */
  readonly name: string;
  readonly type: number;
  readonly contents: Buffer;
}

export interface Kcore {
  /** @throws {Failure} when that memory is not in the file */
  read(address: bigint, bytes: number): Buffer;
  /** Contents of the note of that name, or null. */
  note(name: string): Buffer | null;
  close(): void;
  [Symbol.dispose](): void;
}

const runningKernel = '/proc/kcore';
const elfMagic = 0x464c457f;
const headerBytes = 64;
const programHeaderBytes = 56;
const loadType = 1;
const noteType = 4;

/**
 * Of the first bytes of an ELF64 core file, little endian: elf(5).
 * @throws {RangeError} when it is anything else, or its program headers are cut short
 */
export function parseCoreHeaders(head: Buffer): CoreHeaders {
  const { tableAt, entryBytes, count } = findTable(head);
  if (entryBytes < programHeaderBytes || tableAt + count * entryBytes > head.length)
    throw new RangeError('its program headers are cut short');
  const headers = Array.from({ length: count }, (_, place) => {
    const at = tableAt + place * entryBytes;
    return {
      type: head.readUInt32LE(at),
      offset: head.readBigUInt64LE(at + 8),
      address: head.readBigUInt64LE(at + 16),
      bytes: head.readBigUInt64LE(at + 32),
    };
  });
  return {
    segments: headers
      .filter(({ type }) => type === loadType)
      .map(({ address, bytes, offset }) => ({ address, bytes, offset }))
      .sort((a, b) => (a.address < b.address ? -1 : 1)),
    notes: headers
      .filter(({ type }) => type === noteType)
      .map(({ bytes, offset }) => ({ bytes: Number(bytes), offset: Number(offset) })),
  };
}

/** Where the program headers stand, by the header of the file. */
function findTable(head: Buffer): { tableAt: number; entryBytes: number; count: number } {
  if (head.length < headerBytes || head.readUInt32LE(0) !== elfMagic || head[4] !== 2)
    throw new RangeError('it is no ELF64 file');
  return {
    tableAt: Number(head.readBigUInt64LE(32)),
    entryBytes: head.readUInt16LE(54),
    count: head.readUInt16LE(56),
  };
}

/** Of the bytes of a PT_NOTE; one that is cut short ends them. */
export function parseNotes(bytes: Buffer): Note[] {
  const notes: Note[] = [];
  for (let at = 0; at + 12 <= bytes.length;) {
    const nameBytes = bytes.readUInt32LE(at);
    const contentsAt = at + 12 + align(nameBytes);
    const end = contentsAt + bytes.readUInt32LE(at + 4);
    if (end > bytes.length) break;
    const name = bytes.toString('latin1', at + 12, at + 12 + nameBytes).replace(/\0.*$/s, '');
    const type = bytes.readUInt32LE(at + 8);
    notes.push({ name, type, contents: bytes.subarray(contentsAt, end) });
    at = contentsAt + align(end - contentsAt);
  }
  return notes;
}

const align = (bytes: number) => (bytes + 3) & ~3;

/**
 * @param path of another core file, such as a recorded one
 * @throws {Failure} when this user may not read the kernel's memory, or the kernel does not offer it
 */
export function openKcore(path = runningKernel): Kcore {
  const file = open(path);
  const close = () => {
    closeSync(file);
  };
  try {
    const { tableAt, entryBytes, count } = findTable(readPart(file, 0, headerBytes));
    const { segments, notes } = parseCoreHeaders(readPart(file, 0, tableAt + count * entryBytes));
    return {
      read: (address, bytes) => readMemory(file, segments, address, bytes),
      note: (name) =>
        notes
          .flatMap(({ offset, bytes }) => parseNotes(readPart(file, offset, bytes)))
          .find((note) => note.name === name)?.contents ?? null,
      close,
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    throw error instanceof RangeError ? unreadable(error.message) : error;
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') throw unreadable('there is none');
    if (code === 'EPERM' || code === 'EACCES') throw unreadable(code);
    throw error;
  }
}

function readPart(file: number, offset: number, bytes: number): Buffer {
  const part = Buffer.alloc(bytes);
  return part.subarray(0, readSync(file, part, 0, bytes, offset));
}

function readMemory(
  file: number,
  segments: readonly Segment[],
  address: bigint,
  bytes: number,
): Buffer {
  const segment = findSegment(segments, address);
  if (segment === undefined || address + BigInt(bytes) > segment.address + segment.bytes)
    throw unreadable(`0x${address.toString(16)} is not in it`);
  const memory = Buffer.allocUnsafe(bytes);
  for (let done = 0; done < bytes;) {
    const position = segment.offset + (address - segment.address) + BigInt(done);
    const more = readSync(file, memory, done, bytes - done, position);
    if (more === 0) throw unreadable(`it ends before 0x${address.toString(16)}`);
    done += more;
  }
  return memory;
}

/** The last that begins at or before an address. */
function findSegment(segments: readonly Segment[], address: bigint): Segment | undefined {
  let start = 0;
  let end = segments.length;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((segments[middle]?.address ?? 0n) <= address) start = middle + 1;
    else end = middle;
  }
  return segments[start - 1];
}

function unreadable(why: string): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `${runningKernel} can't be read (${why}): it has the code in which fsnoop finds what the roots call.`,
    "Name the functions below instead: --fgraph-include 'vfs_*,security_*'",
    'Or run it as root, with CAP_SYS_RAWIO; on a kernel that is locked down, boot without lockdown',
  );
}
