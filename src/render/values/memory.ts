/** Values of memory that the kernel side captured, as text and as JSON. */
import type { Display } from '../../expr/display.js';
import type { Addresses } from '../../symbols/addresses.js';
import type { Type } from '../../symbols/type.js';
import { printJson } from '../print-json.js';
import { layOutValue } from './layout.js';
import { readValue, type NamedValue, type Value } from './read.js';
import { formatScalarJson } from './scalar.js';

/**
 * Of the `length` bytes captured at `at`. Where it takes several lines, they are indented as if the
 * first one began in column 0: the caller puts its own indentation behind each newline. What was
 * cut off is `…`.
 */
export function formatMemory(
  type: Type,
  display: Display,
  bytes: DataView,
  at: number,
  length: number,
  addresses: Addresses,
): string {
  const value = readValue(type, display, bytes, at, length);
  if (value === null) return type.kind === 'void' ? '' : '…';
  return layOutValue(display === 'nonZero' ? outline(value) : value, addresses);
}

/** The same as JSON: objects, arrays, strings. What was cut off is absent. */
export function formatMemoryJson(
  type: Type,
  display: Display,
  bytes: DataView,
  at: number,
  length: number,
): string {
  const value = readValue(type, display, bytes, at, length);
  if (value === null) return 'null';
  return toJson(display === 'nonZero' ? leaveOutZeros(value) : value);
}

/** The fields that are not zero; what is in them is not told. */
function outline(value: Value): Value {
  if (value.type !== 'struct') return value;
  const { fields, ...rest } = leaveOutZeros(value);
  return {
    ...rest,
    fields: fields.map(({ name, value: field }) => ({ name, value: close(field) })),
  };
}

function leaveOutZeros<V extends Value>(value: V): V {
  if (value.type !== 'struct') return value;
  return { ...value, fields: value.fields.filter(({ value: field }) => !field.isZero) };
}

function close(value: Value): Value {
  if (value.type === 'struct') return { type: 'word', text: '{…}', isZero: false };
  if (value.type === 'array') return { type: 'word', text: '[…]', isZero: false };
  return value;
}

function toJson(value: Value): string {
  switch (value.type) {
    case 'scalar':
      return formatScalarJson(value.of, value.low, value.high);
    case 'string':
      return printJson(decoder.decode(value.bytes));
    case 'bytes':
      return `[${value.bytes.join(',')}]`;
    case 'word':
      return `"${value.text}"`;
    case 'array':
      return `[${value.elements.map(toJson).join(',')}]`;
    case 'struct':
      return `{${value.fields.map(fieldToJson).join(',')}}`;
  }
}

/** What is no UTF-8 becomes U+FFFD. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

const fieldToJson = ({ name, value }: NamedValue): string => `"${name}":${toJson(value)}`;
