/** What a function took and returned, from 64-bit slots as registers have them and their types. */
import type { Addresses } from '../../symbols/addresses.js';
import type { Type } from '../../symbols/type.js';
import type { Call } from '../../tree/tree.js';
import { errnoName } from '../../symbols/errno.js';
import { nameEnum } from './enum.js';
import { formatMemory, formatMemoryJson } from './memory.js';
import { errnoOfPointer, formatScalar, formatScalarJson, maxErrno } from './scalar.js';
import { formatHex, narrow } from '../word.js';

/**
 * Names the error that a call returned, as errnoOf() does; of a call whose record was lost none is known.
 * @param functions by place in the plan
 */
export const makeErrnoOf =
  (functions: readonly { readonly returns: Type }[]) =>
  ({ function: place, retvalLow, retvalHigh }: Call): string | null => {
    const type = functions[place]?.returns;
    return type === undefined ? null : errnoOf(type, retvalLow, retvalHigh);
  };

/**
 * Name of the error that a returned value stands for: of a negative signed integer of 4 or 8 bytes,
 * an enum's that has no name of its own, or of a pointer as ERR_PTR() makes it. Null where it is
 * none.
 */
export function errnoOf(type: Type, low: number, high: number): string | null {
  const small = low | 0;
  if (small >= 0 || small < -maxErrno) return null;
  switch (type.kind) {
    case 'int':
    case 'enum':
      if (!type.signed || type.bytes < 4) return null;
      if (type.bytes === 8 && high !== 0xffffffff) return null;
      if (type.kind === 'enum' && nameEnum(type, low, high) !== null) return null;
      return errnoName(-small);
    case 'pointer':
      return errnoOfPointer(low, high);
    default:
      return null;
  }
}

/** Of a returned value: `131072`, `true`, `0xffff888003a4c000`, `-ENOENT`; '' for void. */
export function formatReturn(type: Type, low: number, high: number, addresses: Addresses): string {
  const errno = errnoOf(type, low, high);
  return errno === null ? formatWord(type, low, high, addresses) : `-${errno}`;
}

/** As ftrace writes it: errors decimal, all else hexadecimal; '' for void. */
export function formatReturnFtrace(type: Type, low: number, high: number): string {
  if (errnoOf(type, low, high) !== null) return `${low | 0}`;
  switch (type.kind) {
    case 'void':
      return '';
    case 'bool':
      return (low & 0xff) === 0 ? '0x0' : '0x1';
    case 'int':
    case 'enum':
      if (type.bytes !== 8) return formatHex(narrow(type.bytes, false, low), 0);
      return formatHex(low, high);
    default:
      return formatHex(low, high);
  }
}

/**
 * Of an argument, or of an expression: negative integers are numbers, only pointers have errors. A
 * struct is one of at most 8 bytes; one in two slots is what formatMemory() reads where they lie.
 */
export function formatWord(type: Type, low: number, high: number, addresses: Addresses): string {
  switch (type.kind) {
    case 'void':
      return '';
    case 'struct':
    case 'union':
    case 'array':
    case 'other':
      return formatMemory(type, 'value', asMemory(low, high), 0, 8, addresses);
    default:
      return formatScalar(type, low, high, addresses);
  }
}

/**
 * Of all three as JSON: errors are numbers; addresses, names, and integers that a double can't hold,
 * are strings; void is null.
 */
export function formatWordJson(type: Type, low: number, high: number): string {
  switch (type.kind) {
    case 'void':
      return 'null';
    case 'struct':
    case 'union':
    case 'array':
    case 'other':
      return formatMemoryJson(type, 'value', asMemory(low, high), 0, 8);
    default:
      return formatScalarJson(type, low, high);
  }
}

function asMemory(low: number, high: number): DataView {
  return new DataView(Uint32Array.of(low, high).buffer);
}
