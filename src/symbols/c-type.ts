/** Types, declarations and prototypes spelt as C has them. */
import type { Btf } from './btf.js';
import { keptOf } from './kept.js';
import { spellInt } from './int-name.js';

/** A declaration in its two parts, `const struct file` and `*files[4]`. */
export interface Declaration {
  /** `const`, `volatile`, or ''. */
  readonly qualifiers: string;
  /** Id of the type that the name of stands first: of no pointer, array or prototype. */
  readonly base: number;
  /** `__user` and such, which are of the base, or ''. */
  readonly tags: string;
  /** What is declared, with what makes it a pointer, an array, a function: `*files[4]`. */
  readonly declarator: string;
}

/** More pieces are in no declaration: deeper ones come of malformed BTF, and end with `…`. */
const mostPieces = 32;

/** What it spells is kept: thousands of functions take and return the same few hundred types. */
const known = keptOf<number, string>();

/** `const char *`, `size_t`, `struct file *`, `int (*)(void *)`, `char [16]`; 0 is `void`. */
export function spellType(btf: Btf, id: number): string {
  const types = known(btf);
  const type = types.get(id) ?? spellDeclaration(btf, id, '');
  types.set(id, type);
  return type;
}

/** `const char *filename`, `int (*done)(void *)`, `char comm[16]`. */
export function spellDeclaration(btf: Btf, id: number, name: string): string {
  return spell(btf, id, name, mostPieces);
}

/** Of a FUNC or a FUNC_PROTO: `ssize_t vfs_read(struct file *file, char *buf)`. */
export function spellPrototype(btf: Btf, id: number, name: string): string {
  return spellDeclaration(btf, btf.kind(id) === 'func' ? btf.target(id) : id, name);
}

/** The parts of it, for those who spell the base in another way: an anonymous struct with its members. */
export function splitDeclaration(btf: Btf, id: number, name: string): Declaration {
  return split(btf, id, name, mostPieces);
}

function spell(btf: Btf, id: number, name: string, room: number): string {
  const { qualifiers, base, tags, declarator } = split(btf, id, name, room);
  return [qualifiers, spellName(btf, base), tags, declarator]
    .filter((word) => word !== '')
    .join(' ');
}

/**
 * From the name outwards, as BTF leads from a type to what it is of. Qualifiers come before what they
 * qualify: of a pointer they stand behind its star, of an array's elements and all else before the base.
 */
function split(btf: Btf, id: number, name: string, room: number): Declaration {
  let declarator = name;
  let type = id;
  let qualifiers: string[] = [];
  let tags: string[] = [];
  for (let piece = 0; piece < room; piece++) {
    const kind = btf.kind(type);
    switch (kind) {
      case 'ptr': {
        const behind = [...qualifiers, ...tags, declarator].filter((word) => word !== '');
        declarator = `*${behind.join(' ')}`;
        qualifiers = [];
        tags = [];
        type = btf.target(type);
        break;
      }
      case 'array': {
        const { element, length } = btf.array(type);
        declarator = `${inParentheses(declarator)}[${length === 0 ? '' : length}]`;
        type = element;
        break;
      }
      case 'func_proto':
        declarator = inParentheses(declarator) + spellParameters(btf, type, room - piece - 1);
        qualifiers = []; // `const` of a function is GNU C's, and says nothing of what it returns
        type = btf.returned(type);
        break;
      case 'const':
      case 'volatile':
      case 'restrict':
        qualifiers.push(kind);
        type = btf.target(type);
        break;
      case 'type_tag':
        tags.push(`__${btf.name(type)}`);
        type = btf.target(type);
        break;
      default:
        return {
          qualifiers: [...new Set(qualifiers)].join(' '),
          base: type,
          tags: tags.join(' '),
          declarator,
        };
    }
  }
  return { qualifiers: '…', base: 0, tags: '', declarator };
}

/** A star binds less than what stands behind the name. */
function inParentheses(declarator: string): string {
  return declarator.startsWith('*') ? `(${declarator})` : declarator;
}

function spellParameters(btf: Btf, id: number, room: number): string {
  const { parameters, variadic } = btf.prototype(id);
  const list = parameters.map(({ name, type }) => spell(btf, type, name, room));
  if (variadic) list.push('...');
  return `(${list.length === 0 ? 'void' : list.join(', ')})`;
}

/** `struct file`, `union {…}`, `size_t`, `unsigned long`. */
function spellName(btf: Btf, id: number): string {
  const name = btf.name(id);
  const keyword = keywordOf(btf, id);
  if (keyword !== '') return `${keyword} ${name === '' ? '{…}' : name}`;
  return btf.kind(id) === 'int' ? spellInt(name) : name;
}

/** `struct`, `union` or `enum`; '' for types that have none before their name. */
export function keywordOf(btf: Btf, id: number): 'struct' | 'union' | 'enum' | '' {
  const kind = btf.kind(id);
  switch (kind) {
    case 'struct':
    case 'union':
    case 'enum':
      return kind;
    case 'enum64':
      return 'enum';
    case 'fwd':
      return btf.forwardKind(id);
    default:
      return '';
  }
}
