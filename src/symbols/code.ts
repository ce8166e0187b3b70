/**
 * Where the functions of vmlinux begin and end: /proc/kallsyms, by address. On x86-64 the kernel is in
 * the last 2 GiB, so that the lower half of an address tells a place in it.
 */
import { toRegExpSource } from './glob.js';

/** What stands between the beginnings of two symbols. */
export interface Block {
  /** Where it begins: the lower half. */
  readonly address: number;
  readonly bytes: number;
  /** Of the functions that begin there, in the order of the file; none where it is data. */
  readonly names: readonly string[];
}

export interface Code {
  /** Blocks in which these functions begin, in the order of addresses. */
  find(names: readonly string[]): Block[];
  /** The block that an address is in; null outside of the kernel's text. */
  at(address: number): Block | null;
}

/** Beginnings of blocks, in ascending order, and of their lines in the text. The last one ends the text. */
interface Table {
  readonly count: number;
  readonly addresses: Uint32Array;
  readonly lines: Uint32Array;
}

const upperHalf = 'ffffffff';
/** Bytes of the shortest line: `ffffffff81000000 T a`. */
const shortestLine = 20;

/**
 * The table is made when it is first asked for, in 20 ms. A text that hides the addresses, as
 * kptr_restrict makes it, has no blocks. Code that the kernel only has while it boots is none of them.
 */
export function makeCode(text: string): Code {
  let made: Table | undefined;
  const table = () => (made ??= makeTable(text));
  const blocks = new Map<number, Block>();
  const at = (address: number): Block | null => {
    const place = findPlace(table(), address);
    if (place < 0) return null;
    const block = blocks.get(place) ?? describe(text, table(), place);
    blocks.set(place, block);
    return block;
  };
  return {
    at,
    find: (names) => {
      if (names.length === 0) return [];
      const lines = new RegExp(`^${upperHalf}(.{8}) [TtWw] ${toRegExpSource(names)}$`, 'gm');
      const addresses = new Set([...text.matchAll(lines)].map(([, low = '']) => parseInt(low, 16)));
      return [...addresses].flatMap((address) => at(address) ?? []);
    },
  };
}

/** Of what is in the kernel's text; -1 before and behind it. */
function findPlace({ count, addresses }: Table, address: number): number {
  let start = 0;
  let end = count;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((addresses[middle] ?? 0) <= address) start = middle + 1;
    else end = middle;
  }
  return start < count ? start - 1 : -1;
}

function describe(text: string, { addresses, lines }: Table, place: number): Block {
  const address = addresses[place] ?? 0;
  const found = text.slice(lines[place], lines[place + 1]).matchAll(/ [TtWw] (\S+)$/gm);
  return {
    address,
    bytes: (addresses[place + 1] ?? 0) - address,
    names: Array.from(found, ([, name = '']) => name),
  };
}

function makeTable(text: string): Table {
  const most = Math.ceil(text.length / shortestLine);
  const addresses = new Uint32Array(most);
  const lines = new Uint32Array(most);
  const end = text.indexOf(' _etext\n');
  let count = 0;
  let last = -1;
  for (let at = 0; at < text.length;) {
    if (text.startsWith(upperHalf, at)) {
      const address = readHalf(text, at + upperHalf.length);
      if (address !== last) {
        addresses[count] = address;
        lines[count++] = at;
        last = address;
      }
    }
    const lineEnd = text.indexOf('\n', at);
    if (lineEnd < 0 || (end >= 0 && lineEnd > end)) break;
    at = lineEnd + 1;
  }
  return { count, addresses, lines };
}

function readHalf(text: string, at: number): number {
  let half = 0;
  for (let place = at; place < at + 8; place++) {
    const code = text.charCodeAt(place);
    half = (half << 4) | (code < 0x40 ? code - 0x30 : code - 0x57);
  }
  return half >>> 0;
}
