/** BPF programs as `-p` takes them: `name:xdp_pass`, `id:12`, `pinned:/sys/fs/bpf/x:parse`, `*`. */
import { exitStatus, Failure } from '../failure.js';
import { findNearest } from '../words/nearest.js';
import type { KernelFunction } from '../symbols/function.js';
import { compileGlobs } from '../symbols/glob.js';
import type { BpfProgram, Programs } from '../symbols/programs.js';

export interface ProgramPattern {
  /** As it was written. */
  readonly text: string;
  readonly by: 'any' | 'id' | 'name' | 'pid' | 'pinned' | 'tag';
  /** A name may be a glob. */
  readonly value: string;
  /** A function of it, by a name or a glob; null: the program itself. */
  readonly function: string | null;
}

const kinds: Readonly<Record<string, ProgramPattern['by']>> = {
  i: 'id',
  id: 'id',
  n: 'name',
  name: 'name',
  p: 'pinned',
  pid: 'pid',
  pinned: 'pinned',
  t: 'tag',
  tag: 'tag',
};

const values: Readonly<Record<ProgramPattern['by'], RegExp>> = {
  any: /^$/,
  id: /^\d+$/,
  name: /^[\w.$*?[\]!^-]+$/,
  pid: /^\d+$/,
  pinned: /^./,
  tag: /^[0-9a-f]{16}$/,
};

/** @throws {Failure} on what is none of these */
export function parsePrograms(texts: readonly string[]): ProgramPattern[] {
  return texts.flatMap((text) => text.split(',')).map((text) => parseProgram(text.trim()));
}

function parseProgram(text: string): ProgramPattern {
  const [first = '', ...rest] = text.split(':');
  const by = first === '*' ? 'any' : /^\d+$/.test(first) ? 'id' : kinds[first];
  const [value = '', called, ...others] = kinds[first] === undefined ? [first, ...rest] : rest;
  const wanted = by === 'any' ? '' : value;
  if (by === undefined || others.length > 0 || !values[by].test(wanted) || called === '')
    throw misspelt(text);
  return { text, by, value: wanted, function: called ?? null };
}

/**
 * Functions of programs, sorted as the programs are.
 * @throws {Failure} when a pattern matches nothing
 */
export function findPrograms(
  patterns: readonly ProgramPattern[],
  programs: Programs,
): KernelFunction[] {
  const found = patterns.flatMap((pattern) => {
    const matching = matchPrograms(pattern, programs);
    if (matching.length === 0) throw noProgram(pattern, programs.all);
    const functions = matching.flatMap((program) => matchFunctions(pattern, program));
    if (functions.length === 0) throw noFunction(pattern, matching);
    return functions;
  });
  return [...new Set(found)];
}

function matchPrograms({ by, value }: ProgramPattern, programs: Programs): BpfProgram[] {
  const { all } = programs;
  switch (by) {
    case 'any':
      return [...all];
    case 'id':
      return all.filter(({ id }) => id === Number(value));
    case 'name': {
      const names = compileGlobs([value]);
      return all.filter(({ name }) => names.test(name));
    }
    case 'tag':
      return all.filter(({ tag }) => tag === value);
    case 'pinned':
      return all.filter(({ id }) => id === programs.pinned(value));
    case 'pid': {
      const open = new Set(programs.ofProcess(Number(value)));
      return all.filter(({ id }) => open.has(id));
    }
  }
}

function matchFunctions({ function: called }: ProgramPattern, program: BpfProgram) {
  if (called === null) return program.functions.slice(0, 1);
  const names = compileGlobs([called]);
  return program.functions.filter(({ name }) => names.test(name));
}

function misspelt(text: string): Failure {
  return new Failure(
    exitStatus.usage,
    `-p '${text}' names no BPF program.`,
    '-p id:12, name:xdp_pass, tag:0123456789abcdef, pinned:/sys/fs/bpf/x, pid:4321, or *',
    'A function of it follows another colon: -p name:xdp_pass:parse, or :* for all',
  );
}

function noProgram({ text, by, value }: ProgramPattern, all: readonly BpfProgram[]): Failure {
  const names = [...new Set(all.map(({ name }) => name))];
  const nearest = by === 'name' ? findNearest(names, value, 3) : [];
  return new Failure(
    exitStatus.usage,
    `-p '${text}' matches none of the ${all.length} BPF programs that are loaded.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    'See them with: sudo bpftool prog',
  );
}

function noFunction(
  { text, function: called }: ProgramPattern,
  found: readonly BpfProgram[],
): Failure {
  const names = found.flatMap(({ functions }) => functions.map(({ name }) => name));
  return new Failure(
    exitStatus.usage,
    `-p '${text}': there is no function ${called ?? ''} in it.`,
    `It has: ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`,
  );
}
