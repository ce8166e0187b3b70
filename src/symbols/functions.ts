/**
 * All functions of the kernel, from three sources that each know a part: BTF has prototypes, kallsyms
 * has every symbol, ftrace what can be patched.
 */
import { makeAddresses, type Addresses } from './addresses.js';
import { makeArgumentTest, type Argument } from './argument.js';
import { findListed } from './available.js';
import { Btf, type BtfVerbs } from './btf.js';
import { makeCode, type Code } from './code.js';
import { isDenied, isNoReturn } from './deny-list.js';
import { nearestTypes } from './find-types.js';
import type { KernelFunction, Reason } from './function.js';
import { anyName, compileGlobs, isGlob, toRegExpSource } from './glob.js';
import { findSymbols, Kallsyms, type KernelSymbol } from './kallsyms.js';
import { findNearest } from '../nearest.js';
import { isPatchSite, type PatchSites } from './patch-sites.js';
import { judgePrototype, type Judgement } from './prototype.js';

export interface SymbolFiles {
  /** /sys/kernel/btf/vmlinux */
  readonly btf: Uint8Array;
  /** /proc/kallsyms: all of it, or what it has of vmlinux. */
  readonly kallsyms: Uint8Array;
  /** What is left, if any: of modules, of BPF programs. It is read when a name or an address needs it. */
  readonly rest?: { readonly hasModules: boolean; readonly all: () => Uint8Array };
  /** available_filter_functions of tracefs */
  readonly available: Uint8Array;
  /** BTF ids of what the kernel itself denies; empty where that is not known. */
  readonly denied?: ReadonlySet<number>;
}

/** Functions that ftrace can patch: as available_filter_functions lists them, or by their addresses. */
type Patchable =
  | { readonly type: 'listed'; readonly text: string }
  | { readonly type: 'sites'; readonly sites: PatchSites };

/** What the files say of one name. */
interface Known {
  /** The first; 0 for none. */
  btfId: number;
  /** How often BTF and the symbols of vmlinux have the name. */
  inBtf: number;
  inVmlinux: number;
  /** The first; null for none. */
  module: string | null;
  isPatchable: boolean;
}

/** More than these, or more names in all, are looked for by going through all names. */
const mostGlobs = 20;
const mostNames = 10_000;

/** @throws {Failure} when the BTF is malformed. */
export function makeSymbols(
  { btf, kallsyms, rest, available, denied = new Set() }: SymbolFiles,
  verbs: BtfVerbs,
): Symbols {
  const { all, hasModules = false } = rest ?? {};
  return new Symbols(
    new Btf(btf, verbs),
    new Kallsyms({
      vmlinux: () => toText(kallsyms),
      rest: all && { hasModules, all: () => toText(all()) },
    }),
    { type: 'listed', text: toText(available) },
    denied,
  );
}

export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export class Symbols {
  readonly btf: Btf;
  readonly addresses: Addresses;
  readonly #kallsyms: Kallsyms;
  readonly #patchable: Patchable;
  readonly #denied: ReadonlySet<number>;
  #code: Code | undefined;

  constructor(
    btf: Btf,
    kallsyms: Kallsyms,
    patchable: Patchable,
    denied: ReadonlySet<number> = new Set(),
  ) {
    this.btf = btf;
    this.addresses = makeAddresses(kallsyms);
    this.#kallsyms = kallsyms;
    this.#patchable = patchable;
    this.#denied = denied;
  }

  get code(): Code {
    return (this.#code ??= makeCode(this.#kallsyms.vmlinux));
  }

  /**
   * Functions, traceable or not, whose name matches one of the shell globs (`*`, `?`, `[a-z]`,
   * `[!a]`); sorted by name, each once. Where vmlinux and a module both have a name, it is the one
   * of vmlinux. Each call searches the files anew: one call for many globs is the quicker one.
   */
  match(globs: readonly string[]): KernelFunction[] {
    const isWanted = makeNameTest(globs);
    const { hasModules } = this.#kallsyms;
    let known = this.#find(globs, hasModules && globs.some(isGlob));
    if (hasModules && !globs.every((name) => isGlob(name) || known.has(name)))
      known = this.#find(globs, true);
    const names = [...known.keys()].filter(isWanted).sort();
    return names.flatMap((name) => {
      const about = known.get(name);
      return about === undefined ? [] : this.#describe(name, about);
    });
  }

  /** Up to `count` names of functions that are spelt much like this one, the most alike first. */
  nearest(name: string, count: number): string[] {
    return findNearest([...this.#find(['*'], this.#kallsyms.hasModules).keys()], name, count);
  }

  /**
   * Tells whether a function has such an argument, which one without BTF has not.
   * @returns null where the kernel has no type of that name
   */
  argumentTest(argument: Argument): ((candidate: KernelFunction) => boolean) | null {
    const test = makeArgumentTest(this.btf, argument);
    return test && (({ btfId }) => btfId !== 0 && test(btfId));
  }

  /** Up to `count` types that are spelt much like this one, the most alike first: `struct file`. */
  nearestTypes(name: string, count: number): string[] {
    return nearestTypes(this.btf, name, count);
  }

  /** What is known of the functions with these names, and maybe of others. */
  #find(globs: readonly string[], inModules: boolean): Map<string, Known> {
    const isByName = !globs.some(isGlob);
    const isMuch =
      globs.length > mostNames || globs.filter((glob) => isGlob(glob)).length > mostGlobs;
    const source = () => (isMuch ? anyName : toRegExpSource(globs));
    const found = new Map<string, Known>();
    const learn = (name: string): Known => {
      let known = found.get(name);
      if (known === undefined) {
        known = { btfId: 0, inBtf: 0, inVmlinux: 0, module: null, isPatchable: false };
        found.set(name, known);
      }
      return known;
    };

    const functions = isByName ? this.btf.functionsNamed(globs) : this.btf.findFunctions(source());
    for (const { name, id } of functions) {
      const known = learn(name);
      known.inBtf++;
      known.btfId ||= id;
    }
    const symbols =
      isByName && !inModules
        ? this.#kallsyms.find(globs)
        : findSymbols(inModules ? this.#kallsyms.all : this.#kallsyms.vmlinux, source());
    const data: string[] = [];
    for (const { name, module, isCode } of symbols) {
      if (module === null && isCode) learn(name).inVmlinux++;
      else if (module === null) data.push(name);
      else if (isCode) learn(name).module ??= module;
    }
    // the kernel takes the first symbol of a name, whatever it is
    for (const name of data) {
      const known = found.get(name);
      if (known !== undefined) known.inVmlinux++;
    }
    for (const name of findPatchable(this.#patchable, symbols, source)) {
      const known = found.get(name);
      if (known !== undefined) known.isPatchable = true;
    }
    return found;
  }

  #describe(name: string, known: Known): KernelFunction {
    const { btfId } = known;
    const isInModule = known.inBtf === 0 && known.inVmlinux === 0;
    const judged = btfId === 0 ? withoutBtf : judgePrototype(this.btf, btfId);
    return {
      name,
      module: isInModule ? known.module : null,
      btfId,
      returns: judged.returns,
      reason: isInModule
        ? 'in a module'
        : chooseReason(name, known, judged.reason, this.#denied.has(btfId)),
    };
  }
}

/** Names of those that can be patched, of symbols whose names a pattern matches. */
function findPatchable(
  patchable: Patchable,
  symbols: readonly KernelSymbol[],
  source: () => string,
): readonly string[] {
  if (patchable.type === 'listed') return findListed(patchable.text, source());
  return symbols
    .filter((symbol) => symbol.module === null && isPatchSite(patchable.sites, symbol))
    .map(({ name }) => name);
}

/** Whole names are looked up: a RegExp of thousands takes long to compile. */
function makeNameTest(globs: readonly string[]): (name: string) => boolean {
  const names = new Set(globs);
  const others = compileGlobs(globs.filter(isGlob));
  return (name) => names.has(name) || others.test(name);
}

const withoutBtf: Judgement = { returns: { kind: 'void' }, reason: 'no BTF' };

/** What no kernel could trace comes first, what we only leave alone last. */
function chooseReason(
  name: string,
  known: Known,
  prototype: Reason | null,
  isDeniedByKernel: boolean,
): Reason | null {
  if (!known.isPatchable) return 'no patch site';
  // the kernel goes from the BTF id to the name to the first symbol of that name
  if (known.inBtf > 1 || known.inVmlinux > 1) return 'named twice';
  if (prototype !== null) return prototype;
  if (isNoReturn(name)) return 'no-return';
  if (isDenied(name)) return 'denied'; // of which we can say why
  return isDeniedByKernel ? 'denied by the kernel' : null;
}
