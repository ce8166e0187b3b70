/**
 * All functions of the kernel, from three sources that each know a part: BTF has prototypes, kallsyms
 * has every symbol, ftrace what can be patched.
 */
import { makeAddresses, type Addresses } from './addresses.js';
import { makeArgumentTest, type Argument } from './argument.js';
import { findListed, type Listed } from './available.js';
import { Btf, type BtfVerbs } from './btf.js';
import { makeCode, type Code } from './code.js';
import { isDenied, isNoReturn } from './deny-list.js';
import { nearestTypes } from './find-types.js';
import type { KernelFunction, Reason, Scope } from './function.js';
import { anyName, compileGlobs, isGlob, toRegExpSource } from './glob.js';
import { findSymbols, Kallsyms, type KernelSymbol } from './kallsyms.js';
import { findNearest } from '../words/nearest.js';
import { isPatchSite, type PatchSites } from './patch-sites.js';
import type { Programs } from './programs.js';
import { findTracepoints } from './tracepoints.js';
import { judgePrototype, type Judgement } from './prototype.js';

export interface SymbolFiles {
  /** /sys/kernel/btf/vmlinux */
  readonly btf: Uint8Array;
  /** /proc/kallsyms: all of it, or what it has of vmlinux. */
  readonly kallsyms: Uint8Array;
  /** What is left, if any: of modules, of BPF programs. It is read when a name or an address needs it. */
  readonly rest?: { readonly all: () => Uint8Array };
  readonly modules?: Modules;
  /** available_filter_functions of tracefs */
  readonly available: Uint8Array;
  /** BTF ids of what the kernel itself denies; empty where that is not known. */
  readonly denied?: ReadonlySet<number>;
}

/** Functions that ftrace can patch: as available_filter_functions lists them, or by their addresses. */
type Patchable =
  | { readonly type: 'listed'; readonly text: string }
  | { readonly type: 'sites'; readonly sites: PatchSites };

export interface Modules {
  /** Of those that are loaded. */
  readonly names: readonly string[];
  /** The BTF of one, or of a BPF program, where the kernel tells it; behind that of vmlinux. */
  readonly btf: (name: string, base: Btf) => Btf | null;
}

const noPrograms: Programs = { all: [], pinned: () => null, ofProcess: () => [] };
const noModules: Modules = { names: [], btf: () => null };

/** What the files say of one name, in vmlinux or in a module. */
interface Known {
  readonly name: string;
  /** Null for vmlinux. */
  readonly module: string | null;
  /** The first; 0 for none. */
  btfId: number;
  /** How often BTF and the symbols have the name. */
  inBtf: number;
  inSymbols: number;
  /** The lower half of the last symbol's address; 0 where there is none, or it is not told. */
  address: number;
  isPatchable: boolean;
}

/** More than these, or more names in all, are looked for by going through all names. */
const mostGlobs = 20;
const mostNames = 10_000;

/** @throws {Failure} when the BTF is malformed. */
export function makeSymbols(
  { btf, kallsyms, rest, modules, available, denied = new Set() }: SymbolFiles,
  verbs: BtfVerbs,
): Symbols {
  return new Symbols(
    new Btf(btf, verbs),
    new Kallsyms({
      vmlinux: () => toText(kallsyms),
      rest: rest && (() => toText(rest.all())),
    }),
    { type: 'listed', text: toText(available) },
    { denied, modules },
  );
}

export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

interface SymbolOptions {
  readonly denied?: ReadonlySet<number> | undefined;
  readonly modules?: Modules | undefined;
  readonly programs?: (() => Programs) | undefined;
  readonly tick?: number | null;
}

export class Symbols {
  readonly btf: Btf;
  readonly addresses: Addresses;
  /** Of the handler of the kernel's tick: the lower half of its address; null where it isn't known. */
  readonly tick: number | null;
  readonly #kallsyms: Kallsyms;
  readonly #patchable: Patchable;
  readonly #denied: ReadonlySet<number>;
  readonly #modules: Modules;
  readonly #loadPrograms: () => Programs;
  #programs: Programs | undefined;
  readonly #moduleBtfs = new Map<string, Btf | null>();
  readonly #code = new Map<'of vmlinux' | 'of modules too', Code>();

  constructor(
    btf: Btf,
    kallsyms: Kallsyms,
    patchable: Patchable,
    {
      denied = new Set(),
      modules = noModules,
      programs = () => noPrograms,
      tick = null,
    }: SymbolOptions = {},
  ) {
    this.btf = btf;
    this.addresses = makeAddresses(kallsyms);
    this.tick = tick;
    this.#kallsyms = kallsyms;
    this.#patchable = patchable;
    this.#denied = denied;
    this.#modules = modules;
    this.#loadPrograms = programs;
  }

  code(which: 'of vmlinux' | 'of modules too'): Code {
    const { vmlinux } = this.#kallsyms;
    const code =
      this.#code.get(which) ?? makeCode(which === 'of vmlinux' ? vmlinux : this.#kallsyms.all);
    this.#code.set(which, code);
    return code;
  }

  get modules(): readonly string[] {
    return this.#modules.names;
  }

  /**
   * BPF programs that are loaded.
   * @throws {Failure} when this user may not see them
   */
  get programs(): Programs {
    return (this.#programs ??= this.#loadPrograms());
  }

  /** The types of a module or a BPF program, or of vmlinux for null; those where a module has none of its own. */
  btfOf(module: string | null): Btf {
    return (module === null ? null : this.#findBtf(module)) ?? this.btf;
  }

  #findBtf(module: string): Btf | null {
    let btf = this.#moduleBtfs.get(module);
    if (btf === undefined) {
      btf = this.#modules.btf(module, this.btf);
      this.#moduleBtfs.set(module, btf);
    }
    return btf;
  }

  /**
   * Functions, traceable or not, whose name matches one of the shell globs (`*`, `?`, `[a-z]`,
   * `[!a]`); sorted by name. Globs are of vmlinux, and of modules in their scope; a whole name that is
   * in neither is looked for in all modules. Each call searches the files anew: one call for many
   * globs is the quicker one.
   */
  match(globs: readonly string[], scope: Scope = []): KernelFunction[] {
    const isWanted = makeNameTest(globs);
    const { names } = this.#modules;
    const modules = scope === 'all modules' ? names : scope;
    const found = this.#find(globs, modules);
    const known = new Set(Array.from(found, ({ name }) => name));
    const missing = globs.filter((glob) => !isGlob(glob) && !known.has(glob));
    const others = names.filter((name) => !modules.includes(name));
    if (missing.length > 0 && others.length > 0)
      found.push(...this.#find(missing, others).filter(({ module }) => module !== null));
    return found
      .filter(({ name }) => isWanted(name))
      .sort(byName)
      .map((one) => this.#describe(one));
  }

  /** Tracepoints whose name matches one of the shell globs, sorted by name. */
  tracepoints(globs: readonly string[], scope: Scope = []): KernelFunction[] {
    const types = {
      btf: this.btf,
      modules: this.modules,
      btfOf: (name: string) => this.#findBtf(name),
    };
    return findTracepoints(types, globs, scope);
  }

  /** Up to `count` names of functions that are spelt much like this one, the most alike first. */
  nearest(name: string, count: number): string[] {
    const all = this.#find(['*'], this.#modules.names);
    return findNearest([...new Set(all.map((known) => known.name))], name, count);
  }

  /**
   * Tells whether a function has such an argument, which one without BTF has not.
   * @returns null where the kernel has no type of that name
   */
  argumentTest(argument: Argument): ((candidate: KernelFunction) => boolean) | null {
    const tests = new Map<string | null, ReturnType<typeof makeArgumentTest>>();
    const testOf = (module: string | null) => {
      let test = tests.get(module);
      if (test === undefined) {
        test = makeArgumentTest(this.btfOf(module), argument);
        tests.set(module, test);
      }
      return test;
    };
    if ([null, ...this.#modules.names].every((module) => testOf(module) === null)) return null;
    return ({ btfId, module }) => btfId !== 0 && testOf(module)?.(btfId) === true;
  }

  /** Up to `count` types that are spelt much like this one, the most alike first: `struct file`. */
  nearestTypes(name: string, count: number): string[] {
    return nearestTypes(this.btf, name, count);
  }

  /** What is known of the functions with these names, and maybe of others. */
  #find(globs: readonly string[], modules: readonly string[]): Known[] {
    const isByName = !globs.some(isGlob);
    const isMuch =
      globs.length > mostNames || globs.filter((glob) => isGlob(glob)).length > mostGlobs;
    const source = () => (isMuch ? anyName : toRegExpSource(globs));
    const found = new Map<string | null, Map<string, Known>>();
    for (const module of [null, ...modules]) found.set(module, new Map<string, Known>());
    const learn = (name: string, module: string | null): Known | undefined => {
      const there = found.get(module);
      let known = there?.get(name);
      if (known === undefined && there !== undefined) {
        known = { name, module, btfId: 0, inBtf: 0, inSymbols: 0, address: 0, isPatchable: false };
        there.set(name, known);
      }
      return known;
    };

    for (const module of found.keys()) {
      const btf = module === null ? this.btf : this.#findBtf(module);
      const functions = isByName ? btf?.functionsNamed(globs) : btf?.findFunctions(source());
      for (const { name, id } of functions ?? []) {
        const known = learn(name, module);
        if (known === undefined) continue;
        known.inBtf++;
        known.btfId ||= id;
      }
    }
    const symbols =
      isByName && modules.length === 0
        ? this.#kallsyms.find(globs)
        : findSymbols(modules.length > 0 ? this.#kallsyms.all : this.#kallsyms.vmlinux, source());
    const data: KernelSymbol[] = [];
    for (const symbol of symbols) {
      const known = symbol.isCode ? learn(symbol.name, symbol.module) : undefined;
      if (known === undefined) {
        data.push(symbol);
      } else {
        known.inSymbols++;
        known.address = symbol.address;
      }
    }
    // the kernel takes the first symbol of a name, whatever it is
    for (const { name, module } of data) {
      const known = found.get(module)?.get(name);
      if (known !== undefined) known.inSymbols++;
    }
    for (const { name, module } of findPatchable(this.#patchable, symbols, source)) {
      const known = found.get(module)?.get(name);
      if (known !== undefined) known.isPatchable = true;
    }
    return [...found.values()].flatMap((there) => [...there.values()]);
  }

  #describe(known: Known): KernelFunction {
    const { name, module, btfId } = known;
    const judged = btfId === 0 ? withoutBtf : judgePrototype(this.btfOf(module), btfId);
    const isDeniedByKernel = module === null && this.#denied.has(btfId);
    return {
      name,
      module,
      btfId,
      ...(known.address === 0 ? {} : { address: known.address }),
      returns: judged.returns,
      reason: chooseReason(known, judged.reason, isDeniedByKernel),
    };
  }
}

/** Those of vmlinux before those of modules. */
function byName(a: Known, b: Known): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return (a.module ?? '') < (b.module ?? '') ? -1 : 1;
}

/** Those that can be patched, of symbols whose names a pattern matches. */
function findPatchable(
  patchable: Patchable,
  symbols: readonly KernelSymbol[],
  source: () => string,
): readonly Listed[] {
  return patchable.type === 'listed'
    ? findListed(patchable.text, source())
    : symbols.filter((symbol) => isPatchSite(patchable.sites, symbol));
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
  { name, isPatchable, inBtf, inSymbols }: Known,
  prototype: Reason | null,
  isDeniedByKernel: boolean,
): Reason | null {
  if (!isPatchable) return 'no patch site';
  // the kernel goes from the BTF id to the name to the first symbol of that name
  if (inBtf > 1 || inSymbols > 1) return 'named twice';
  if (prototype !== null) return prototype;
  if (isNoReturn(name)) return 'no-return';
  if (isDenied(name)) return 'denied'; // of which we can say why
  return isDeniedByKernel ? 'denied by the kernel' : null;
}
