/** Types of expressions: BTF's, and those that C makes of them: pointers to them, promoted ints. */
import type { Btf } from '../symbols/btf.js';
import { spellDeclaration } from '../symbols/c-type.js';
import { describeType } from '../symbols/type.js';
import type { Type } from '../symbols/type.js';

/** An int, a bool or an enum. */
export interface IntegerType {
  readonly kind: 'integer';
  readonly bytes: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  readonly bool: boolean;
  /** Its BTF id, typedefs and all, or null for one of C's own. */
  readonly id: number | null;
  /** Without qualifiers, as it was declared; '' for enums. */
  readonly name: string;
}

export interface PointerType {
  readonly kind: 'pointer';
  readonly id: number | null;
  /** A BTF id, or a type that may have none. */
  readonly to: number | CType;
}

export interface ArrayCType {
  readonly kind: 'array';
  readonly id: number | null;
  readonly element: number | CType;
  readonly length: number;
}

export interface StructCType {
  readonly kind: 'struct';
  readonly id: number;
  readonly bytes: number;
}

/** One that an expression names; those of BTF have an id. */
interface FunctionCType {
  readonly kind: 'function';
  readonly id: null;
  readonly returns: CType;
  /** As they were written. */
  readonly parameters: string;
}

export type ScalarType = IntegerType | PointerType;

export type CType =
  | ScalarType
  | ArrayCType
  /** A union too. */
  | StructCType
  /** A struct that is only declared. */
  | { readonly kind: 'incomplete' | 'function' | 'void'; readonly id: number }
  | FunctionCType
  /** Floats and 128-bit integers: nothing is computed with them. */
  | { readonly kind: 'other'; readonly id: number; readonly bytes: number };

const ofC = (name: string, bytes: 1 | 2 | 4 | 8, signed: boolean): IntegerType => ({
  kind: 'integer',
  bytes,
  signed,
  bool: false,
  id: null,
  name,
});

export const builtin = {
  bool: { ...ofC('bool', 1, false), bool: true },
  /** Linux is built with -funsigned-char. */
  char: ofC('char', 1, false),
  signedChar: ofC('signed char', 1, true),
  unsignedChar: ofC('unsigned char', 1, false),
  short: ofC('short', 2, true),
  unsignedShort: ofC('unsigned short', 2, false),
  int: ofC('int', 4, true),
  unsignedInt: ofC('unsigned int', 4, false),
  long: ofC('long', 8, true),
  unsignedLong: ofC('unsigned long', 8, false),
} as const satisfies Record<string, IntegerType>;

/** Void, as BTF numbers it. */
const voidId = 0;

export const pointerTo = (to: number | CType): PointerType => ({ kind: 'pointer', id: null, to });
export const voidPointer = pointerTo(voidId);

export function readType(btf: Btf, id: number): CType {
  const resolved = btf.resolve(id);
  switch (btf.kind(resolved)) {
    case 'void':
      return { kind: 'void', id };
    case 'int':
    case 'enum':
    case 'enum64': {
      const { bytes, signed, bool } = btf.int(resolved);
      if (bytes !== 1 && bytes !== 2 && bytes !== 4 && bytes !== 8)
        return { kind: 'other', id, bytes };
      const name = btf.kind(resolved) === 'int' ? btf.name(unqualified(btf, id)) : '';
      return { kind: 'integer', bytes, signed, bool, id, name };
    }
    case 'ptr':
      return { kind: 'pointer', id, to: btf.target(resolved) };
    case 'array':
      return { kind: 'array', id, ...btf.array(resolved) };
    case 'struct':
    case 'union':
      return { kind: 'struct', id, bytes: btf.size(resolved) };
    case 'fwd':
      return { kind: 'incomplete', id };
    case 'func':
    case 'func_proto':
      return { kind: 'function', id };
    default:
      return { kind: 'other', id, bytes: btf.size(resolved) };
  }
}

function unqualified(btf: Btf, id: number): number {
  let type = id;
  while (/^(?:const|volatile|restrict|type_tag)$/.test(btf.kind(type))) type = btf.target(type);
  return type;
}

const read = (btf: Btf, type: number | CType): CType =>
  typeof type === 'number' ? readType(btf, type) : type;

export const pointee = (btf: Btf, pointer: PointerType): CType => read(btf, pointer.to);
export const elementOf = (btf: Btf, array: ArrayCType): CType => read(btf, array.element);

/** As sizeof has it; 0 for what has none. */
export function sizeOf(btf: Btf, type: CType): number {
  switch (type.kind) {
    case 'integer':
    case 'struct':
    case 'other':
      return type.bytes;
    case 'pointer':
      return 8;
    case 'array':
      return type.length * sizeOf(btf, elementOf(btf, type));
    case 'void':
    case 'function':
    case 'incomplete':
      return 0;
  }
}

/** How far apart array elements are; void and functions count as bytes, as GNU C has it. */
export function strideOf(btf: Btf, type: CType): number {
  return type.kind === 'void' || type.kind === 'function' ? 1 : sizeOf(btf, type);
}

/** `char`, but neither `u8` nor `unsigned char`: those are bytes, as in `skb->data`. */
export const isText = (type: CType): boolean => type.kind === 'integer' && type.name === 'char';

/** `char *`; also `const unsigned char *`, as names of dentries are. */
export function pointsAtText(btf: Btf, type: CType): boolean {
  if (type.kind !== 'pointer') return false;
  const to = pointee(btf, type);
  if (isText(to)) return true;
  if (to.kind !== 'integer' || to.name !== 'unsigned char' || to.id === null) return false;
  return btf.kind(to.id) === 'const';
}

const widths = { 1: 8, 2: 16, 4: 32, 8: 64 } as const;

export const bitsOf = (type: ScalarType): 8 | 16 | 32 | 64 =>
  type.kind === 'pointer' ? 64 : widths[type.bytes];
export const isSigned = (type: ScalarType): boolean => type.kind === 'integer' && type.signed;
export const isScalar = (type: CType): type is ScalarType =>
  type.kind === 'integer' || type.kind === 'pointer';

/** Whether each value of one type is one of the other. */
export function holds(from: ScalarType, to: ScalarType): boolean {
  if (bitsOf(from) === bitsOf(to)) return isSigned(from) === isSigned(to);
  return bitsOf(from) < bitsOf(to) && (isSigned(to) || !isSigned(from));
}

/** The value of the type that the lower bits are. */
export function wrap(type: ScalarType, value: bigint): bigint {
  if (type.kind === 'integer' && type.bool) return value === 0n ? 0n : 1n;
  const bits = bitsOf(type);
  return isSigned(type) ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
}

/** `struct file *`, `u8 [4]`. */
export function spellCType(btf: Btf, type: CType, inner = ''): string {
  if (type.id !== null) return spellDeclaration(btf, type.id, inner);
  switch (type.kind) {
    case 'integer':
      return inner === '' ? type.name : `${type.name} ${inner}`;
    case 'array':
      return spellCType(btf, elementOf(btf, type), `${inner}[${type.length || ''}]`);
    case 'function':
      return spellCType(btf, type.returns, `${inner}(${type.parameters})`);
    case 'pointer': {
      const to = pointee(btf, type);
      const isBehind = to.kind === 'array' || to.kind === 'function';
      return spellCType(btf, to, isBehind ? `(*${inner})` : `*${inner}`);
    }
  }
}

/** The same type as values of it are shown. */
export function describeCType(btf: Btf, type: CType): Type {
  if (type.id !== null) return describeType(btf, type.id);
  switch (type.kind) {
    case 'integer': {
      const { bytes, signed, bool } = type;
      return bool
        ? { kind: 'bool' }
        : { kind: 'int', bytes, signed, char: type.name.endsWith('char') };
    }
    case 'array': {
      const element = elementOf(btf, type);
      return {
        kind: 'array',
        element: describeCType(btf, element),
        length: type.length,
        bytes: sizeOf(btf, type),
      };
    }
    case 'pointer': {
      const to = pointee(btf, type);
      if (to.kind === 'function') return { kind: 'pointer', to: 'function' };
      return {
        kind: 'pointer',
        to: to.kind === 'integer' && to.name.endsWith('char') ? 'char' : 'data',
      };
    }
    default:
      throw new Error(`${type.kind} without an id`);
  }
}
