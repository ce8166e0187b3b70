/** The mirror of bpf/cell.h: what each CPU counted of its calls, from the bytes that it counted in. */
import type { CountedBytes } from '../attach/counting.js';
import { cellBytes, keyBytes, pageBytes, type Counting } from '../plan/counting.js';

/** Byte offsets of `struct cell`, of `struct key` and of an error in a page. */
export const cellLayout = {
  total: 0,
  below: 8,
  least: 32,
  limit: 40,
  pageless: 48,
  errors: 56,
  pages: 60,
} as const;
export const keyLayout = { low: 0, high: 8, function: 16 } as const;
const errorLayout = { errno: 0, count: 8 } as const;

export const pageBuckets = 32;
export const pageErrors = 16;
export const cellPages = 40;

/** The value that calls are told apart by: the words of a name, or a number. */
export interface Key {
  readonly low: bigint;
  readonly high: bigint;
}

/** The calls of one function, or of one key of it, that returned on one CPU. */
export interface Cell {
  readonly cpu: number;
  /** Place in the plan. */
  readonly function: number;
  /** Null: of no key, or of one that found no room in the table. */
  readonly key: Key | null;
  readonly calls: number;
  readonly totalNs: bigint;
  /** Less what the counted calls took that are directly below. */
  readonly selfNs: bigint;
  readonly minNs: number;
  readonly maxNs: number;
  /** How many by bucket; those are left out that found no page. */
  readonly counts: ReadonlyMap<number, number>;
  /** How many by errno; 0: of all that are more than a cell tells apart. */
  readonly errors: ReadonlyMap<number, number>;
}

/** Of the cells that are in use. A call that is being counted may be in some of the numbers only. */
export function decodeCells(bytes: CountedBytes, counting: Counting): Cell[] {
  const { cpus, functions, keys, cells } = counting;
  const found: Cell[] = [];
  for (let place = 0; place < cells; place++) {
    for (let cpu = 0; cpu < cpus; cpu++) {
      const view = viewOf(bytes.cells, (place * cpus + cpu) * cellBytes, cellBytes);
      if (view.getUint32(cellLayout.limit, true) === 0 && readWord(view, cellLayout.limit) === 0n)
        continue;
      const owner =
        place < functions
          ? { function: place, key: null }
          : decodeKey(bytes.keys, cpu * keys + place - functions, cpus);
      const firstPage = cpu * counting.pages * pageBytes;
      const counted = decodeCell(view, firstPage, bytes.pages[cpu]);
      if (owner !== null && counted !== null) found.push({ cpu, ...owner, ...counted });
    }
  }
  return found;
}

/** Null while the first call is being counted. */
function decodeCell(
  view: DataView,
  firstPage: number,
  pages: Buffer | undefined,
): Omit<Cell, 'cpu' | 'function' | 'key'> | null {
  const word = (name: 'total' | 'below' | 'least' | 'limit' | 'pageless') =>
    readWord(view, cellLayout[name]);
  const page = (field: number) => {
    const place = view.getUint32(field, true);
    const at = place - firstPage;
    return place === 0 || pages === undefined || at + pageBytes > pages.length
      ? null
      : viewOf(pages, at, pageBytes);
  };
  const counts = new Map<number, number>();
  for (let power = 0; power < cellPages; power++)
    addCounts(page(cellLayout.pages + 4 * cellPage(power)), power, counts);
  let calls = word('pageless');
  for (const count of counts.values()) calls += BigInt(count);
  if (calls === 0n) return null;
  const min = word('least');
  const max = word('limit') > min ? word('limit') - 1n : min;
  const totalNs = clamp(word('total'), calls * min, calls * max);
  return {
    calls: Number(calls),
    totalNs,
    selfNs: clamp(totalNs - word('below'), 0n, totalNs),
    minNs: Number(min),
    maxNs: Number(max),
    counts,
    errors: decodeErrors(page(cellLayout.errors)),
  };
}

/** Where a cell has its page of the buckets of a power of two; the place 1 is always empty. */
export const cellPage = (power: number): number => (power === 1 ? cellPages : power);

function addCounts(page: DataView | null, power: number, counts: Map<number, number>): void {
  if (page === null) return;
  for (let bucket = 0; bucket < pageBuckets; bucket++) {
    const count = Number(readWord(page, 8 * bucket));
    if (count > 0) counts.set(power * pageBuckets + bucket, count);
  }
}

function decodeErrors(page: DataView | null): Map<number, number> {
  const errors = new Map<number, number>();
  if (page === null) return errors;
  for (let place = 0; place < pageErrors; place++) {
    const at = 16 * place;
    const count = Number(readWord(page, at + errorLayout.count));
    if (count > 0) errors.set(Number(readWord(page, at + errorLayout.errno)), count);
  }
  return errors;
}

/** Null for a key that is being written. */
function decodeKey(
  keys: Buffer,
  slot: number,
  cpus: number,
): { function: number; key: Key } | null {
  const view = viewOf(keys, slot * keyBytes, keyBytes);
  const owner = view.getUint32(keyLayout.function, true);
  const key = { low: readWord(view, keyLayout.low), high: readWord(view, keyLayout.high) };
  return owner === 0 ? null : { function: (owner - 1) / cpus, key };
}

const viewOf = (bytes: Buffer, at: number, length: number) =>
  new DataView(bytes.buffer, bytes.byteOffset + at, length);

const readWord = (view: DataView, at: number) => view.getBigUint64(at, true);

const clamp = (value: bigint, low: bigint, high: bigint) =>
  value < low ? low : value > high ? high : value;
