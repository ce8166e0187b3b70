/** Which flags of its command an unknown one may have meant. */
import { findNearest } from '../words/nearest.js';

/** What of oclif's error says so. */
export interface UnknownFlags {
  /** As they were given: `--jsn`. */
  readonly flags: readonly string[];
  readonly parse: { readonly input: { readonly flags: object } };
}

/** Command lines' words, the nearest first; JSON has another name where there are more formats. */
export function suggestFlags({ flags, parse }: UnknownFlags): string[] {
  const known = Object.keys(parse.input.flags);
  return flags.flatMap((flag) => {
    if (flag === '--json' && known.includes('format')) return ['--format json'];
    if (flag === '--format' && known.includes('json')) return ['--json'];
    const name = flag.replace(/^-+/, '');
    const longer = name.includes('-') ? known.filter((other) => hasWords(other, name)) : [];
    const found = longer.length > 0 ? longer.slice(0, 2) : findNearest(known, name, 2);
    return found.map((near) => `--${near}`);
  });
}

/** `fgraph-max-depth` has those of `fgraph-depth`. */
function hasWords(flag: string, name: string): boolean {
  const words = flag.split('-');
  return name.split('-').every((word) => words.includes(word));
}
