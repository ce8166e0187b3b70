/** Finds the functions that patterns mean. */
import { exitStatus, Failure } from '../failure.js';
import type { Argument } from '../symbols/argument.js';
import type { Btf } from '../symbols/btf.js';
import type { KernelFunction, Scope } from '../symbols/function.js';
import { compileGlobs, isGlob } from '../symbols/glob.js';
import { findNearest } from '../words/nearest.js';
import type { Programs } from '../symbols/programs.js';
import { formatCount } from '../words/quantities.js';
import type { Pattern } from './pattern.js';

/** The part of the symbols that functions are found in. */
export interface FunctionSource {
  readonly btf: Btf;
  /** BPF programs that are loaded. */
  readonly programs: Programs;
  /** Names of the modules that are loaded. */
  readonly modules: readonly string[];
  /** The types of a module, or of vmlinux for null. */
  btfOf(module: string | null): Btf;
  /** Functions, traceable or not, that match one of the globs: sorted by name. */
  match(globs: readonly string[], scope?: Scope): readonly KernelFunction[];
  /** Tracepoints that match one of the globs: sorted by name. */
  tracepoints(globs: readonly string[], scope?: Scope): readonly KernelFunction[];
  /** Names of functions that are spelt much like this one. */
  nearest(name: string, count: number): readonly string[];
  /** Whether a function has such an argument; null where the kernel has no such type. */
  argumentTest(argument: Argument): ((candidate: KernelFunction) => boolean) | null;
  /** Types that are spelt much like this one: `struct file`. */
  nearestTypes(name: string, count: number): readonly string[];
}

export interface FoundFunctions {
  /** All, sorted by name. */
  readonly all: readonly KernelFunction[];
  readonly byPattern: ReadonlyMap<Pattern, readonly KernelFunction[]>;
}

/**
 * Looks once for all patterns: the kernel's tables are large.
 * @param scope modules in which globs are looked for too
 * @throws {Failure} when a module is not loaded, or a pattern matches nothing, with the nearest names
 */
export function findFunctions(
  patterns: readonly Pattern[],
  symbols: FunctionSource,
  scope: Scope = [],
): FoundFunctions {
  const missing =
    scope === 'all modules' ? undefined : scope.find((name) => !symbols.modules.includes(name));
  if (missing !== undefined) throw noModule(missing, symbols.modules);
  const named = symbols.match(
    patterns.map(({ glob }) => glob),
    scope,
  );
  const byName = groupByName(named);
  const byPattern = new Map(
    patterns.map((pattern) => {
      const { glob } = pattern;
      const found = isGlob(glob) ? matchGlob(named, glob, scope) : (byName.get(glob) ?? []);
      if (found.length === 0) throw noMatch(pattern, symbols);
      return [pattern, withArgument(found, pattern, symbols)];
    }),
  );
  const chosen = new Set([...byPattern.values()].flat());
  return { all: named.filter((found) => chosen.has(found)), byPattern };
}

/** Of several modules that have a name each has a function of its own. */
function groupByName(functions: readonly KernelFunction[]): Map<string, KernelFunction[]> {
  const groups = new Map<string, KernelFunction[]>();
  for (const found of functions) {
    const group = groups.get(found.name);
    if (group === undefined) groups.set(found.name, [found]);
    else group.push(found);
  }
  return groups;
}

/** What was found by a whole name in another module is not meant by a glob. */
function matchGlob(
  functions: readonly KernelFunction[],
  glob: string,
  scope: Scope,
): KernelFunction[] {
  const names = compileGlobs([glob]);
  const isInScope = ({ module }: KernelFunction) =>
    module === null || scope === 'all modules' || scope.includes(module);
  return functions.filter((found) => names.test(found.name) && isInScope(found));
}

function withArgument(
  functions: readonly KernelFunction[],
  pattern: Pattern,
  symbols: FunctionSource,
): readonly KernelFunction[] {
  const { argument } = pattern;
  if (argument === null) return functions;
  const test = symbols.argumentTest(argument);
  if (test === null) throw noType(pattern, argument.type?.base ?? '', symbols);
  const found = functions.filter(test);
  if (found.length === 0) throw noArgument(pattern, functions);
  return found;
}

function noModule(name: string, loaded: readonly string[]): Failure {
  const nearest = findNearest(loaded, name, 3);
  return new Failure(
    exitStatus.usage,
    `There is no module ${name} loaded.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    `Load it: sudo modprobe ${name}; what is built into the kernel needs no --kfunc-kmods`,
  );
}

function noMatch({ flag, glob }: Pattern, symbols: FunctionSource): Failure {
  const bare = glob.replace(/[*?[\]]/g, '');
  const nearest = symbols.nearest(bare, 3);
  return new Failure(
    exitStatus.usage,
    isGlob(glob)
      ? `${flag} '${glob}' matches no function of this kernel.`
      : `${flag} '${glob}' is no function of this kernel.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    `Look for functions with: fsnoop list '*${bare}*'`,
    ...(nearest.length === 0 && !isGlob(glob)
      ? ['One of a module is there when that is loaded: sudo modprobe NAME']
      : []),
    ...(isGlob(glob) && symbols.modules.length > 0
      ? ['For those of modules: --kfunc-kmods NAME, or --kfunc-all-kmods']
      : []),
  );
}

function noType({ flag, text }: Pattern, type: string, symbols: FunctionSource): Failure {
  const nearest = symbols.nearestTypes(type, 3);
  return new Failure(
    exitStatus.usage,
    `${flag} '${text}': this kernel has no type ${type}.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    `Look for types with: fsnoop types '*${type.replace(/^.* /, '')}*'`,
  );
}

function noArgument({ flag, text, glob }: Pattern, functions: readonly KernelFunction[]): Failure {
  const wanted = text.slice(text.indexOf(':') + 1).trim();
  const [only] = functions;
  return new Failure(
    exitStatus.usage,
    functions.length === 1 && only
      ? `${flag} '${text}': ${only.name} has no argument ${wanted}.`
      : `${flag} '${text}': none of the ${formatCount(functions.length)} functions that match has an argument ${wanted}.`,
    `See the arguments that there are: fsnoop list --proto '${glob}'`,
  );
}
