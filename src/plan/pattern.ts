/** Patterns of function names, as `-k` and the `--fgraph-…` flags take them. */
import { exitStatus, Failure } from '../failure.js';

export interface Pattern {
  /** The flag that it was given with, for messages. */
  readonly flag: string;
  /** A name, or a shell glob. */
  readonly glob: string;
  /** `(g)` before it: show the graph below. (`(b)`, entry and return, is what fsnoop does anyway.) */
  readonly graph: boolean;
}

/**
 * Splits `vfs_*,(g)ksys_read` at its commas.
 * @throws {Failure} on an empty pattern, and on what can't be the name of a function.
 */
export function parsePatterns(flag: string, texts: readonly string[]): Pattern[] {
  return texts.flatMap((text) => text.split(',')).map((text) => parsePattern(flag, text.trim()));
}

function parsePattern(flag: string, text: string): Pattern {
  const [, prefix = '', glob = ''] = /^(\((?:g|b)\))?(.*)$/s.exec(text) ?? [];
  if (glob === '') {
    throw new Failure(
      exitStatus.usage,
      `${flag} has an empty pattern.`,
      `Name functions, or use a glob: ${flag} 'vfs_read,ext4_*'`,
    );
  }
  if (glob.includes(':')) {
    throw new Failure(
      exitStatus.usage,
      `${flag} '${text}': choosing functions by an argument's name or type is not there yet.`,
      `Choose by name: ${flag} '${/^[^:]+/.exec(glob)?.[0] ?? '*'}'`,
    );
  }
  if (!/^[\w.$*?[\]!^-]+$/.test(glob)) {
    throw new Failure(
      exitStatus.usage,
      `${flag} '${text}' is neither the name of a function nor a glob of names.`,
      "A name has letters, digits, _ and .; a glob also *, ? and [a-z]: 'vfs_*'",
    );
  }
  return { flag, glob, graph: prefix === '(g)' };
}
