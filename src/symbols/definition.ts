/** What a type is, as plain data: a struct with its members, an enum with its values, a prototype. */
import type { Btf, Enumerator } from './btf.js';
import {
  keywordOf,
  spellDeclaration,
  spellPrototype,
  spellType,
  splitDeclaration,
} from './c-type.js';

export interface Composite {
  readonly kind: 'struct' | 'union';
  /** '' for an anonymous one. */
  readonly name: string;
  readonly bytes: number;
  /** Where it begins in the outermost struct. */
  readonly bitOffset: number;
  readonly members: readonly MemberDefinition[];
}

interface Enumeration {
  readonly kind: 'enum';
  readonly name: string;
  readonly bytes: number;
  readonly values: readonly Enumerator[];
}

/** What stands between braces. */
export type Body = Composite | Enumeration;

/** A name with its type; `body` is what is defined in place, as an anonymous struct. */
export interface Defined {
  readonly name: string;
  /** `struct path`, `union {…}`. */
  readonly type: string;
  /** `struct path f_path`. */
  readonly declaration: string;
  /** Around the body: `const` before its keyword, `*files[4]` behind its brace. */
  readonly qualifiers: string;
  readonly declarator: string;
  readonly body: Body | null;
}

export interface MemberDefinition extends Defined {
  /** From the start of the outermost struct; behind a pointer, from where that points. */
  readonly bitOffset: number;
  readonly bits: number;
  readonly isBitField: boolean;
}

interface Typedef extends Defined {
  readonly kind: 'typedef';
  readonly bytes: number;
  /** The type below all typedefs: `unsigned long`. */
  readonly resolved: string;
}

interface FunctionDefinition {
  readonly kind: 'function';
  readonly name: string;
  /** `ssize_t vfs_read(struct file *file)`. */
  readonly prototype: string;
  readonly returns: string;
  readonly args: readonly { readonly name: string; readonly type: string }[];
  readonly variadic: boolean;
}

/** All that the kernel tells of it is its name, or its size. */
interface Plain {
  readonly kind: 'declared' | 'int' | 'float';
  /** `struct hidden`, `unsigned long`. */
  readonly name: string;
  /** 0 where it is only declared. */
  readonly bytes: number;
}

export type Definition = Body | Typedef | FunctionDefinition | Plain;

/** Where a definition stands. */
interface Place {
  /** From the start of the outermost struct. */
  readonly bitOffset: number;
  /** Ids of the structs around it: one that is in itself comes of malformed BTF, and has no members there. */
  readonly within: readonly number[];
}

const outermost: Place = { bitOffset: 0, within: [] };

/** Of a type that has a name, or of a FUNC. */
export function describeDefinition(btf: Btf, id: number): Definition {
  const kind = btf.kind(id);
  const name = btf.name(id);
  const bytes = btf.size(id);
  switch (kind) {
    case 'typedef': {
      const target = btf.target(id);
      const resolved = spellType(btf, btf.resolve(id));
      return { kind, bytes, resolved, ...describeDefined(btf, target, name, outermost) };
    }
    case 'func': {
      const { returns, parameters, variadic } = btf.prototype(id);
      return {
        kind: 'function',
        name,
        prototype: spellPrototype(btf, id, name),
        returns: spellType(btf, returns),
        args: parameters.map((parameter) => ({
          name: parameter.name,
          type: spellType(btf, parameter.type),
        })),
        variadic,
      };
    }
    case 'int':
    case 'float':
      return { kind, name: spellType(btf, id), bytes };
    default:
      return (
        describeBody(btf, id, outermost) ?? { kind: 'declared', name: spellType(btf, id), bytes }
      );
  }
}

function describeDefined(btf: Btf, id: number, name: string, place: Place): Defined {
  const { qualifiers, base, tags, declarator } = splitDeclaration(btf, id, name);
  const isAnonymous = keywordOf(btf, base) !== '' && btf.name(base) === '';
  const isInPlace = isAnonymous && !place.within.includes(base);
  const isPointer = /^[*(]/.test(declarator);
  return {
    name,
    type: spellType(btf, id),
    declaration: spellDeclaration(btf, id, name),
    qualifiers,
    declarator: [tags, declarator].filter((word) => word !== '').join(' '),
    body: isInPlace
      ? describeBody(btf, base, isPointer ? { ...place, bitOffset: 0 } : place)
      : null,
  };
}

/** Null for what has no braces. */
function describeBody(btf: Btf, id: number, place: Place): Body | null {
  const kind = btf.kind(id);
  const common = { name: btf.name(id), bytes: btf.size(id) };
  switch (kind) {
    case 'struct':
    case 'union':
      return {
        kind,
        ...common,
        bitOffset: place.bitOffset,
        members: btf.members(id).map((member) => {
          const bitOffset = place.bitOffset + member.bitOffset;
          const within = [...place.within, id];
          return {
            ...describeDefined(btf, member.type, member.name, { bitOffset, within }),
            bitOffset,
            bits: member.bitSize || 8 * btf.size(member.type),
            isBitField: member.bitSize !== 0,
          };
        }),
      };
    case 'enum':
    case 'enum64':
      return { kind: 'enum', ...common, values: btf.enumerators(id) };
    default:
      return null;
  }
}
