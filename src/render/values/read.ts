/** Captured memory as plain values, which text and JSON are then printed of. */
import { layerOf } from '../../expr/display.js';
import type { Display } from '../../expr/display.js';
import type { Field, StructType, Type } from '../../symbols/type.js';
import { isText } from '../quote.js';
import type { ScalarType } from './scalar.js';
import { readIp4, readIp6, readMac, readSent, word } from './net.js';
import { readPacket } from './packet.js';

export type Value = { readonly isZero: boolean } & (
  | {
      readonly type: 'scalar';
      readonly of: ScalarType;
      readonly low: number;
      readonly high: number;
    }
  /** Up to its zero. */
  | { readonly type: 'string'; readonly bytes: Uint8Array; readonly isCut: boolean }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array; readonly isCut: boolean }
  | {
      readonly type: 'struct';
      /** Those of anonymous structs and unions are among them; flexible arrays are not. */
      readonly fields: readonly NamedValue[];
      readonly isCut: boolean;
    }
  | { readonly type: 'array'; readonly elements: readonly Value[]; readonly isCut: boolean }
  /** Neither quoted nor a number: an address. */
  | { readonly type: 'word'; readonly text: string }
);

export interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

/** From `at`, up to `end`: both in bytes of the view. */
interface Memory {
  readonly view: DataView;
  readonly end: number;
}

/** Null where fewer bytes were captured than a first part of it needs. */
export function readValue(
  type: Type,
  display: Display,
  view: DataView,
  at: number,
  length: number,
): Value | null {
  const memory: Memory = { view, end: at + length };
  switch (display) {
    case 'value':
    case 'nonZero':
      return readTyped(type, memory, at);
    case 'string': {
      const letters = bytesAt(memory, at, length);
      return readString(letters, !letters.includes(0));
    }
    case 'bytes':
      return readBytes(memory, at, length);
    case 'hex': {
      const digits = Array.from(bytesAt(memory, at, length), (byte) =>
        byte.toString(16).padStart(2, '0'),
      );
      return word(digits.join(''));
    }
    case 'ip4':
      return readRow(type, memory, at, 4, readIp4);
    case 'ip6':
      return readRow(type, memory, at, 16, readIp6);
    case 'mac':
      return readRow(type, memory, at, 6, readMac);
    case 'port':
      return readRow(type, memory, at, 2, readSent);
    default:
      return readPacket(layerOf(display), bytesAt(memory, at, length));
  }
}

/** Of so many bytes: one, or an array of as many as the type has room for. */
function readRow(
  type: Type,
  memory: Memory,
  at: number,
  bytes: number,
  read: (bytes: Uint8Array) => Value,
): Value | null {
  const row: Value[] = [];
  const wanted = Math.max(1, sizeOf(type) / bytes);
  while (row.length < wanted) {
    const sent = bytesAt(memory, at + row.length * bytes, bytes);
    if (sent.length < bytes) break;
    row.push(read(sent));
  }
  const [first = null] = row;
  if (wanted === 1) return first;
  return { type: 'array', elements: row, isCut: row.length < wanted, isZero: false };
}

/** Whether bytes are missing, from it or from what is in it. */
export function isCut(value: Value | null): boolean {
  switch (value?.type) {
    case undefined:
      return true;
    case 'scalar':
    case 'word':
      return false;
    case 'string':
    case 'bytes':
      return value.isCut;
    case 'array':
      return value.isCut || value.elements.some(isCut);
    case 'struct':
      return value.isCut || value.fields.some((field) => isCut(field.value));
  }
}

function readTyped(type: Type, memory: Memory, at: number): Value | null {
  switch (type.kind) {
    case 'void':
      return null;
    case 'bool':
      return readScalar(type, 1, memory, at);
    case 'int':
    case 'enum':
      return readScalar(type, type.bytes, memory, at);
    case 'pointer':
      return readScalar(type, 8, memory, at);
    case 'struct':
    case 'union':
      return readStruct(type, memory, at);
    case 'array':
      return readArray(type.element, type.length, memory, at);
    case 'other':
      return readBytes(memory, at, type.bytes);
  }
}

function readScalar(
  of: ScalarType,
  bytes: 1 | 2 | 4 | 8,
  { view, end }: Memory,
  at: number,
): Value | null {
  if (at + bytes > end) return null;
  let low: number;
  let high = 0;
  switch (bytes) {
    case 1:
      low = view.getUint8(at);
      break;
    case 2:
      low = view.getUint16(at, true);
      break;
    case 4:
      low = view.getUint32(at, true);
      break;
    case 8:
      low = view.getUint32(at, true);
      high = view.getUint32(at + 4, true);
      break;
  }
  return { type: 'scalar', of, low, high, isZero: low === 0 && high === 0 };
}

function readStruct(type: StructType, memory: Memory, at: number): Value | null {
  if (type.bytes > 0 && at >= memory.end) return null;
  const fields: NamedValue[] = [];
  const isCut = readFields(type, memory, at, fields);
  return { type: 'struct', fields, isCut, isZero: !isCut && fields.every(isZero) };
}

const isZero = ({ value }: NamedValue): boolean => value.isZero;

/** Whether some of them were not captured. */
function readFields(type: StructType, memory: Memory, at: number, into: NamedValue[]): boolean {
  let isCut = false;
  for (const field of type.fields) {
    const { name, type: ofField } = field;
    const place = at + (field.bitOffset >>> 3);
    if (name === '') {
      // of what has no name, anonymous structs and unions have fields, and the rest is padding
      const isNested = ofField.kind === 'struct' || ofField.kind === 'union';
      if (isNested && readFields(ofField, memory, place, into)) isCut = true;
      continue;
    }
    if (ofField.kind === 'array' && ofField.length === 0) continue;
    const value =
      field.bitSize > 0 ? readBits(field, memory, at) : readTyped(ofField, memory, place);
    if (value === null) isCut = true;
    else into.push({ name, value });
  }
  return isCut;
}

function readBits({ type, bitOffset, bitSize }: Field, memory: Memory, at: number): Value | null {
  if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'bool') return null;
  const first = at + (bitOffset >>> 3);
  const shift = bitOffset & 7;
  const end = first + ((shift + bitSize + 7) >> 3);
  if (end > memory.end) return null;
  let bits = 0n;
  for (let place = end - 1; place >= first; place--)
    bits = (bits << 8n) | BigInt(memory.view.getUint8(place));
  bits >>= BigInt(shift);
  const isSigned = type.kind !== 'bool' && type.signed;
  const value = isSigned ? BigInt.asIntN(bitSize, bits) : BigInt.asUintN(bitSize, bits);
  return {
    type: 'scalar',
    of: type,
    low: Number(BigInt.asUintN(32, value)),
    high: Number(BigInt.asUintN(32, value >> 32n)),
    isZero: value === 0n,
  };
}

function readArray(element: Type, length: number, memory: Memory, at: number): Value | null {
  const bytes = sizeOf(element);
  if (length > 0 && bytes > 0 && at >= memory.end) return null;
  if (element.kind === 'int' && element.char) {
    const letters = bytesAt(memory, at, length);
    // `unsigned char` is text in names, and numbers in addresses
    return element.signed || isTextOnly(letters)
      ? readString(letters, letters.length < length && !letters.includes(0))
      : readElements({ ...element, char: false }, bytes, length, memory, at);
  }
  return readElements(element, bytes, bytes === 0 ? 0 : length, memory, at);
}

function readElements(
  element: Type,
  bytes: number,
  length: number,
  memory: Memory,
  at: number,
): Value {
  const elements: Value[] = [];
  for (let place = 0; place < length; place++) {
    const value = readTyped(element, memory, at + place * bytes);
    if (value === null) break;
    elements.push(value);
  }
  const isCut = elements.length < length;
  return { type: 'array', elements, isCut, isZero: !isCut && elements.every((one) => one.isZero) };
}

function sizeOf(type: Type): number {
  switch (type.kind) {
    case 'void':
      return 0;
    case 'bool':
      return 1;
    case 'pointer':
      return 8;
    default:
      return type.bytes;
  }
}

function readString(bytes: Uint8Array, isCut: boolean): Value {
  const end = bytes.indexOf(0);
  const text = end < 0 ? bytes : bytes.subarray(0, end);
  return { type: 'string', bytes: text, isCut, isZero: end === 0 };
}

/** A string with nothing but zeros behind it. */
function isTextOnly(bytes: Uint8Array): boolean {
  const end = bytes.indexOf(0);
  if (end < 0) return isText(bytes);
  return isText(bytes.subarray(0, end)) && bytes.subarray(end).every((byte) => byte === 0);
}

function readBytes(memory: Memory, at: number, length: number): Value {
  const bytes = bytesAt(memory, at, length);
  const isCut = bytes.length < length;
  return { type: 'bytes', bytes, isCut, isZero: !isCut && bytes.every((byte) => byte === 0) };
}

function bytesAt({ view, end }: Memory, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, Math.min(length, Math.max(end - at, 0)));
}
