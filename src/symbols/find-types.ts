/** Finds types by the names that people write: `struct file`, `file`, `unsigned long`, `sk_*`. */
import type { Btf, Kind } from './btf.js';
import { keywordOf, spellType } from './c-type.js';
import { anyName, toRegExpSource } from './glob.js';
import { spellInt } from './int-name.js';
import { findNearest } from '../words/nearest.js';

const ofAnyKeyword: ReadonlySet<Kind> = new Set([
  ...(['struct', 'union', 'enum', 'enum64', 'fwd'] as const),
  ...(['typedef', 'int', 'float'] as const),
]);

/** `struct file` in its two words; no keyword stands for any, and for none. */
const inWords = /^(?:(struct|union|enum)\s+)?(.+)$/s;

/**
 * Ids of the types that a name or a shell glob means, in the order of BTF. There may be several: a
 * struct and a typedef of one name, a struct that two files define, one that is only declared here.
 */
export function findTypes(btf: Btf, name: string): number[] {
  const [, keyword, glob = ''] = inWords.exec(name) ?? [];
  if (keyword === undefined && (/\s/.test(glob) || spellInt(glob) !== glob))
    return findInts(btf, glob);
  return btf
    .findTypes(ofAnyKeyword, toRegExpSource([glob]))
    .map(({ id }) => id)
    .filter((id) => keyword === undefined || keywordOf(btf, id) === keyword);
}

/** BTF may have another name for it than the one given. */
function findInts(btf: Btf, name: string): number[] {
  const spelt = spellInt(name.trim());
  const ids: number[] = [];
  for (let id = 1; id < btf.count; id++) {
    if (btf.kind(id) === 'int' && spellInt(btf.name(id)) === spelt) ids.push(id);
  }
  return ids;
}

/** Up to `count` types that are spelt much like this one, the most alike first: `struct file`. */
export function nearestTypes(btf: Btf, name: string, count: number): string[] {
  const [, , bare = ''] = inWords.exec(name.replace(/[*?[\]]/g, '')) ?? [];
  const byName = new Map<string, string>();
  for (const found of btf.findTypes(ofAnyKeyword, anyName)) {
    if (!byName.has(found.name)) byName.set(found.name, spellType(btf, found.id));
  }
  return findNearest([...byName.keys()], bare, count).map((near) => byName.get(near) ?? near);
}
