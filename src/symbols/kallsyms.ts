/**
 * /proc/kallsyms: every symbol of the kernel, by address, then of its modules.
 *
 *	ffffffff81000000 T vfs_read
 *	ffffffffc0001000 t ext4_readdir	[ext4]
 */

export interface KernelSymbol {
  readonly name: string;
  /** Null for vmlinux. */
  readonly module: string | null;
  /** A function, or another place in the text; else data. */
  readonly isCode: boolean;
}

/** Begin the names of the padding before functions. */
const padding = '__(?:pfx|cfi)_';
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
    const isCode = 'TtWw'.includes(type) && (module !== null || isInText(line.index + 2));
    found.push({ name, module, isCode });
  }
  return found;
}

/** Of the space before a name. The type alone takes some of the data of Linux 7.2 for code. */
export function makeIsInText(text: string): (at: number) => boolean {
  const end = text.indexOf(' _etext\n');
  if (end < 0) return () => true;
  const initStart = text.indexOf(' _sinittext\n', end);
  const initEnd = text.indexOf(' _einittext\n', end);
  return (at) => at < end || (at >= initStart && at < initEnd);
}

/** The text of /proc/kallsyms, of which a part may be read only when it is needed. */
export class Kallsyms {
  /** The symbols of vmlinux, at least. */
  readonly vmlinux: string;
  /** Whether what is left has symbols of modules. */
  readonly hasModules: boolean;
  #all: string | null;
  readonly #load: () => string;

  /** @param load all of the text, where `vmlinux` is not all */
  constructor(vmlinux: string, hasModules = false, load?: () => string) {
    this.vmlinux = vmlinux;
    this.hasModules = hasModules;
    this.#all = load === undefined ? vmlinux : null;
    this.#load = load ?? (() => vmlinux);
  }

  get all(): string {
    return (this.#all ??= this.#load());
  }
}
