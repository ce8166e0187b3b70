/** A checked expression: each node has its C type, constants are folded, offsets added up. */
import type { taskField } from './ops.js';
import { bitsOf, builtin, wrap } from './c-type.js';
import type { CType, ScalarType } from './c-type.js';

interface Bits {
  readonly shift: number;
  readonly size: number;
}

export type BinaryOperation =
  'add' | 'sub' | 'mul' | 'div' | 'mod' | 'and' | 'or' | 'xor' | 'shl' | 'shr' | Comparison;

export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** In a register: an argument's slot, or what the function returned. */
export interface RegisterNode {
  readonly kind: 'register';
  readonly ctype: CType;
  readonly slot: number | 'retval';
  /** Into the struct that the registers hold; 0 for all else. */
  readonly bitOffset: number;
  /** Null for what is no bit field. */
  readonly bits: number | null;
}

/** In memory, at an address; its ctype may be one that is no word. */
export interface MemoryNode {
  readonly kind: 'memory';
  readonly ctype: CType;
  readonly address: Word;
  /** Of a bit field: the bytes to load, and where in them. */
  readonly field: (Bits & { readonly bytes: 1 | 2 | 4 | 8 }) | null;
}

/** A word that is computed. */
export type Computed = { readonly ctype: ScalarType } & (
  | { readonly kind: 'constant'; readonly value: bigint }
  | { readonly kind: 'task'; readonly field: keyof typeof taskField }
  | { readonly kind: 'neg' | 'not' | 'isZero'; readonly operand: Word }
  | { readonly kind: 'convert'; readonly operand: Word }
  | { readonly kind: 'offset'; readonly operand: Word; readonly by: bigint }
  | { readonly kind: 'swap'; readonly operand: Word; readonly bytes: 2 | 4 | 8 }
  | {
      readonly kind: 'binary';
      readonly operation: BinaryOperation;
      readonly left: Word;
      readonly right: Word;
    }
  | {
      readonly kind: 'logical';
      readonly operation: 'and' | 'or';
      readonly left: Word;
      readonly right: Word;
    }
  | {
      readonly kind: 'conditional';
      readonly condition: Word;
      readonly yes: Word;
      readonly no: Word;
    }
);

/** Anything that has a place or a value. */
export type Node = RegisterNode | MemoryNode | Computed;

/** A node that fits in a word. */
export type Word =
  | (RegisterNode & { readonly ctype: ScalarType })
  | (MemoryNode & { readonly ctype: ScalarType })
  | Computed;

export const makeConstant = (ctype: ScalarType, value: bigint): Word => ({
  kind: 'constant',
  ctype,
  value: wrap(ctype, value),
});

/** Conversions of words by C's rules; those to the same type vanish. */
export function makeConvert(operand: Word, ctype: ScalarType): Word {
  if (operand.kind === 'constant') return makeConstant(ctype, operand.value);
  if (operand.ctype === ctype) return operand;
  return { kind: 'convert', ctype, operand };
}

export function makeOffset(operand: Word, by: bigint, ctype: ScalarType = operand.ctype): Word {
  if (operand.kind === 'constant') return makeConstant(ctype, operand.value + by);
  if (operand.kind === 'offset' && bitsOf(operand.ctype) === bitsOf(ctype))
    return makeOffset(operand.operand, operand.by + by, ctype);
  if (by === 0n) return makeConvert(operand, ctype);
  return { kind: 'offset', ctype, operand, by };
}

export function makeUnary(kind: 'neg' | 'not' | 'isZero', operand: Word): Word {
  const ctype = kind === 'isZero' ? builtin.int : operand.ctype;
  if (operand.kind !== 'constant') return { kind, ctype, operand };
  const { value } = operand;
  return makeConstant(
    ctype,
    kind === 'neg' ? -value : kind === 'not' ? ~value : toWord(value === 0n),
  );
}

/** Its bytes in reverse order: all that the type has, of at least two. */
export function makeSwap(operand: Word, ctype: ScalarType): Word {
  const bytes = bitsOf(ctype) / 8;
  if (bytes !== 2 && bytes !== 4 && bytes !== 8) throw new Error(`${bytes} bytes have no order`);
  if (operand.kind !== 'constant') return { kind: 'swap', ctype, operand, bytes };
  const digits = BigInt.asUintN(8 * bytes, operand.value)
    .toString(16)
    .padStart(2 * bytes, '0');
  return makeConstant(ctype, BigInt(`0x${(digits.match(/../g) ?? []).reverse().join('')}`));
}

/** Of operands that have the type they are computed in; a shift's right one has its own. */
export function makeBinary(
  operation: BinaryOperation,
  left: Word,
  right: Word,
  ctype: ScalarType,
): Word {
  if (left.kind === 'constant' && right.kind === 'constant') {
    const value = compute(operation, left.value, right.value);
    if (value !== null) return makeConstant(ctype, value);
  }
  if (operation === 'add' && right.kind === 'constant') return makeOffset(left, right.value, ctype);
  if (operation === 'add' && left.kind === 'constant') return makeOffset(right, left.value, ctype);
  if (operation === 'sub' && right.kind === 'constant')
    return makeOffset(left, -right.value, ctype);
  if (operation === 'mul' && right.kind === 'constant' && right.value === 1n) return left;
  return { kind: 'binary', operation, ctype, left, right };
}

/** C's operators on values of the operands' types; null for a division by zero. */
export function compute(operation: BinaryOperation, left: bigint, right: bigint): bigint | null {
  switch (operation) {
    case 'add':
      return left + right;
    case 'sub':
      return left - right;
    case 'mul':
      return left * right;
    case 'div':
      return right === 0n ? null : left / right;
    case 'mod':
      return right === 0n ? null : left % right;
    case 'and':
      return left & right;
    case 'or':
      return left | right;
    case 'xor':
      return left ^ right;
    case 'shl':
      return left << BigInt.asUintN(6, right);
    case 'shr':
      return left >> BigInt.asUintN(6, right);
    case 'eq':
      return toWord(left === right);
    case 'ne':
      return toWord(left !== right);
    case 'lt':
      return toWord(left < right);
    case 'le':
      return toWord(left <= right);
    case 'gt':
      return toWord(left > right);
    case 'ge':
      return toWord(left >= right);
  }
}

const toWord = (truth: boolean) => (truth ? 1n : 0n);

export function makeLogical(operation: 'and' | 'or', left: Word, right: Word): Word {
  if (left.kind === 'constant') {
    const isDecided = (left.value === 0n) === (operation === 'and');
    return isDecided ? makeConstant(builtin.int, operation === 'and' ? 0n : 1n) : makeTruth(right);
  }
  return { kind: 'logical', operation, ctype: builtin.int, left, right };
}

/** 1 or 0. */
function makeTruth(word: Word): Word {
  if (isTruth(word)) return word;
  return makeBinary('ne', word, makeConstant(word.ctype, 0n), builtin.int);
}

/** Whether a word is 1 or 0 whatever it is computed of. */
function isTruth(word: Word): boolean {
  switch (word.kind) {
    case 'isZero':
    case 'logical':
      return true;
    case 'binary':
      return isComparison(word.operation);
    default:
      return false;
  }
}

export const isComparison = (operation: BinaryOperation): operation is Comparison =>
  /^(?:eq|ne|lt|le|gt|ge)$/.test(operation);

export function makeConditional(condition: Word, yes: Word, no: Word, ctype: ScalarType): Word {
  if (condition.kind === 'constant') return condition.value === 0n ? no : yes;
  return { kind: 'conditional', ctype, condition, yes, no };
}
