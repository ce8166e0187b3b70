/**
 * Which symbol an address is in: /proc/kallsyms, the other way round. It has every symbol's beginning
 * and no ends: what lies behind one and before the next, of whatever kind, counts as its own.
 */
import { makeIsInText, type Kallsyms } from './kallsyms.js';

export interface Place {
  readonly name: string;
  /** Bytes behind the symbol's beginning. */
  readonly offset: number;
  /** Null for vmlinux. */
  readonly module: string | null;
}

export interface Addresses {
  /** Of a 64-bit address, as two unsigned halves. Null where no code is known to be. */
  readonly nameOf: (low: number, high: number) => Place | null;
}

/** Knows nothing. */
export const noAddresses: Addresses = { nameOf: () => null };

/** By their beginnings, in ascending order, each once. */
interface Table {
  /** See addressKey(). */
  readonly keys: Float64Array;
  /** Where the names are in the text; 0 for data, which only ends the code before it. */
  readonly names: Uint32Array;
}

/** Bytes that no function has: further behind the last symbol of a module is nothing known. */
const longest = 2 ** 20;
export const notKernel = -1;

/**
 * The table is made when the first address is asked for, in a tenth of a second. A text that hides
 * the addresses, as kptr_restrict makes it, knows nothing.
 */
export function makeAddresses(kallsyms: Kallsyms): Addresses {
  let text = '';
  let table: Table | undefined;
  return {
    nameOf: (low, high) => {
      const key = addressKey(low, high);
      if (key === notKernel) return null;
      if (table === undefined) {
        text = kallsyms.vmlinux;
        table = makeTable(text);
      }
      const place = find(text, table, key);
      if (place !== null || kallsyms.all === text) return place;
      text = kallsyms.all;
      table = makeTable(text);
      return find(text, table, key);
    },
  };
}

/** A kernel address but for the eleven ones it begins with: a double holds the rest. */
export function addressKey(low: number, high: number): number {
  return high >>> 21 === 0x7ff ? (high & 0x1fffff) * 2 ** 32 + low : notKernel;
}

function find(text: string, { keys, names }: Table, key: number): Place | null {
  let start = 0;
  let end = keys.length;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((keys[middle] ?? 0) <= key) start = middle + 1;
    else end = middle;
  }
  const name = names[start - 1] ?? 0;
  const offset = key - (keys[start - 1] ?? 0);
  if (name === 0 || offset >= longest) return null;
  const lineEnd = text.indexOf('\n', name);
  const [symbol = '', module] = text.slice(name, lineEnd < 0 ? undefined : lineEnd).split('\t');
  return { name: symbol, offset, module: module === undefined ? null : module.slice(1, -1) };
}

function makeTable(text: string): Table {
  const keys: number[] = [];
  const names: number[] = [];
  const isInText = makeIsInText(text);
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf('\n', at);
    const end = lineEnd < 0 ? text.length : lineEnd;
    const digitsEnd = text.indexOf(' ', at);
    const key = readKey(text, at, digitsEnd);
    if (key !== notKernel) {
      const nameAt = digitsEnd + 3;
      const isCode = codeTypes.has(text.charCodeAt(digitsEnd + 1));
      const isModule = text.charCodeAt(end - 1) === closingBracket;
      keys.push(key);
      names.push(isCode && (isModule || isInText(nameAt - 1)) ? nameAt : 0);
    }
    at = end + 1;
  }
  return sortTable(keys, names);
}

const codeTypes: ReadonlySet<number> = new Set(Array.from('TtWw', (type) => type.charCodeAt(0)));
const closingBracket = ']'.charCodeAt(0);

function readKey(text: string, at: number, end: number): number {
  let low = 0;
  let high = 0;
  for (let place = at; place < end; place++) {
    const code = text.charCodeAt(place);
    const digit = code < 0x40 ? code - 0x30 : (code | 0x20) - 0x57;
    high = ((high << 4) | (low >>> 28)) >>> 0;
    low = ((low << 4) | digit) >>> 0;
  }
  return addressKey(low, high);
}

/** Of several symbols in one place the first is taken, as the kernel does, but code before data. */
function sortTable(keys: readonly number[], names: readonly number[]): Table {
  const order = Array.from(keys, (_, place) => place);
  // quick, as all but the modules are in order already
  order.sort((a, b) => (keys[a] ?? 0) - (keys[b] ?? 0));
  const sorted: Table = {
    keys: new Float64Array(keys.length),
    names: new Uint32Array(keys.length),
  };
  let count = 0;
  for (const place of order) {
    const key = keys[place] ?? 0;
    const name = names[place] ?? 0;
    if (count > 0 && sorted.keys[count - 1] === key) {
      sorted.names[count - 1] ||= name;
      continue;
    }
    sorted.keys[count] = key;
    sorted.names[count++] = name;
  }
  return { keys: sorted.keys.subarray(0, count), names: sorted.names.subarray(0, count) };
}
