/**
 * /proc/kallsyms: every symbol of the kernel, by address, then of its modules.
 *
 *	ffffffff81000000 T vfs_read
 *	ffffffffc0001000 t ext4_readdir	[ext4]
 */

import { toRegExpSource } from './glob.js';
import type { SearchTables } from './kallsyms-tables.js';

export interface KernelSymbol {
  readonly name: string;
  /** Null for vmlinux. */
  readonly module: string | null;
  /** A function, or another place in the text; else data. */
  readonly isCode: boolean;
  /** The lower half of its address. */
  readonly address: number;
  /** Whether no other symbol of this address comes before it. */
  readonly isFirst: boolean;
}

/** Begin the names of the padding before functions. */
const padding = '__(?:pfx|cfi)_';
const padded = new RegExp(`^${padding}`);
/** Ends the names of functions' unlikely parts. */
export const cold = /\.cold(?:\.\d+)?$/;
/** In the place of modules: BPF programs, and the kernel's own trampolines. */
const notModules = /^(?:bpf|__builtin__.*)$/;

/**
 * Symbols of whole names that a pattern matches, in the order of the file. The text is searched as
 * one string: a tenth of the time that making 200,000 lines of it would take.
 * @param names source of a RegExp
 */
export function findSymbols(text: string, names: string): KernelSymbol[] {
  const found: KernelSymbol[] = [];
  const isInText = makeIsInText(text);
  const lines = new RegExp(` ([A-Za-z]) (?!${padding})(${names})(?:\\t\\[(.*)\\])?$`, 'gm');
  for (let line = lines.exec(text); line !== null; line = lines.exec(text)) {
    const [, type = '', name = '', module = null] = line;
    if (cold.test(name) || (module !== null && notModules.test(module))) continue;
    const isCode = isCodeType(type) && (module !== null || isInText(line.index + 2));
    found.push({ name, module, isCode, ...readAddress(text, line.index) });
  }
  return found;
}

const isCodeType = (type: string) => 'TtWw'.includes(type);

/** Of the line that has its first space there. */
function readAddress(text: string, space: number): Pick<KernelSymbol, 'address' | 'isFirst'> {
  const start = text.lastIndexOf('\n', space) + 1;
  const before = text.lastIndexOf('\n', start - 2) + 1;
  const digits = text.slice(start, space);
  return {
    address: parseInt(digits.slice(-8), 16),
    isFirst: start === 0 || !text.startsWith(digits, before),
  };
}

/** The same of whole names, without the text. */
function searchSymbols(search: SearchTables, names: readonly string[]): KernelSymbol[] {
  const asked = new Set(names.filter((name) => !padded.test(name) && !cold.test(name)));
  const found = search([...asked, ...textBounds]);
  const isInText = makeBoundsTest((name, from) =>
    found.findIndex((symbol, at) => at >= from && symbol.name === name),
  );
  return found.flatMap(({ name, type, address, isFirst }, at) => {
    const isCode = isCodeType(type) && isInText(at);
    const low = Number(address & 0xffffffffn);
    return asked.has(name) ? { name, module: null, isCode, address: low, isFirst } : [];
  });
}

/** Of the space before a name. */
export function makeIsInText(text: string): (at: number) => boolean {
  return makeBoundsTest((name, from) => text.indexOf(` ${name}\n`, from));
}

/** Symbols that say where the text is. */
export const textBounds = ['_etext', '_sinittext', '_einittext'] as const;

/**
 * Whether a symbol is in the text, by its place. The type alone takes some of the data of Linux 7.2 for code.
 * @param find the first place of a name, from another on; -1 for none
 */
function makeBoundsTest(
  find: (name: (typeof textBounds)[number], from: number) => number,
): (at: number) => boolean {
  const end = find('_etext', 0);
  if (end < 0) return () => true;
  const initStart = find('_sinittext', end);
  const initEnd = find('_einittext', end);
  return (at) => at < end || (at >= initStart && at < initEnd);
}

export interface KallsymsSource {
  /** What /proc/kallsyms has of vmlinux, or all of it; it is made when something needs it. */
  readonly vmlinux: () => string;
  /** Finds symbols of vmlinux by their names without the text, where that can be done. */
  readonly search?: SearchTables | undefined;
  /** The same with what is left, if any: of modules, of BPF programs. */
  readonly rest?: (() => string) | undefined;
}

/** The symbols of /proc/kallsyms, of which no more is made and read than is needed. */
export class Kallsyms {
  readonly #source: KallsymsSource;
  #vmlinux: string | undefined;
  #all: string | undefined;

  constructor(source: KallsymsSource) {
    this.#source = source;
  }

  /** Text that has the symbols of vmlinux, at least. */
  get vmlinux(): string {
    return (this.#vmlinux ??= this.#source.vmlinux());
  }

  get all(): string {
    return (this.#all ??= this.#source.rest?.() ?? this.vmlinux);
  }

  /** Symbols of vmlinux, at least, that have one of these names. */
  find(names: readonly string[]): KernelSymbol[] {
    const { search } = this.#source;
    return search === undefined
      ? findSymbols(this.vmlinux, toRegExpSource(names))
      : searchSymbols(search, names);
  }
}
