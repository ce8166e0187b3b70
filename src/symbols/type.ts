/** Types as values of them are shown: plain data, which needs no BTF any more. */
import type { Btf, Member } from './btf.js';
import { keptOf } from './kept.js';

/** An integer as a register or memory has it. */
export interface IntType {
  readonly kind: 'int';
  readonly bytes: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  /** Spelt `char`, of either sign: a letter. A `u8` is a number. */
  readonly char: boolean;
}

export interface EnumType {
  readonly kind: 'enum';
  readonly bytes: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  /** Names by value; of several with one value the first. */
  readonly names: ReadonlyMap<bigint, string>;
}

export interface StructType {
  readonly kind: 'struct' | 'union';
  /** '' for an anonymous one. */
  readonly name: string;
  readonly bytes: number;
  readonly fields: readonly Field[];
}

interface ArrayType {
  readonly kind: 'array';
  readonly element: Type;
  /** 0 for one that ends a struct, of which the length is not known. */
  readonly length: number;
  readonly bytes: number;
}

export type Type =
  | { readonly kind: 'void' }
  | { readonly kind: 'bool' }
  | IntType
  | EnumType
  | { readonly kind: 'pointer'; readonly to: 'function' | 'char' | 'data' }
  | StructType
  | ArrayType
  /** Shown as bytes: floats, 128-bit integers. */
  | { readonly kind: 'other'; readonly bytes: number };

export interface Field {
  /** '' for an anonymous struct or union, whose fields count as this one's. */
  readonly name: string;
  readonly type: Type;
  readonly bitOffset: number;
  /** 0 for all but bit fields. */
  readonly bitSize: number;
}

const known = keptOf<number, Type>();

/**
 * Of the type with this id; 0 is void. The fields of structs are read when they are asked for. It is
 * described once: some enums have hundreds of names, and are what many functions take or return.
 */
export function describeType(btf: Btf, id: number): Type {
  const types = known(btf);
  const type = types.get(id) ?? describe(btf, id);
  types.set(id, type);
  return type;
}

function describe(btf: Btf, id: number): Type {
  const resolved = btf.resolve(id);
  switch (btf.kind(resolved)) {
    case 'void':
      return { kind: 'void' };
    case 'int': {
      const { bytes, signed, bool } = btf.int(resolved);
      if (!isWidth(bytes)) return { kind: 'other', bytes };
      if (bool) return { kind: 'bool' };
      return { kind: 'int', bytes, signed, char: isChar(btf, id) };
    }
    case 'enum':
    case 'enum64': {
      const { bytes, signed } = btf.int(resolved);
      if (!isWidth(bytes)) return { kind: 'other', bytes };
      return { kind: 'enum', bytes, signed, names: namesByValue(btf, resolved) };
    }
    case 'ptr':
      return { kind: 'pointer', to: describeTarget(btf, btf.target(resolved)) };
    case 'array': {
      const { element, length } = btf.array(resolved);
      return {
        kind: 'array',
        element: describeType(btf, element),
        length,
        bytes: btf.size(resolved),
      };
    }
    case 'struct':
    case 'union':
      return new Struct(btf, resolved);
    default:
      return { kind: 'other', bytes: btf.size(resolved) };
  }
}

class Struct implements StructType {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly bytes: number;
  readonly #btf: Btf;
  readonly #id: number;
  #fields: readonly Field[] | undefined;

  constructor(btf: Btf, id: number) {
    this.kind = btf.kind(id) === 'struct' ? 'struct' : 'union';
    this.name = btf.name(id);
    this.bytes = btf.size(id);
    this.#btf = btf;
    this.#id = id;
  }

  get fields(): readonly Field[] {
    this.#fields ??= withoutTwins(
      this.#btf.members(this.#id).map((member: Member) => ({
        ...member,
        type: describeType(this.#btf, member.type),
      })),
    );
    return this.#fields;
  }
}

/**
 * struct_group() of Linux declares members twice, in an anonymous struct and in one with a name. What
 * people know them by has no name before it: those in the named one are left out.
 */
function withoutTwins(fields: readonly Field[]): readonly Field[] {
  const anonymous = fields.filter(({ name }) => name === '');
  return fields.filter(
    (field) => field.name === '' || !anonymous.some((other) => isTwin(field, other)),
  );
}

function isTwin(left: Field, right: Field): boolean {
  if (left.bitOffset !== right.bitOffset) return false;
  if (left.type.kind !== 'struct' || right.type.kind !== 'struct') return false;
  const others = right.type.fields;
  return (
    left.type.bytes === right.type.bytes &&
    left.type.fields.length === others.length &&
    left.type.fields.every(
      ({ name, bitOffset }, at) => name === others[at]?.name && bitOffset === others[at].bitOffset,
    )
  );
}

function describeTarget(btf: Btf, id: number): 'function' | 'char' | 'data' {
  if (btf.kind(btf.resolve(id)) === 'func_proto') return 'function';
  return isChar(btf, id) ? 'char' : 'data';
}

/** Whether a type is spelt so: behind a typedef, as `u8` is one, a char is there to count with. */
function isChar(btf: Btf, id: number): boolean {
  let spelt = id;
  // ends: the chain was resolved before
  while (modifiers.has(btf.kind(spelt))) spelt = btf.target(spelt);
  return btf.kind(spelt) === 'int' && /^(?:(?:un)?signed )?char$/.test(btf.name(spelt));
}

const modifiers: ReadonlySet<string> = new Set(['const', 'volatile', 'restrict', 'type_tag']);

const isWidth = (bytes: number): bytes is 1 | 2 | 4 | 8 => [1, 2, 4, 8].includes(bytes);

function namesByValue(btf: Btf, id: number): ReadonlyMap<bigint, string> {
  const names = new Map<bigint, string>();
  for (const { name, value } of btf.enumerators(id)) if (!names.has(value)) names.set(value, name);
  return names;
}
