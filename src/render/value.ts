/** What a function returned, from the raw 64-bit slot and the function's type. */
import type { ValueType } from '../symbols/function.js';
import { errnoName } from './errno.js';

const maxErrno = 4095;
const twoTo32 = 2 ** 32;

/**
 * Name of the error that a value stands for: of a negative signed integer of 4 or 8 bytes, or of
 * a pointer as ERR_PTR() makes it. Null where it is none.
 */
export function errnoOf(type: ValueType, low: number, high: number): string | null {
  const small = low | 0;
  if (small >= 0 || small < -maxErrno) return null;
  if (type.kind === 'int') {
    if (!type.signed || type.bytes < 4) return null;
    if (type.bytes === 8 && high !== 0xffffffff) return null;
    return errnoName(-small);
  }
  return type.kind === 'pointer' && high === 0xffffffff ? errnoName(-small) : null;
}

/** `131072`, `true`, `0xffff888003a4c000`, `-ENOENT`; '' for void. */
export function formatValue(type: ValueType, low: number, high: number): string {
  const errno = errnoOf(type, low, high);
  return errno === null ? formatPlain(type, low, high) : `-${errno}`;
}

/** The same as JSON: addresses, and integers that a double can't hold, are strings. */
export function formatValueJson(type: ValueType, low: number, high: number): string {
  if (type.kind === 'void') return 'null';
  const plain = formatPlain(type, low, high);
  if (type.kind === 'pointer') return `"${plain}"`;
  const wide = type.kind === 'int' && type.bytes === 8 && !isSafe(type.signed, high);
  return wide ? `"${plain}"` : plain;
}

/** As ftrace writes it: errors decimal, all else hexadecimal; '' for void. */
export function formatValueFtrace(type: ValueType, low: number, high: number): string {
  if (type.kind === 'void') return '';
  if (errnoOf(type, low, high) !== null) return `${low | 0}`;
  if (type.kind === 'bool') return (low & 0xff) === 0 ? '0x0' : '0x1';
  if (type.kind === 'pointer' || type.bytes === 8) return formatHex(low, high);
  return formatHex(type.bytes === 4 ? low : low & (type.bytes === 2 ? 0xffff : 0xff), 0);
}

function formatPlain(type: ValueType, low: number, high: number): string {
  switch (type.kind) {
    case 'void':
      return '';
    case 'bool':
      return (low & 0xff) === 0 ? 'false' : 'true';
    case 'pointer':
      return formatHex(low, high);
    case 'int':
      return type.bytes === 8
        ? formatWide(type.signed, low, high)
        : `${narrow(type.bytes, type.signed, low)}`;
  }
}

/** The kernel doesn't clear the upper bits of a small integer. */
function narrow(bytes: 1 | 2 | 4, signed: boolean, low: number): number {
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

function formatHex(low: number, high: number): string {
  if (high === 0) return `0x${low.toString(16)}`;
  return `0x${high.toString(16)}${low.toString(16).padStart(8, '0')}`;
}
