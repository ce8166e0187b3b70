/** Tracepoints as `-t` takes them: `sched_switch`, `sched_*`, by commas. */
import { exitStatus, Failure } from '../failure.js';
import { findNearest } from '../words/nearest.js';
import type { KernelFunction, Scope } from '../symbols/function.js';
import { compileGlobs, isGlob } from '../symbols/glob.js';
import type { FunctionSource } from './find.js';

/**
 * The names and globs.
 * @throws {Failure} on what is neither
 */
export function parseTracepoints(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',')).map((text) => parseTracepoint(text.trim()));
}

function parseTracepoint(text: string): string {
  if (/^[\w*?[\]!^-]+$/.test(text)) return text;
  const [, bare] = /^\w+:(\w+)$/.exec(text) ?? [];
  throw new Failure(
    exitStatus.usage,
    bare === undefined
      ? `-t '${text}' is neither the name of a tracepoint nor a glob of names.`
      : `-t '${text}': tracepoints have no system before their name here.`,
    bare === undefined ? "Such as: -t sched_switch, -t 'block_rq_*'" : `Say: -t ${bare}`,
  );
}

/**
 * All that the globs mean, each once, sorted by name.
 * @throws {Failure} when one means nothing, with the nearest names
 */
export function chooseTracepoints(
  globs: readonly string[],
  symbols: Pick<FunctionSource, 'tracepoints'>,
  scope: Scope,
): readonly KernelFunction[] {
  if (globs.length === 0) return [];
  const found = symbols.tracepoints(globs, scope);
  for (const glob of globs) {
    const isMeant = compileGlobs([glob]);
    if (!found.some(({ name }) => isMeant.test(name))) throw noTracepoint(glob, symbols);
  }
  return found;
}

function noTracepoint(glob: string, symbols: Pick<FunctionSource, 'tracepoints'>): Failure {
  const names = symbols.tracepoints(['*'], 'all modules').map(({ name }) => name);
  const nearest = findNearest([...new Set(names)], glob.replace(/[*?[\]]/g, ''), 3);
  return new Failure(
    exitStatus.usage,
    isGlob(glob)
      ? `-t '${glob}' matches no tracepoint of this kernel.`
      : `This kernel has no tracepoint ${glob}.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    "Look for tracepoints with: fsnoop list --tracepoints '*'",
    'Those of a module are there when it is loaded; for globs of them: --kfunc-kmods NAME',
  );
}
