/** What is found out about types once, as thousands of functions have the same few hundred. */
import type { Btf } from './btf.js';

/** A Map for each Btf, which goes when that does. */
export function keptOf<Key, Value>(): (btf: Btf) => Map<Key, Value> {
  const maps = new WeakMap<Btf, Map<Key, Value>>();
  return (btf) => {
    let map = maps.get(btf);
    if (map === undefined) {
      map = new Map();
      maps.set(btf, map);
    }
    return map;
  };
}
