/** The parameters of a function, with the argument slots of the trampoline that they are in. */
import type { Btf } from './btf.js';
import { keptOf } from './kept.js';
import { spellDeclaration, spellType } from './c-type.js';
import { describeType, type Type } from './type.js';

export interface Parameter {
  /** '' where the prototype has none. */
  readonly name: string;
  /** BTF id of its type. */
  readonly typeId: number;
  readonly type: Type;
  /** As C spells it. */
  readonly typeName: string;
  /** `struct file *file`. */
  readonly declaration: string;
  /** The first of its slots; a struct by value has one for every 8 bytes. */
  readonly slot: number;
  readonly slots: number;
}

const slotBytes = 8;

/** What thousands of functions have alike, as `struct file *file` in the first slot, is one object. */
const known = keptOf<string, Parameter>();

/**
 * Of the FUNC with this id.
 * @param hidden how many come first that are not told, and have no slots
 */
export function describeParameters(btf: Btf, id: number, hidden = 0): readonly Parameter[] {
  const kept = known(btf);
  let slot = 0;
  const parameters = btf.prototype(id).parameters.slice(hidden);
  return parameters.map(({ name, type: typeId }) => {
    const key = `${typeId} ${slot} ${name}`;
    const parameter = kept.get(key) ?? new Described(btf, name, typeId, slot);
    kept.set(key, parameter);
    slot += parameter.slots;
    return parameter;
  });
}

/** Spelt when somebody first reads that: of most parameters nothing but a value is shown. */
class Described implements Parameter {
  readonly name: string;
  readonly typeId: number;
  readonly type: Type;
  readonly slot: number;
  readonly slots: number;
  readonly #btf: Btf;
  #typeName: string | undefined;
  #declaration: string | undefined;

  constructor(btf: Btf, name: string, typeId: number, slot: number) {
    this.#btf = btf;
    this.name = name;
    this.typeId = typeId;
    this.type = describeType(btf, typeId);
    this.slot = slot;
    this.slots = Math.ceil(btf.size(typeId) / slotBytes);
  }

  get typeName(): string {
    return (this.#typeName ??= spellType(this.#btf, this.typeId));
  }

  get declaration(): string {
    return (this.#declaration ??= spellDeclaration(this.#btf, this.typeId, this.name));
  }
}
