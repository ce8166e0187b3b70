/**
 * BTF, the kernel's own description of its types: Documentation/bpf/btf.rst, uapi/linux/btf.h.
 * One pass finds where each type begins; everything else is decoded when it is asked for.
 *
 *	header | types: {name, info, size or type} + what the kind adds | strings, each ends with 0
 *
 * That of a module is split: its ids and the offsets of its strings go on where those of vmlinux end.
 */
import { exitStatus, Failure } from '../failure.js';

/** By number; id 0 is void and not in the file. */
export const kinds = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const;

export type Kind = (typeof kinds)[number];

/** What a kind adds to the three words of a type: words once, words for each of its `vlen`. */
export const tails: Readonly<
  Partial<Record<Kind, { readonly once?: number; readonly each?: number }>>
> = {
  int: { once: 1 },
  array: { once: 3 },
  struct: { each: 3 },
  union: { each: 3 },
  enum: { each: 2 },
  func_proto: { each: 2 },
  var: { once: 1 },
  datasec: { each: 3 },
  decl_tag: { once: 1 },
  enum64: { each: 3 },
};

interface Parameter {
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
}

export interface Prototype {
  /** Id of the type returned, 0 for void. */
  readonly returns: number;
  readonly parameters: readonly Parameter[];
  readonly variadic: boolean;
}

/** Of a struct or a union. */
export interface Member {
  /** '' for an anonymous struct or union. */
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  readonly bitOffset: number;
  /** 0 for all but bit fields. */
  readonly bitSize: number;
}

export interface Enumerator {
  readonly name: string;
  readonly value: bigint;
}

export interface Named {
  readonly name: string;
  readonly id: number;
}

export interface Int {
  readonly bytes: number;
  readonly signed: boolean;
  readonly bool: boolean;
}

/** The addon's verbs. */
export interface BtfVerbs {
  /**
   * Where each type begins, by id from 1 on, and where the last one ends; in words.
   * @param once how many words a type has, by kind; 0: the walk ends in front of it
   * @param each how many more for each of its members
   */
  indexTypes(types: Uint32Array, once: Uint8Array, each: Uint8Array): Uint32Array;
  /**
   * The first of the types up to the last that are in the order of their names, by bytes: since Linux 7.0 all are.
   * @param begins as indexTypes() found them
   * @param strings a zero ends each, and the last
   */
  firstSorted(types: Uint32Array, begins: Uint32Array, strings: Uint8Array): number;
  /**
   * Two words of each type that has one of these names, by id: the place of the name, and the id.
   * It takes 40 instructions a type that is not in order, however many names there are.
   * @param names a zero ends each: one string crosses into the addon sooner than many
   * @param firstSorted as firstSorted() found it
   */
  findNamed(
    types: Uint32Array,
    begins: Uint32Array,
    strings: Uint8Array,
    names: string,
    firstSorted: number,
  ): Uint32Array;
}

const magic = 0xeb9f;
const headerBytes = 24;
export const typeWords = 3;
const pointerBytes = 8;
/** MAX_RESOLVE_DEPTH of kernel/bpf/btf.c: no chain of typedefs and modifiers is longer. */
const longestChain = 32;

const functionKind: ReadonlySet<Kind> = new Set(['func']);

/** By kind, as indexTypes() takes them. */
const wordsOnce = Uint8Array.from(kinds, (kind) =>
  kind === 'void' ? 0 : typeWords + (tails[kind]?.once ?? 0),
);
const wordsEach = Uint8Array.from(kinds, (kind) => tails[kind]?.each ?? 0);

/** Every method throws {Failure} on an id that isn't there and on types that contradict themselves. */
export class Btf {
  /** Ids run from 1 to one less. */
  readonly count: number;
  readonly #verbs: BtfVerbs;
  /** Of a module's: that of vmlinux. */
  readonly #base: Btf | null;
  /** Its ids and its strings come before our own, which are counted from 1 and from 0. */
  readonly #idsBefore: number;
  readonly #stringsBefore: number;
  readonly #words: Uint32Array;
  /** Of each own type, in words, and behind the last. */
  readonly #offsets: Uint32Array;
  readonly #bytes: Buffer;
  /** Found when a name is looked for. */
  #firstSorted: number | undefined;
  /** The bytes, where patterns are looked for. */
  #text: string | undefined;
  /** By their offsets: types and functions have many names alike, as `sk`. */
  readonly #strings = new Map<number, string>();

  /**
   * @param base that of vmlinux, for one of a module
   * @throws {Failure} when the bytes are no BTF of this machine's byte order, or cut short.
   */
  constructor(bytes: Uint8Array, verbs: BtfVerbs, base: Btf | null = null) {
    const { typesAt, typesBytes, stringsAt, stringsEnd } = sectionsOf(bytes);
    this.#verbs = verbs;
    this.#base = base;
    this.#idsBefore = base === null ? 0 : base.count - 1;
    this.#stringsBefore = base?.stringBytes ?? 0;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset + stringsAt, stringsEnd - stringsAt);
    // an array of words must be aligned, as a file that was read is
    const start = bytes.byteOffset + typesAt;
    this.#words =
      start % 4 === 0
        ? new Uint32Array(bytes.buffer, start, typesBytes / 4)
        : new Uint32Array(bytes.buffer.slice(start, start + typesBytes));
    this.#offsets = verbs.indexTypes(this.#words, wordsOnce, wordsEach);
    const own = this.#offsets.length - 1;
    this.count = this.#idsBefore + own;
    checkEnd(this.#words, own, this.#offsets.at(-1) ?? 0);
  }

  /** Where ids of the base end. */
  get firstOwnId(): number {
    return this.#idsBefore + 1;
  }

  /** Bytes of all strings, those of the base too. */
  get stringBytes(): number {
    return this.#stringsBefore + this.#bytes.length;
  }

  kind(id: number): Kind {
    const kind = id === 0 ? 'void' : kinds[(this.#info(id) >>> 24) & 0x7f];
    if (kind === undefined) throw malformed(`type ${id} is of an unknown kind`);
    return kind;
  }

  /** '' for what has none. */
  name(id: number): string {
    return id === 0 ? 'void' : this.#string(this.#word(id, 0));
  }

  /** Ids of the types of a kind that have this name. */
  find(kind: Kind, name: string): number[] {
    const before = this.#base?.find(kind, name) ?? [];
    return [...before, ...this.#findNamed(kind, [name]).map(({ id }) => id)];
  }

  /** The FUNCs that have one of these names; of a module its own. */
  functionsNamed(names: readonly string[]): Named[] {
    return this.#findNamed('func', names);
  }

  /**
   * The FUNCs whose whole name a pattern matches; of a module its own.
   * @param names source of a RegExp
   */
  findFunctions(names: string): Named[] {
    return this.#findOwn(functionKind, names);
  }

  /**
   * Types of some kinds whose whole name a pattern matches, in the order of their ids.
   * @param names source of a RegExp
   */
  findTypes(kinds: ReadonlySet<Kind>, names: string): Named[] {
    return [...(this.#base?.findTypes(kinds, names) ?? []), ...this.#findOwn(kinds, names)];
  }

  #findOwn(kinds: ReadonlySet<Kind>, names: string): Named[] {
    if (this.#base === null) return this.#list(kinds, this.#nameByStrings(names));
    const whole = new RegExp(`^(?:${names})$`);
    return this.#list(
      kinds,
      this.#nameByName((name) => whole.test(name)),
    );
  }

  /** The own types of some kinds that get a name. */
  #list(kinds: ReadonlySet<Kind>, nameOf: (id: number) => string | undefined): Named[] {
    const found: Named[] = [];
    for (let id = this.#idsBefore + 1; id < this.count; id++) {
      if (!kinds.has(this.kind(id))) continue;
      const name = nameOf(id);
      if (name !== undefined) found.push({ name, id });
    }
    return found;
  }

  /** Matching strings are looked for once, in all of them. */
  #nameByStrings(names: string): (id: number) => string | undefined {
    const wanted = this.#findStrings(names);
    return (id) => wanted.get(this.#word(id, 0));
  }

  /** The types of a module are few, and many of their names are among the strings of vmlinux. */
  #nameByName(isWanted: (name: string) => boolean): (id: number) => string | undefined {
    return (id) => {
      const name = this.name(id);
      return isWanted(name) ? name : undefined;
    };
  }

  /** The id below typedefs, modifiers and tags. */
  resolve(id: number): number {
    let resolved = id;
    for (let step = 0; step < longestChain; step++) {
      switch (this.kind(resolved)) {
        case 'typedef':
        case 'volatile':
        case 'const':
        case 'restrict':
        case 'type_tag':
          resolved = this.#word(resolved, 2);
          break;
        default:
          return resolved;
      }
    }
    throw malformed(`type ${id} leads nowhere`);
  }

  /** Bytes of a value; 0 for what has none, as void, functions and types only declared. */
  size(id: number): number {
    let elements = 1;
    let element = id;
    for (let step = 0; step < longestChain; step++) {
      element = this.resolve(element);
      switch (this.kind(element)) {
        case 'ptr':
          return elements * pointerBytes;
        case 'array':
          elements *= this.#word(element, typeWords + 2);
          element = this.#word(element, typeWords);
          break;
        case 'int':
        case 'struct':
        case 'union':
        case 'enum':
        case 'enum64':
        case 'float':
        case 'datasec':
          return elements * this.#word(element, 2);
        default:
          return 0;
      }
    }
    throw malformed(`type ${id} has no end`);
  }

  /** What the type is that a FWD declares and nothing defines. */
  forwardKind(id: number): 'struct' | 'union' {
    if (this.kind(id) !== 'fwd') throw malformed(`type ${id} is no forward declaration`);
    return this.#info(id) >>> 31 === 1 ? 'union' : 'struct';
  }

  /** How an int or an enum is to be read. */
  int(id: number): Int {
    const bytes = this.#word(id, 2);
    switch (this.kind(id)) {
      case 'int': {
        const encoding = this.#word(id, typeWords) >>> 24;
        return { bytes, signed: (encoding & 1) !== 0, bool: (encoding & 4) !== 0 };
      }
      case 'enum':
      case 'enum64':
        return { bytes, signed: this.#info(id) >>> 31 === 1, bool: false };
      default:
        throw malformed(`type ${id} is no integer`);
    }
  }

  /** What a pointer points at, what a typedef, a modifier or a tag is of, a FUNC's prototype. */
  target(id: number): number {
    switch (this.kind(id)) {
      case 'ptr':
      case 'typedef':
      case 'volatile':
      case 'const':
      case 'restrict':
      case 'type_tag':
      case 'func':
        return this.#word(id, 2);
      default:
        throw malformed(`type ${id} leads to no other`);
    }
  }

  /** Of an array: the id of its elements' type, and how many there are. */
  array(id: number): { readonly element: number; readonly length: number } {
    if (this.kind(id) !== 'array') throw malformed(`type ${id} is no array`);
    return { element: this.#word(id, typeWords), length: this.#word(id, typeWords + 2) };
  }

  /** Of a struct or a union, in the order of its declaration. */
  members(id: number): Member[] {
    const kind = this.kind(id);
    if (kind !== 'struct' && kind !== 'union') throw malformed(`type ${id} has no members`);
    const hasBitSizes = this.#info(id) >>> 31 === 1;
    return Array.from({ length: this.#length(id) }, (_, place) => {
      const at = typeWords + 3 * place;
      const offset = this.#word(id, at + 2);
      return {
        name: this.#string(this.#word(id, at)),
        type: this.#word(id, at + 1),
        bitOffset: hasBitSizes ? offset & 0xffffff : offset,
        bitSize: hasBitSizes ? offset >>> 24 : 0,
      };
    });
  }

  /** Of an enum, in the order of its declaration. */
  enumerators(id: number): Enumerator[] {
    const kind = this.kind(id);
    if (kind !== 'enum' && kind !== 'enum64') throw malformed(`type ${id} is no enum`);
    return Array.from({ length: this.#length(id) }, (_, place) => ({
      name: this.#string(this.#word(id, typeWords + (kind === 'enum' ? 2 : 3) * place)),
      value: this.#enumeratorValue(id, place),
    }));
  }

  /** What a FUNC or a FUNC_PROTO returns, 0 for void. */
  returned(id: number): number {
    return this.#word(this.#protoOf(id), 2);
  }

  /** Ids of the types of its parameters; the last is 0 where dots end them. */
  parameterTypes(id: number): number[] {
    const proto = this.#protoOf(id);
    return Array.from({ length: this.#length(proto) }, (_, place) =>
      this.#word(proto, typeWords + 2 * place + 1),
    );
  }

  /** Of a FUNC, or of a FUNC_PROTO. A variadic function's dots are no parameter. */
  prototype(id: number): Prototype {
    const proto = this.#protoOf(id);
    const all: Parameter[] = [];
    for (let place = 0; place < this.#length(proto); place++) {
      const at = typeWords + 2 * place;
      all.push({
        name: this.#string(this.#word(proto, at)),
        type: this.#word(proto, at + 1),
      });
    }
    const variadic = all.at(-1)?.type === 0;
    return {
      returns: this.#word(proto, 2),
      parameters: variadic ? all.slice(0, -1) : all,
      variadic,
    };
  }

  /** The value of the first enumerator of this name, `BPF_TRACE_FSESSION_MULTI` = 61. */
  enumerator(name: string): bigint | undefined {
    if (this.#base !== null) return this.#base.enumerator(name) ?? this.#ownEnumerator(name);
    for (const at of this.#spelt(name)) {
      const id = this.#idOf(at);
      const kind = this.kind(id);
      if (kind !== 'enum' && kind !== 'enum64') continue;
      const behind = at - (this.#offsets[id] ?? 0) - typeWords;
      const step = kind === 'enum' ? 2 : 3;
      if (behind >= 0 && behind % step === 0) return this.#enumeratorValue(id, behind / step);
    }
    return undefined;
  }

  /** Of a module. */
  #ownEnumerator(name: string): bigint | undefined {
    for (let id = this.#idsBefore + 1; id < this.count; id++) {
      const kind = this.kind(id);
      const all = kind === 'enum' || kind === 'enum64' ? this.enumerators(id) : [];
      const found = all.find((one) => one.name === name);
      if (found !== undefined) return found.value;
    }
    return undefined;
  }

  /** By their offsets: names are looked for in the strings as they are stored, one behind the other. */
  #findStrings(names: string): Map<number, string> {
    const found = new Map<number, string>();
    const text = (this.#text ??= this.#bytes.toString('latin1'));
    const strings = new RegExp(`\\0(${names})(?=\\0)`, 'g');
    for (let at = strings.exec(text); at !== null; at = strings.exec(text))
      found.set(at.index + 1, at[1] ?? '');
    return found;
  }

  #protoOf(id: number): number {
    const proto = this.kind(id) === 'func' ? this.#word(id, 2) : id;
    if (this.kind(proto) === 'func_proto') return proto;
    throw malformed(`type ${id} is no function with a prototype`);
  }

  /** Of the own types. */
  #findNamed(kind: Kind, names: readonly string[]): Named[] {
    if (this.#base !== null) {
      const wanted = new Set(names);
      return this.#list(
        new Set([kind]),
        this.#nameByName((name) => wanted.has(name)),
      );
    }
    const own = [this.#words, this.#offsets, this.#bytes] as const;
    this.#firstSorted ??= this.#verbs.firstSorted(...own);
    const joined = names.map((name) => `${name}\0`).join('');
    const pairs = this.#verbs.findNamed(...own, joined, this.#firstSorted);
    const found: Named[] = [];
    for (let at = 0; at < pairs.length; at += 2) {
      const id = pairs[at + 1] ?? 0;
      if (this.kind(id) === kind) found.push({ name: names[pairs[at] ?? 0] ?? '', id });
    }
    return found;
  }

  /** Places of words that may stand for a name: those that are the offset of its string. */
  #spelt(name: string): number[] {
    const offset = this.#bytes.indexOf(`\0${name}\0`, 0, 'latin1') + 1;
    const places: number[] = [];
    if (offset === 0) return places;
    for (let at = this.#words.indexOf(offset); at >= 0; at = this.#words.indexOf(offset, at + 1))
      places.push(at);
    return places;
  }

  /** The type that a word is of. */
  #idOf(word: number): number {
    let start = 1;
    let end = this.count;
    while (start < end) {
      const middle = (start + end) >>> 1;
      if ((this.#offsets[middle] ?? 0) <= word) start = middle + 1;
      else end = middle;
    }
    return start - 1;
  }

  #enumeratorValue(id: number, place: number): bigint {
    const isWide = this.kind(id) === 'enum64';
    const at = typeWords + (isWide ? 3 : 2) * place;
    const low = BigInt(this.#word(id, at + 1));
    const value = isWide ? (BigInt(this.#word(id, at + 2)) << 32n) | low : low;
    return this.int(id).signed ? BigInt.asIntN(isWide ? 64 : 32, value) : value;
  }

  #info(id: number): number {
    return this.#word(id, 1);
  }

  /** Members, enumerators or parameters. */
  #length(id: number): number {
    return this.#info(id) & 0xffffff;
  }

  #word(id: number, place: number): number {
    if (id <= this.#idsBefore && this.#base !== null) return this.#base.#word(id, place);
    const at = this.#offsets[id - this.#idsBefore];
    const word = at === undefined ? undefined : this.#words[at + place];
    if (word === undefined || id === 0) throw malformed(`there is no type ${id}`);
    return word;
  }

  #string(offset: number): string {
    if (offset < this.#stringsBefore && this.#base !== null) return this.#base.#string(offset);
    let name = this.#strings.get(offset);
    if (name === undefined) {
      const at = offset - this.#stringsBefore;
      if (at >= this.#bytes.length) throw malformed(`there is no string ${offset}`);
      name = this.#bytes.toString('latin1', at, this.#bytes.indexOf(0, at));
      this.#strings.set(offset, name);
    }
    return name;
  }
}

/**
 * Where types and strings are, in bytes.
 * @throws {Failure} when the bytes are no BTF of this machine's byte order, or cut short.
 */
export function sectionsOf(bytes: Uint8Array) {
  if (bytes.length < headerBytes) throw malformed(`${bytes.length} bytes are too few`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint16(0, true) !== magic) throw malformed('it does not begin with 0xeb9f');
  const field = (at: number) => view.getUint32(at, true);
  const sectionsAt = field(4);
  const typesAt = sectionsAt + field(8);
  const typesBytes = field(12);
  const stringsAt = sectionsAt + field(16);
  const stringsEnd = stringsAt + field(20);
  if (typesAt + typesBytes > bytes.length) throw malformed('its types are cut short');
  if (stringsEnd > bytes.length) throw malformed('its strings are cut short');
  if (stringsEnd === stringsAt || bytes[stringsEnd - 1] !== 0)
    throw malformed('its strings have no end');
  if (typesBytes % 4 !== 0) throw malformed('its types are no whole words');
  return { typesAt, typesBytes, stringsAt, stringsEnd };
}

/** Whether all types were known, and the last is whole. */
function checkEnd(words: Uint32Array, id: number, end: number): void {
  if (end > words.length) throw malformed(`type ${id - 1} is cut short`);
  if (end === words.length) return;
  const kind = ((words[end + 1] ?? 0) >>> 24) & 0x7f;
  throw malformed(`type ${id} is of kind ${kind}, which this fsnoop does not know`);
}

function malformed(what: string): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `The kernel's BTF can't be read: ${what}.`,
    'See whether others can: bpftool btf dump file /sys/kernel/btf/vmlinux',
  );
}
