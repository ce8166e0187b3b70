/**
 * The types of a BPF program, put behind those of vmlinux: as if its BTF were split, as that of a module is.
 * Then one program's types and the kernel's are of one kind, and what the program declares of the kernel's own
 * can be taken for what the kernel has.
 */
import { kinds, sectionsOf, tails, typeWords, type Btf, type Kind } from './btf.js';

/** Kinds whose third word is the id of a type. */
const referring: ReadonlySet<Kind> = new Set([
  ...(['ptr', 'typedef', 'volatile', 'const', 'restrict', 'type_tag'] as const),
  ...(['func', 'func_proto', 'var', 'decl_tag'] as const),
]);

/** Of what follows the three words of a type: places of names and of ids, and how many words one has. */
const parts: Readonly<
  Partial<Record<Kind, { readonly name?: number; readonly types: readonly number[] }>>
> = {
  array: { types: [0, 1] },
  struct: { name: 0, types: [1] },
  union: { name: 0, types: [1] },
  enum: { name: 0, types: [] },
  enum64: { name: 0, types: [] },
  func_proto: { name: 0, types: [1] },
  datasec: { types: [0] },
};

/**
 * @param bytes of a program's BTF
 * @param replaced id of a type of vmlinux that stands for a struct of the program, by its name; null: none does
 */
export function rebaseBtf(
  bytes: Uint8Array,
  base: Btf,
  replaced: (struct: string) => number | null,
): Uint8Array {
  const rebased = Buffer.from(bytes);
  const { typesAt, typesBytes, stringsAt } = sectionsOf(rebased);
  const words = new Uint32Array(
    rebased.buffer.slice(rebased.byteOffset + typesAt, rebased.byteOffset + typesAt + typesBytes),
  );
  const nameAt = (offset: number) => {
    const at = stringsAt + offset;
    return rebased.toString('latin1', at, rebased.indexOf(0, at));
  };
  const replacements = findReplaced(words, (offset) => replaced(nameAt(offset)));
  const moveName = (at: number) => {
    if (words[at] !== 0) words[at] = (words[at] ?? 0) + base.stringBytes;
  };
  const moveType = (at: number) => {
    const id = words[at] ?? 0;
    if (id !== 0) words[at] = replacements.get(id) ?? id + base.count - 1;
  };
  walk(words, (kind, at, length) => {
    moveName(at);
    if (referring.has(kind)) moveType(at + 2);
    const { once = 0, each = 0 } = tails[kind] ?? {};
    const { name, types } = parts[kind] ?? { types: [] };
    const step = each || once;
    const count = each > 0 ? length : Number(once > 0);
    for (let place = 0, part = at + typeWords; place < count; place++, part += step) {
      if (name !== undefined) moveName(part + name);
      for (const type of types) moveType(part + type);
    }
  });
  Buffer.from(words.buffer).copy(rebased, typesAt);
  return rebased;
}

/** By the id of a struct of the program. */
function findReplaced(
  words: Uint32Array,
  replaced: (nameOffset: number) => number | null,
): Map<number, number> {
  const found = new Map<number, number>();
  let id = 0;
  walk(words, (kind, at) => {
    id++;
    const by = kind === 'struct' ? replaced(words[at] ?? 0) : null;
    if (by !== null) found.set(id, by);
  });
  return found;
}

/** From type to type, each with its kind, its first word and how many members it has. */
function walk(words: Uint32Array, visit: (kind: Kind, at: number, length: number) => void): void {
  for (let at = 0; at < words.length;) {
    const info = words[at + 1] ?? 0;
    const kind = kinds[(info >>> 24) & 0x7f] ?? 'void';
    if (kind === 'void') return; // what is wrong with it, reading it tells
    const length = info & 0xffffff;
    visit(kind, at, length);
    const { once = 0, each = 0 } = tails[kind] ?? {};
    at += typeWords + once + each * length;
  }
}
