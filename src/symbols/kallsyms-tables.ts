/**
 * The tables that /proc/kallsyms is printed from: kernel/kallsyms.c and scripts/kallsyms.c in the kernel.
 * Printing takes the kernel 2,800 instructions a symbol, a quarter of all that it takes to start tracing;
 * reading the tables and printing them takes fsnoop a tenth of that, and looking for a few names in them a
 * tenth again.
 */

export interface KallsymsTables {
  /**
   * A symbol after the other: how many bytes, then a token by each byte; the first letter of the
   * first is the type. More than 127 bytes are said in two, the low seven bits first.
   */
  readonly names: Uint8Array;
  /** 256 strings, each with a zero behind it. */
  readonly tokens: Uint8Array;
  /** Where each begins. */
  readonly tokenAt: Uint16Array;
  /** By symbol. */
  readonly offsets: Int32Array;
  /** What they are relative to. */
  readonly base: bigint;
  /** From Linux 7.2 on: where the first offset stands, as each is relative to its own place. */
  readonly isSelf: boolean;
}

/** The addon's verbs. */
export interface KallsymsVerbs {
  /** What /proc/kallsyms has of vmlinux, or so many lines of it; cut short where the names are. */
  printKallsyms(tables: KallsymsTables, lines?: number): Buffer;
  /**
   * Five words of each symbol that has one of these names, in the order of the tables: the place of
   * the name, the letter of the type, the halves of the address, and 1 for the first at its address.
   * It takes 100 instructions a symbol of the kernel at most, however many names there are.
   */
  searchKallsyms(tables: KallsymsTables, names: readonly string[]): Uint32Array;
}

/** A symbol that searchKallsyms() found. */
interface TableSymbol {
  readonly name: string;
  readonly type: string;
  readonly address: bigint;
  /** Whether no other symbol of this address comes before it. */
  readonly isFirst: boolean;
}

/** Finds symbols by their names: those with one of these, and maybe others; in the order of the tables. */
export type SearchTables = (names: readonly string[]) => readonly TableSymbol[];

/** @param early these names are looked for at once, all together, however often they are asked for */
export function makeSearch(
  tables: KallsymsTables,
  verbs: KallsymsVerbs,
  early: readonly string[],
): SearchTables {
  const search = (names: readonly string[]) =>
    toSymbols(names, verbs.searchKallsyms(tables, names));
  const known = new Set(early);
  const found = search(early);
  return (names) => (names.every((name) => known.has(name)) ? found : search(names));
}

const foundWords = 5;

function toSymbols(names: readonly string[], words: Uint32Array): TableSymbol[] {
  return Array.from({ length: words.length / foundWords }, (_, at) => {
    const [name = 0, type = 0, low = 0, high = 0, first] = words.subarray(foundWords * at);
    return {
      name: names[name] ?? '',
      type: String.fromCharCode(type),
      address: (BigInt(high) << 32n) | BigInt(low),
      isFirst: first === 1,
    };
  });
}

/** Where the tables are in memory, as VMCOREINFO says. */
export interface KallsymsPlaces {
  readonly names: bigint;
  readonly count: bigint;
  readonly tokens: bigint;
  readonly tokenAt: bigint;
  readonly offsets: bigint;
  /** Null from 7.2 on. */
  readonly base: bigint | null;
}

/** Of the text of a VMCOREINFO note. Null where it has not all of them: before Linux 6.0. */
export function findKallsyms(vmcoreinfo: string): KallsymsPlaces | null {
  const addresses = new Map<string, bigint>();
  for (const [, name = '', digits = ''] of vmcoreinfo.matchAll(
    /^SYMBOL\(kallsyms_(\w+)\)=([0-9a-f]+)$/gm,
  )) {
    addresses.set(name, BigInt(`0x${digits}`));
  }
  const places = {
    names: addresses.get('names'),
    count: addresses.get('num_syms'),
    tokens: addresses.get('token_table'),
    tokenAt: addresses.get('token_index'),
    offsets: addresses.get('offsets'),
    base: addresses.get('relative_base') ?? null,
  };
  return Object.values(places).includes(undefined) ? null : (places as KallsymsPlaces);
}

/** @param read so many bytes of the kernel's memory */
export function readKallsyms(
  places: KallsymsPlaces,
  read: (address: bigint, bytes: number) => Buffer,
): KallsymsTables {
  const count = read(places.count, 4).readUInt32LE();
  // the names end where the next table begins, or before
  const next = [places.tokens, places.offsets, places.count].filter((at) => at > places.names);
  return {
    names: read(places.names, Number((next.sort(byValue)[0] ?? places.names) - places.names)),
    tokens: read(places.tokens, Number(places.tokenAt - places.tokens)),
    tokenAt: new Uint16Array(toArrayBuffer(read(places.tokenAt, 2 * 256))),
    offsets: new Int32Array(toArrayBuffer(read(places.offsets, 4 * count))),
    base: places.base === null ? places.offsets : read(places.base, 8).readBigUInt64LE(),
    isSelf: places.base === null,
  };
}

const byValue = (a: bigint, b: bigint) => (a < b ? -1 : 1);

/** In a place of its own, and so aligned. */
const toArrayBuffer = ({ buffer, byteOffset, length }: Buffer) =>
  buffer.slice(byteOffset, byteOffset + length);
