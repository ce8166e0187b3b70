/** What names mean in one BTF: types, members, enumerators. */
import type { Btf, Kind, Member } from '../symbols/btf.js';
import { keptOf } from '../symbols/kept.js';
import { findNearest } from '../words/nearest.js';
import { builtin, pointerTo, readType } from './c-type.js';
import type { CType, IntegerType } from './c-type.js';
import type { TypeName } from './parse.js';

/** Ids by kind and name: a search through all of BTF takes milliseconds. */
const found = keptOf<string, number | undefined>();

function findFirst(btf: Btf, kind: Kind, name: string): number | undefined {
  const ids = found(btf);
  const key = `${kind} ${name}`;
  if (!ids.has(key)) ids.set(key, btf.find(kind, name)[0]);
  return ids.get(key);
}

/** Words in the order of the alphabet, `int` left out where another says as much. */
const builtins: Readonly<Record<string, IntegerType>> = {
  _Bool: builtin.bool,
  bool: builtin.bool,
  char: builtin.char,
  'char signed': builtin.signedChar,
  'char unsigned': builtin.unsignedChar,
  short: builtin.short,
  'short signed': builtin.short,
  'short unsigned': builtin.unsignedShort,
  '': builtin.int,
  signed: builtin.int,
  unsigned: builtin.unsignedInt,
  long: builtin.long,
  'long signed': builtin.long,
  'long unsigned': builtin.unsignedLong,
  'long long': builtin.long,
  'long long signed': builtin.long,
  'long long unsigned': builtin.unsignedLong,
};

/** Typedefs of the kernel that an expression may use whatever BTF has. */
const typedefs: Readonly<Record<string, IntegerType>> = {
  u8: builtin.unsignedChar,
  s8: builtin.signedChar,
  u16: builtin.unsignedShort,
  s16: builtin.short,
  u32: builtin.unsignedInt,
  s32: builtin.int,
  u64: builtin.unsignedLong,
  s64: builtin.long,
};

/** Null for a name that no type has. */
export function findType(btf: Btf, { tag, base, derivations }: TypeName): CType | null {
  let type = tag === null ? findPlain(btf, base) : findTagged(btf, tag, base);
  for (const derivation of derivations) {
    if (type === null) return null;
    switch (derivation.kind) {
      case 'pointer':
        type = pointerTo(type);
        break;
      case 'array':
        type = { kind: 'array', id: null, element: type, length: derivation.elements };
        break;
      case 'function':
        type = { kind: 'function', id: null, returns: type, parameters: derivation.parameters };
        break;
    }
  }
  return type;
}

export const isTypeName = (btf: Btf, name: string): boolean => findPlain(btf, name) !== null;

function findPlain(btf: Btf, name: string): CType | null {
  if (name === 'void') return readType(btf, 0);
  const typedef = findFirst(btf, 'typedef', name);
  if (typedef !== undefined) return readType(btf, typedef);
  const words = name.split(' ');
  const rest = words.filter((word) => word !== 'int').sort();
  const builtinType = rest.length > 0 || words.length === 1 ? own(builtins, rest.join(' ')) : null;
  if (builtinType !== null) return builtinType;
  const int = findFirst(btf, 'int', name);
  if (int !== undefined) return readType(btf, int);
  const usual = own(typedefs, name);
  return usual === null ? null : { ...usual, name };
}

const own = (table: Readonly<Record<string, IntegerType>>, key: string): IntegerType | null =>
  Object.hasOwn(table, key) ? (table[key] ?? null) : null;

function findTagged(btf: Btf, tag: 'struct' | 'union' | 'enum', name: string): CType | null {
  const kinds: readonly Kind[] = tag === 'enum' ? ['enum', 'enum64'] : [tag, 'fwd'];
  for (const kind of kinds) {
    const id = findFirst(btf, kind, name);
    if (id !== undefined) return readType(btf, id);
  }
  return null;
}

/** Types that a misspelt name may have meant: `struct sk_buff`. */
export function nearestTypes(btf: Btf, name: string): string[] {
  const spelt = new Map<string, string>();
  for (let id = 1; id < btf.count; id++) {
    const kind = btf.kind(id);
    const other = btf.name(id);
    if (other === '' || Math.abs(other.length - name.length) > 12) continue;
    switch (kind) {
      case 'struct':
      case 'union':
      case 'enum':
        spelt.set(other, `${kind} ${other}`);
        break;
      case 'enum64':
        spelt.set(other, `enum ${other}`);
        break;
      case 'typedef':
        if (!spelt.has(other)) spelt.set(other, other);
        break;
      default:
    }
  }
  return findNearest([...spelt.keys()], name, 3).map((near) => spelt.get(near) ?? near);
}

/** Looks into anonymous structs and unions too; offsets are from the struct with this id. */
export function findMember(btf: Btf, id: number, name: string): Member | null {
  for (const member of btf.members(btf.resolve(id))) {
    if (member.name === name) return member;
    const inner = anonymousId(btf, member);
    const nested = inner === null ? null : findMember(btf, inner, name);
    if (nested !== null) return { ...nested, bitOffset: nested.bitOffset + member.bitOffset };
  }
  return null;
}

export function memberNames(btf: Btf, id: number): string[] {
  return btf.members(btf.resolve(id)).flatMap((member) => {
    const inner = anonymousId(btf, member);
    return inner === null ? [member.name] : memberNames(btf, inner);
  });
}

function anonymousId(btf: Btf, member: Member): number | null {
  if (member.name !== '') return null;
  const kind = btf.kind(btf.resolve(member.type));
  return kind === 'struct' || kind === 'union' ? btf.resolve(member.type) : null;
}
