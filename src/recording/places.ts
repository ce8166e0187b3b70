/**
 * The symbols that a recording needs: those of the addresses that are in its records and may be shown by
 * name, as they are in stacks and in pointers to functions.
 */
import { placeMask } from '../events/record.js';
import type { PlannedFunction } from '../plan/plan.js';
import { addressKey, notKernel, type Addresses, type Place } from '../symbols/addresses.js';
import type { Type } from '../symbols/type.js';
import { at, isKnown, wordBytes } from './columns.js';

/** An address, as two unsigned halves, and where it is. */
export type PackedPlace = readonly [low: number, high: number, place: Place];

/** So many addresses are remembered as looked up: of data there may be any number. */
const mostKnown = 2 ** 16;

export class PlaceCollector {
  /** By place in the plan, whether addresses of its records may be shown by name. */
  readonly #named: readonly boolean[];
  readonly #addresses: Addresses;
  readonly #known = new Set<number>();
  readonly #told = new Set<number>();

  constructor(functions: readonly PlannedFunction[], addresses: Addresses) {
    this.#named = functions.map(hasNames);
    this.#addresses = addresses;
  }

  /** What was not told before, of whole records. */
  collect(words: Uint32Array): readonly PackedPlace[] {
    const places: PackedPlace[] = [];
    for (let start = 0; start < words.length;) {
      const end = start + (words[start + at.size] ?? 0) / wordBytes;
      const named = this.#named[(words[start + at.function] ?? 0) & placeMask] ?? false;
      if (named || !isKnown(words[start + at.head] ?? 0)) this.#collect(words, start, end, places);
      start = end;
    }
    return places;
  }

  #collect(words: Uint32Array, start: number, end: number, places: PackedPlace[]): void {
    for (let word = start + at.retval; word < end; word += 2) {
      const low = words[word] ?? 0;
      const high = words[word + 1] ?? 0;
      this.#look(low, high, places);
      // the callers in a stack are shown by the byte before the one that they return to
      if (low > 0) this.#look(low - 1, high, places);
      else if (high > 0) this.#look(0xffffffff, high - 1, places);
    }
  }

  #look(low: number, high: number, places: PackedPlace[]): void {
    const key = addressKey(low, high);
    if (key === notKernel || this.#known.has(key) || this.#told.has(key)) return;
    if (this.#known.size === mostKnown) this.#known.clear();
    const place = this.#addresses.nameOf(low, high);
    if (place === null) {
      this.#known.add(key);
    } else {
      this.#told.add(key);
      places.push([low, high, place]);
    }
  }
}

/** The symbols of a recording that is read. */
export class RecordedPlaces implements Addresses {
  readonly #places = new Map<number, Place>();

  add(places: readonly PackedPlace[]): void {
    for (const [low, high, place] of places) this.#places.set(addressKey(low, high), place);
  }

  nameOf(low: number, high: number): Place | null {
    return this.#places.get(addressKey(low, high)) ?? null;
  }
}

function hasNames({ returns, parameters, entryValues, returnValues }: PlannedFunction): boolean {
  const values = [...entryValues, ...returnValues];
  return (
    values.some(({ of }) => of.type === 'stack') ||
    [returns, ...[...parameters, ...values].map(({ type }) => type)].some(pointsAtFunction)
  );
}

function pointsAtFunction(type: Type): boolean {
  switch (type.kind) {
    case 'pointer':
      return type.to === 'function';
    case 'array':
      return pointsAtFunction(type.element);
    case 'struct':
    case 'union':
      return type.fields.some((field) => pointsAtFunction(field.type));
    default:
      return false;
  }
}
