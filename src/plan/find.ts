/** Finds the functions that patterns mean. */
import { exitStatus, Failure } from '../failure.js';
import type { KernelFunction } from '../symbols/function.js';
import { compileGlobs, isGlob } from '../symbols/glob.js';
import type { Pattern } from './pattern.js';

/** The part of the symbols that functions are found in. */
export interface FunctionSource {
  /** Functions, traceable or not, that match one of the globs: sorted by name, each once. */
  match(globs: readonly string[]): readonly KernelFunction[];
  /** Names of functions that are spelt much like this one. */
  nearest(name: string, count: number): readonly string[];
}

export interface FoundFunctions {
  /** All, sorted by name. */
  readonly all: readonly KernelFunction[];
  readonly byPattern: ReadonlyMap<Pattern, readonly KernelFunction[]>;
}

/**
 * Looks once for all patterns: the kernel's tables are large.
 * @throws {Failure} when a pattern matches nothing, with the nearest names
 */
export function findFunctions(
  patterns: readonly Pattern[],
  symbols: FunctionSource,
): FoundFunctions {
  const all = symbols.match(patterns.map(({ glob }) => glob));
  const byPattern = new Map(
    patterns.map((pattern) => {
      const names = compileGlobs([pattern.glob]);
      const found = all.filter(({ name }) => names.test(name));
      if (found.length === 0) throw noMatch(pattern, symbols);
      return [pattern, found];
    }),
  );
  return { all, byPattern };
}

function noMatch({ flag, glob }: Pattern, symbols: FunctionSource): Failure {
  const bare = glob.replace(/[*?[\]]/g, '');
  const nearest = symbols.nearest(bare, 3);
  return new Failure(
    exitStatus.usage,
    isGlob(glob)
      ? `${flag} '${glob}' matches no function of this kernel.`
      : `This kernel has no function ${glob}.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    `Look for functions with: fsnoop list '*${bare}*'`,
  );
}
