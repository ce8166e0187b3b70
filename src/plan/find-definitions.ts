/** Finds the types, and the functions, that names and globs mean. */
import { exitStatus, Failure } from '../failure.js';
import type { Btf } from '../symbols/btf.js';
import { spellType } from '../symbols/c-type.js';
import { findTypes, nearestTypes } from '../symbols/find-types.js';
import { isGlob, toRegExpSource } from '../symbols/glob.js';

/**
 * BTF ids of types and, where it is a whole name, of functions; in the order of the names, sorted for
 * each. What is only declared counts where it is defined nowhere.
 * @throws {Failure} when a name or glob means nothing, with the nearest names
 */
export function findDefinitions(names: readonly string[], btf: Btf): number[] {
  return [...new Set(names.flatMap((name) => findOne(name.trim(), btf)))];
}

function findOne(name: string, btf: Btf): number[] {
  const types = withoutDeclared(findTypes(btf, name), btf);
  const functions = isGlob(name) ? [] : btf.findFunctions(toRegExpSource([name]));
  if (types.length + functions.length === 0) throw noType(name, btf);
  return [...types, ...functions.map(({ id }) => id)];
}

function withoutDeclared(ids: readonly number[], btf: Btf): number[] {
  const byName = ids.map((id) => ({ id, name: spellType(btf, id), isDefined: isDefined(btf, id) }));
  const defined = new Set(byName.filter((type) => type.isDefined).map(({ name }) => name));
  return byName
    .filter((type) => type.isDefined || !defined.has(type.name))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id))
    .map(({ id }) => id);
}

const isDefined = (btf: Btf, id: number) => btf.kind(id) !== 'fwd';

function noType(name: string, btf: Btf): Failure {
  const [, bare = ''] = /([^ ]*)$/.exec(name.replace(/[*?[\]]/g, '')) ?? [];
  if (bare === '') {
    return new Failure(
      exitStatus.usage,
      `'${name}' is not the name of a type.`,
      "Name types, or use a glob: fsnoop types 'struct file' size_t 'sk_*'",
    );
  }
  const nearest = nearestTypes(btf, name, 3);
  return new Failure(
    exitStatus.usage,
    isGlob(name)
      ? `'${name}' matches no type of this kernel.`
      : `This kernel has no type and no function ${name}.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
    `Look for types with: fsnoop types '*${bare}*'`,
  );
}
