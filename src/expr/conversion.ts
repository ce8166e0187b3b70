/** C's conversions: what type an operand has in an operation, and a constant of its own. */
import { bitsOf, builtin, isScalar, wrap } from './c-type.js';
import type { IntegerType, PointerType, ScalarType } from './c-type.js';
import { makeConvert } from './node.js';
import type { Node, Word } from './node.js';
import type { Syntax } from './parse.js';

export const isWord = (node: Node): node is Word => isScalar(node.ctype);

export const isPointer = (word: Word): word is Word & { readonly ctype: PointerType } =>
  word.ctype.kind === 'pointer';

export const isNull = (word: Word) => word.kind === 'constant' && word.value === 0n;

/** The same word, as a pointer to something else. */
export function asPointer(word: Word, ctype: PointerType): Word & { readonly ctype: PointerType } {
  const pointer = makeConvert(word, ctype);
  if (!isPointer(pointer)) throw new Error('converted to a pointer, and none');
  return pointer;
}

/** Whether a value is one of the type's. */
const fits = (value: bigint, type: IntegerType): boolean => wrap(type, value) === value;

/** Of an enum's constant. */
export const constantType = (value: bigint): IntegerType =>
  [builtin.int, builtin.unsignedInt, builtin.long].find((type) => fits(value, type)) ??
  builtin.unsignedLong;

/** C11 6.4.4.1: the first that it fits in; those not decimal may be unsigned without saying so. */
export function literalType({
  value,
  isDecimal,
  isUnsigned,
  isLong,
}: Extract<Syntax, { readonly type: 'integer' }>): IntegerType {
  const types = [builtin.int, builtin.unsignedInt, builtin.long, builtin.unsignedLong].filter(
    (type) =>
      (!isLong || type.bytes === 8) &&
      (!isUnsigned || !type.signed) &&
      (isUnsigned || type.signed || !isDecimal),
  );
  return types.find((type) => fits(value, type)) ?? builtin.unsignedLong;
}

/** C11 6.3.1.1: what is narrower than an int becomes one, bit fields too. */
export function promote(word: Word): Word & { readonly ctype: IntegerType } {
  const { ctype } = word;
  if (ctype.kind !== 'integer') throw new Error('a pointer is not promoted');
  const bits = fieldBits(word) ?? bitsOf(ctype);
  const isNarrow = bits < 32 || (bits === 32 && ctype.signed);
  const to = isNarrow
    ? builtin.int
    : bits === 32
      ? builtin.unsignedInt
      : ctype.signed
        ? builtin.long
        : builtin.unsignedLong;
  const promoted = makeConvert(word, to);
  return promoted as Word & { readonly ctype: IntegerType };
}

function fieldBits(word: Word): number | null {
  if (word.kind === 'memory') return word.field?.size ?? null;
  return word.kind === 'register' ? word.bits : null;
}

/** C11 6.3.1.8, of promoted types. */
export function commonType(left: ScalarType, right: ScalarType): IntegerType {
  const bits = Math.max(bitsOf(left), bitsOf(right));
  const isUnsigned = [left, right].some(
    (type) => bitsOf(type) === bits && type.kind === 'integer' && !type.signed,
  );
  if (bits === 64) return isUnsigned ? builtin.unsignedLong : builtin.long;
  return isUnsigned ? builtin.unsignedInt : builtin.int;
}
