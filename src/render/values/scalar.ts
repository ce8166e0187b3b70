/** Values of one word, from a register or from memory: numbers, letters, enums, pointers. */
import type { Addresses } from '../../symbols/addresses.js';
import type { Type } from '../../symbols/type.js';
import { errnoName } from '../../symbols/errno.js';
import { formatSymbol } from '../symbol.js';
import { nameEnum } from './enum.js';
import { formatHex, formatInt, formatIntJson, narrow } from '../word.js';

export type ScalarType = Extract<Type, { kind: 'bool' | 'int' | 'enum' | 'pointer' }>;

/** MAX_ERRNO of linux/err.h. */
export const maxErrno = 4095;

/** `131072`, `true`, `97 'a'`, `PIDTYPE_PID`, `0xffff888003a4c000`, `NULL`, `ext4_file_open`. */
export function formatScalar(
  type: ScalarType,
  low: number,
  high: number,
  addresses: Addresses,
): string {
  switch (type.kind) {
    case 'bool':
      return (low & 0xff) === 0 ? 'false' : 'true';
    case 'int':
      if (type.char) return formatChar(narrow(1, type.signed, low));
      return formatInt(type.bytes, type.signed, low, high);
    case 'enum':
      return nameEnum(type, low, high) ?? formatInt(type.bytes, type.signed, low, high);
    case 'pointer':
      return formatPointer(type.to, low, high, addresses);
  }
}

/** The same as JSON: addresses, names, and integers that a double can't hold, are strings. */
export function formatScalarJson(type: ScalarType, low: number, high: number): string {
  switch (type.kind) {
    case 'bool':
      return (low & 0xff) === 0 ? 'false' : 'true';
    case 'int':
      return formatIntJson(type.bytes, type.signed, low, high);
    case 'enum': {
      const name = nameEnum(type, low, high);
      return name === null ? formatIntJson(type.bytes, type.signed, low, high) : `"${name}"`;
    }
    case 'pointer':
      return `"${formatHex(low, high)}"`;
  }
}

/** Name of the error that a pointer stands for, as ERR_PTR() makes it; null where it is none. */
export function errnoOfPointer(low: number, high: number): string | null {
  if (high !== 0xffffffff) return null;
  const small = low | 0;
  return small < 0 && small >= -maxErrno ? errnoName(-small) : null;
}

function formatPointer(
  to: 'function' | 'char' | 'data',
  low: number,
  high: number,
  addresses: Addresses,
): string {
  if (low === 0 && high === 0) return 'NULL';
  const errno = errnoOfPointer(low, high);
  if (errno !== null) return `-${errno}`;
  const place = to === 'function' ? addresses.nameOf(low, high) : null;
  return place === null ? formatHex(low, high) : formatSymbol(place);
}

const letters: Readonly<Record<number, string>> = {
  9: '\\t',
  10: '\\n',
  13: '\\r',
  39: "\\'",
  92: '\\\\',
};

/** The number first: what is spelt `char` is often none. */
function formatChar(code: number): string {
  const letter = letters[code] ?? (code >= 32 && code < 127 ? String.fromCharCode(code) : null);
  return letter === null ? `${code}` : `${code} '${letter}'`;
}
