/** Modules of a kernel: those that are wanted, and what they depend on. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import { findNearest } from '../words/nearest.js';
import { listFiles } from './guest-files.js';
import { needProgram, runProgram } from './programs.js';

export interface KernelModule {
  /** As the kernel has it in /proc/modules. */
  readonly name: string;
  /** What is loaded: an object file, with the signature behind it. */
  readonly contents: Buffer;
}

/**
 * The names in `--module loop,dm-snapshot`.
 * @throws {Failure} when one is empty
 */
export function parseModuleNames(texts: readonly string[]): readonly string[] {
  const names = texts.flatMap((text) => text.split(',')).map((name) => name.trim());
  if (names.includes(''))
    throw new Failure(
      exitStatus.usage,
      `--module '${texts.join(',')}' has an empty name.`,
      'Names, by commas: --module loop,dm-snapshot',
    );
  return names;
}

/**
 * The modules of these names, each behind those that it depends on. What is built in needs no loading.
 * @param folder what is `/lib/modules/VERSION` on a machine that runs this kernel
 * @throws {Failure} when the kernel has no such module
 */
export async function loadModules(
  folder: string,
  names: readonly string[],
): Promise<readonly KernelModule[]> {
  const files = await listFiles(join(folder, 'kernel'), () => true);
  const paths = new Map(files.map((path) => [moduleName(path), path]));
  const builtIn = parseBuiltIn(await readFile(join(folder, 'modules.builtin'), 'utf8'));
  const modules = new Map<string, KernelModule>();
  const add = async (spelled: string): Promise<void> => {
    const name = moduleName(spelled);
    if (modules.has(name) || builtIn.includes(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw notFound(spelled, [...paths.keys(), ...builtIn]);
    const contents = await readModule(path);
    for (const needed of parseDepends(contents)) await add(needed);
    modules.set(name, { name, contents });
  };
  for (const name of names) await add(name);
  return [...modules.values()];
}

/** A module's name by its file's, or as somebody spells it: the kernel has no dashes in them. */
export function moduleName(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
}

/** The names in `modules.builtin`, which has a path in each line. */
export function parseBuiltIn(text: string): readonly string[] {
  return text.split('\n').filter(Boolean).map(moduleName);
}

/** What a module needs, by the line of text in it that modinfo shows as `depends`. */
export function parseDepends(contents: Buffer): readonly string[] {
  const [, list = ''] = /\0depends=([\w,-]*)\0/.exec(contents.toString('latin1')) ?? [];
  return list.split(',').filter(Boolean);
}

/** Debian packs them with xz, but not those of 6.1. */
async function readModule(path: string): Promise<Buffer> {
  if (!path.endsWith('.xz')) return readFile(path);
  const text = await runProgram(needProgram('busybox'), ['xzcat', path], { encoding: 'latin1' });
  return Buffer.from(text, 'latin1');
}

function notFound(name: string, names: readonly string[]): Failure {
  const nearest = findNearest(names, moduleName(name), 3);
  return new Failure(
    exitStatus.usage,
    `This kernel has no module ${name}.`,
    ...nearest.map((other) => `--module ${other}`),
  );
}
