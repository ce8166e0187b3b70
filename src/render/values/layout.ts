/**
 * Values as text, on one line where they are short, else over several:
 *
 *	{mnt=0xffff888003a4c000, dentry=NULL}
 *
 *	{
 *	  f_mode=6,
 *	  f_path={mnt=0xffff888003a4c000, dentry=0xffff888003a4c0c0},
 *	  d_iname="hostname",
 *	  f_lock={0},
 *	  fsids=[1, 2, 0 × 62]
 *	}
 */
import type { Addresses } from '../../symbols/addresses.js';
import { quote } from '../quote.js';
import type { Value } from './read.js';
import { formatScalar } from './scalar.js';

const width = 80;
const step = '  ';
/** Fewer zeros of an array are each shown. */
const fewestZeros = 4;
const bytesPerLine = 8;

export function layOutValue(value: Value, addresses: Addresses): string {
  return layOut(value, addresses, '', 0);
}

/** @param used columns of the line that are taken before it */
function layOut(value: Value, addresses: Addresses, indent: string, used: number): string {
  const line = printLine(value, addresses);
  if (used + line.length <= width) return line;
  const inner = indent + step;
  switch (value.type) {
    case 'struct': {
      const fields = value.fields.map(({ name, value: field }) =>
        isBlank(field)
          ? `${name}=${blank}`
          : `${name}=${layOut(field, addresses, inner, inner.length + name.length + 1)}`,
      );
      if (value.isCut) fields.push('…');
      return `{\n${inner}${fields.join(`,\n${inner}`)}\n${indent}}`;
    }
    case 'array': {
      const parts = partsOf(value, (one) => layOut(one, addresses, inner, inner.length));
      const lines = value.elements.some(hasParts) ? parts : fill(parts, width - inner.length);
      return `[\n${inner}${lines.join(`,\n${inner}`)}\n${indent}]`;
    }
    case 'bytes': {
      const parts = bytesOf(value);
      const lines = Array.from({ length: Math.ceil(parts.length / bytesPerLine) }, (_, place) =>
        parts.slice(place * bytesPerLine, (place + 1) * bytesPerLine).join(', '),
      );
      return `[\n${inner}${lines.join(`,\n${inner}`)}\n${indent}]`;
    }
    default:
      return line;
  }
}

function printLine(value: Value, addresses: Addresses): string {
  switch (value.type) {
    case 'scalar':
      return formatScalar(value.of, value.low, value.high, addresses);
    case 'string':
      return quote(value.bytes) + (value.isCut ? '…' : '');
    case 'word':
      return value.text;
    case 'bytes':
      return `[${bytesOf(value).join(', ')}]`;
    case 'array':
      return `[${partsOf(value, (one) => printPart(one, addresses)).join(', ')}]`;
    case 'struct': {
      const fields = value.fields.map(
        ({ name, value: field }) => `${name}=${printPart(field, addresses)}`,
      );
      if (value.isCut) fields.push('…');
      return `{${fields.join(', ')}}`;
    }
  }
}

/** A struct of zeros inside another value, as C initialises one. */
const blank = '{0}';
const isBlank = (value: Value) => value.type === 'struct' && value.isZero;

const printPart = (value: Value, addresses: Addresses): string =>
  isBlank(value) ? blank : printLine(value, addresses);

const hasParts = ({ type }: Value) => type === 'struct' || type === 'array';

/** The elements, where many zeros in a row are one: `0 × 62`. */
function partsOf(
  { elements, isCut }: Extract<Value, { type: 'array' }>,
  print: (value: Value) => string,
): string[] {
  const parts: string[] = [];
  for (let at = 0; at < elements.length;) {
    const element = elements[at];
    if (element === undefined) break;
    let end = at + 1;
    while (element.isZero && elements[end]?.isZero === true) end++;
    const zero = isBlank(element) ? blank : print(element);
    if (end - at >= fewestZeros) parts.push(`${zero} × ${end - at}`);
    else for (let one = at; one < end; one++) parts.push(zero);
    at = end;
  }
  if (isCut) parts.push('…');
  return parts;
}

function bytesOf({ bytes, isCut }: Extract<Value, { type: 'bytes' }>): string[] {
  const parts = Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
  if (isCut) parts.push('…');
  return parts;
}

/** As many on a line as fit. */
function fill(parts: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of parts) {
    if (line !== '' && line.length + part.length + 3 > columns) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? part : `, ${part}`;
  }
  lines.push(line);
  return lines;
}
