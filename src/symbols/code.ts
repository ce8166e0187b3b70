/**
 * Where functions begin and end: /proc/kallsyms, by address. The kernel and its modules are in 2 GiB, on x86-64
 * the last ones and on arm64 wherever KASLR puts them, so that the lower half of an address tells a place in them.
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
  /** All of the address of which this is the lower half. */
  wholeAddress(address: number): bigint;
}

/** Beginnings of blocks, in ascending order, and of their lines in the text. The last one ends the text. */
interface Table {
  readonly origin: Origin;
  readonly count: number;
  /** Bytes behind the origin. */
  readonly starts: Uint32Array;
  readonly lines: Uint32Array;
  /** Where nothing begins: it only ends what is before it. */
  readonly gap: number;
}

/** What all else is near to: 2 GiB before the end of the kernel's text. Behind it, 32 bits tell a place. */
interface Origin {
  /** A kernel address but for the digits that all begin with: a double holds the rest. */
  readonly address: number;
  readonly lowerHalf: number;
}

/** How each address of the kernel begins. */
const kernelDigits = 'ffff';
const kernelBits = 0xffffn << 48n;
const nearBytes = 2 ** 31;
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
    const place = findBlock(table(), address);
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
        `^${kernelDigits}.{4}(.{8}) [TtWw] ${toRegExpSource(names)}(?:\\t\\[.*\\])?$`,
        'gm',
      );
      const addresses = new Set([...text.matchAll(lines)].map(([, low = '']) => parseInt(low, 16)));
      return [...addresses].flatMap((address) => at(address) ?? []);
    },
    wholeAddress: (address) => {
      const { origin } = table();
      return kernelBits | BigInt(origin.address + behind(origin, address));
    },
  };
}

/** Bytes from the origin to an address of this lower half. */
const behind = ({ lowerHalf }: Origin, address: number): number => (address - lowerHalf) >>> 0;

/** Of what is in the text of the kernel or a module; -1 before and behind it. */
function findBlock({ origin, count, starts, gap }: Table, address: number): number {
  const bytes = behind(origin, address);
  let start = 0;
  let end = count;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((starts[middle] ?? 0) <= bytes) start = middle + 1;
    else end = middle;
  }
  const place = start - 1;
  const isText = start < count && bytes - (starts[place] ?? 0) < longestBytes;
  return isText && place !== gap ? place : -1;
}

function describe(text: string, { origin, starts, lines }: Table, place: number): Block {
  const start = starts[place] ?? 0;
  const found = linesOf(text, lines[place] ?? 0).matchAll(/ [TtWw] (\S+)(?:\t\[.*\])?$/gm);
  return {
    address: (start + origin.lowerHalf) >>> 0,
    bytes: Math.min((starts[place + 1] ?? 0) - start, longestBytes),
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
  const starts = new Uint32Array(most);
  const lines = new Uint32Array(most);
  const textEnd = text.indexOf(' _etext\n');
  const origin = makeOrigin(text, textEnd);
  let count = 0;
  let last = -1;
  const add = (at: number) => {
    if (!text.startsWith(kernelDigits, at)) return;
    const start = readAddress(text, at) - origin.address;
    if (start === last || start < 0 || start >= 2 * nearBytes) return;
    starts[count] = start;
    lines[count++] = at;
    last = start;
  };
  const first = text.indexOf('\t[');
  const vmlinuxEnd = first < 0 ? text.length : text.lastIndexOf('\n', first) + 1;
  for (let at = 0; at < vmlinuxEnd;) {
    add(at);
    const lineEnd = text.indexOf('\n', at);
    if (lineEnd < 0 || (textEnd >= 0 && lineEnd > textEnd)) break;
    at = lineEnd + 1;
  }
  if (first < 0) return { origin, count, starts, lines, gap: -1 };
  const vmlinuxCount = count;
  for (const { index } of text.matchAll(/^.*\t\[(?!bpf\]|__builtin__).*\]$/gm)) add(index);
  return sortTable({ origin, count, starts, lines, gap: vmlinuxCount - 1 });
}

/** @param textEnd where the text has the name of that symbol */
function makeOrigin(text: string, textEnd: number): Origin {
  const address = readAddress(text, text.lastIndexOf('\n', textEnd) + 1) - nearBytes;
  return { address, lowerHalf: address % (2 * nearBytes) };
}

/** The symbols of modules come in no order. What ends the last function is one that is nowhere. */
function sortTable({ origin, count, starts, lines, gap }: Table): Table {
  const order = Array.from({ length: count }, (_, place) => place);
  order.sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0) || a - b);
  return {
    origin,
    count: count + 1,
    starts: Uint32Array.from([...order, -1], (place) => starts[place] ?? 0xffffffff),
    lines: Uint32Array.from([...order, -1], (place) => lines[place] ?? 0),
    gap: order.indexOf(gap),
  };
}

/** But for the digits that all begin with. */
function readAddress(text: string, at: number): number {
  return readHex(text, at + 4, at + 8) * 2 ** 32 + (readHex(text, at + 8, at + 16) >>> 0);
}

function readHex(text: string, at: number, end: number): number {
  let bits = 0;
  for (let place = at; place < end; place++) {
    const code = text.charCodeAt(place);
    bits = (bits << 4) | (code < 0x40 ? code - 0x30 : code - 0x57);
  }
  return bits;
}
