/**
 * Where functions begin and end: /proc/kallsyms, by address. On x86-64 the kernel and its modules are in
 * the last 2 GiB, so that the lower half of an address tells a place in them.
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
  /** Where nothing begins: it only ends what is before it. */
  readonly gap: number;
}

const upperHalf = 'ffffffff';
/** Bytes of the shortest line: `ffffffff81000000 T a`. */
const shortestLine = 20;
/** No function is longer, and where the code of a module ends, nothing tells. */
const longestBytes = 1 << 16;

/**
 * The table is made when it is first asked for, in 20 ms. A text that hides the addresses, as
 * kptr_restrict makes it, has no blocks. Code that the kernel only has while it boots is none of them,
 * and that of modules only where the text has it.
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
      const lines = new RegExp(
        `^${upperHalf}(.{8}) [TtWw] ${toRegExpSource(names)}(?:\\t\\[.*\\])?$`,
        'gm',
      );
      const addresses = new Set([...text.matchAll(lines)].map(([, low = '']) => parseInt(low, 16)));
      return [...addresses].flatMap((address) => at(address) ?? []);
    },
  };
}

/** Of what is in the text of the kernel or a module; -1 before and behind it. */
function findPlace({ count, addresses, gap }: Table, address: number): number {
  let start = 0;
  let end = count;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((addresses[middle] ?? 0) <= address) start = middle + 1;
    else end = middle;
  }
  const place = start - 1;
  const isText = start < count && address - (addresses[place] ?? 0) < longestBytes;
  return isText && place !== gap ? place : -1;
}

function describe(text: string, { addresses, lines }: Table, place: number): Block {
  const address = addresses[place] ?? 0;
  const found = linesOf(text, lines[place] ?? 0).matchAll(/ [TtWw] (\S+)(?:\t\[.*\])?$/gm);
  return {
    address,
    bytes: Math.min((addresses[place + 1] ?? 0) - address, longestBytes),
    names: Array.from(found, ([, name = '']) => name),
  };
}

/** That line and those behind it that begin with the same address. */
function linesOf(text: string, start: number): string {
  const address = text.slice(start, start + 17);
  let end = start;
  while (text.startsWith(address, end)) end = text.indexOf('\n', end) + 1 || text.length;
  return text.slice(start, end);
}

function makeTable(text: string): Table {
  const most = Math.ceil(text.length / shortestLine) + 1;
  const addresses = new Uint32Array(most);
  const lines = new Uint32Array(most);
  const textEnd = text.indexOf(' _etext\n');
  let count = 0;
  let last = -1;
  const add = (at: number) => {
    if (!text.startsWith(upperHalf, at)) return;
    const address = readHalf(text, at + upperHalf.length);
    if (address === last) return;
    addresses[count] = address;
    lines[count++] = at;
    last = address;
  };
  const first = text.indexOf('\t[');
  const vmlinuxEnd = first < 0 ? text.length : text.lastIndexOf('\n', first) + 1;
  for (let at = 0; at < vmlinuxEnd;) {
    add(at);
    const lineEnd = text.indexOf('\n', at);
    if (lineEnd < 0 || (textEnd >= 0 && lineEnd > textEnd)) break;
    at = lineEnd + 1;
  }
  if (first < 0) return { count, addresses, lines, gap: -1 };
  const vmlinuxCount = count;
  for (const { index } of text.matchAll(/^.*\t\[(?!bpf\]|__builtin__).*\]$/gm)) add(index);
  return sortTable({ count, addresses, lines, gap: vmlinuxCount - 1 });
}

/** The symbols of modules come in no order. What ends the last function is one that is nowhere. */
function sortTable({ count, addresses, lines, gap }: Table): Table {
  const order = Array.from({ length: count }, (_, place) => place);
  order.sort((a, b) => (addresses[a] ?? 0) - (addresses[b] ?? 0) || a - b);
  return {
    count: count + 1,
    addresses: Uint32Array.from([...order, -1], (place) => addresses[place] ?? 0xffffffff),
    lines: Uint32Array.from([...order, -1], (place) => lines[place] ?? 0),
    gap: order.indexOf(gap),
  };
}

function readHalf(text: string, at: number): number {
  let half = 0;
  for (let place = at; place < at + 8; place++) {
    const code = text.charCodeAt(place);
    half = (half << 4) | (code < 0x40 ? code - 0x30 : code - 0x57);
  }
  return half >>> 0;
}
