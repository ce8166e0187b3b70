/** Types as plain JSON, each once, and back: with them values are shown without the kernel's BTF. */
import type { Field, Type } from '../symbols/type.js';

/** A type is its number: its place in the list, behind those that it is made of. */
type TypeNumber = number;

type PackedField = readonly [name: string, type: TypeNumber, bitOffset: number, bitSize: number];

export type PackedType =
  | Exclude<Type, { kind: 'enum' | 'struct' | 'union' | 'array' }>
  | {
      readonly kind: 'enum';
      readonly bytes: 1 | 2 | 4 | 8;
      readonly signed: boolean;
      /** Values are decimal. */
      readonly names: readonly (readonly [value: string, name: string])[];
    }
  | {
      readonly kind: 'struct' | 'union';
      readonly name: string;
      readonly bytes: number;
      readonly fields: readonly PackedField[];
    }
  | {
      readonly kind: 'array';
      readonly element: TypeNumber;
      readonly length: number;
      readonly bytes: number;
    };

export class TypePacker {
  readonly types: PackedType[] = [];
  readonly #known = new Map<Type, TypeNumber>();
  /** Those of several BTFs may be alike. */
  readonly #alike = new Map<string, TypeNumber>();

  numberOf(type: Type): TypeNumber {
    const known = this.#known.get(type);
    if (known !== undefined) return known;
    const packed = this.#pack(type);
    const text = JSON.stringify(packed);
    const number = this.#alike.get(text) ?? this.types.push(packed) - 1;
    this.#alike.set(text, number);
    this.#known.set(type, number);
    return number;
  }

  #pack(type: Type): PackedType {
    switch (type.kind) {
      case 'enum': {
        const { kind, bytes, signed, names } = type;
        const list = Array.from(names, ([value, name]) => [`${value}`, name] as const);
        return { kind, bytes, signed, names: list };
      }
      case 'struct':
      case 'union': {
        const { kind, name, bytes } = type;
        const fields = type.fields.map(
          (field) =>
            [field.name, this.numberOf(field.type), field.bitOffset, field.bitSize] as const,
        );
        return { kind, name, bytes, fields };
      }
      case 'array':
        return { ...type, element: this.numberOf(type.element) };
      default:
        return type;
    }
  }
}

/** @throws {RangeError} when one is made of what is not before it */
export function unpackTypes(packed: readonly PackedType[]): readonly Type[] {
  const types: Type[] = [];
  for (const type of packed) types.push(unpackType(type, types));
  return types;
}

function unpackType(packed: PackedType, types: readonly Type[]): Type {
  switch (packed.kind) {
    case 'enum': {
      const names = new Map(packed.names.map(([value, name]) => [BigInt(value), name]));
      return { ...packed, names };
    }
    case 'struct':
    case 'union': {
      const fields = packed.fields.map(([name, type, bitOffset, bitSize]): Field => {
        return { name, type: typeAt(types, type), bitOffset, bitSize };
      });
      return { ...packed, fields };
    }
    case 'array':
      return { ...packed, element: typeAt(types, packed.element) };
    default:
      return packed;
  }
}

/** @throws {RangeError} when there is none */
export function typeAt(types: readonly Type[], number: TypeNumber): Type {
  const type = types[number];
  if (type === undefined) throw new RangeError(`there is no type ${number}`);
  return type;
}
