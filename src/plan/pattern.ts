/** Patterns of functions, as `-k` and the `--fgraph-…` flags take them: by name, and by an argument. */
import { exitStatus, Failure } from '../failure.js';
import type { Argument, ArgumentType } from '../symbols/argument.js';
import { adviceOnPrefix } from './bpfsnoop.js';

export interface Pattern {
  /** The flag that it was given with, for messages. */
  readonly flag: string;
  /** As it was written, without a prefix: it may be given to `fsnoop list`. */
  readonly text: string;
  /** A name, or a shell glob. */
  readonly glob: string;
  /** Only functions that have such an argument, or null. */
  readonly argument: Argument | null;
  /** `(g)` before it: show the graph below. (`(b)`, entry and return, is what fsnoop does anyway.) */
  readonly graph: boolean;
  /** `(s)` before it: show the stack. */
  readonly stack: boolean;
}

/**
 * Splits `vfs_*,(g)ksys_read,*:(struct sk_buff *)skb` at its commas, if not in parentheses.
 * @throws {Failure} on an empty pattern, and on what can't be the name of a function, a type or an argument.
 */
export function parsePatterns(flag: string, texts: readonly string[]): Pattern[] {
  return texts
    .flatMap((text) => text.split(text.includes('(') ? /,(?![^()]*\))/ : ','))
    .map((text) => parsePattern(flag, text.trim()));
}

/**
 * The names in `--kfunc-kmods nf_tables,dm-snapshot`, as the kernel has them.
 * @throws {Failure} when one is none
 */
export function parseModules(texts: readonly string[]): readonly string[] {
  const names = texts.flatMap((text) => text.split(',')).map((name) => name.trim());
  const wrong = names.find((name) => !/^[\w-]+$/.test(name));
  if (wrong !== undefined)
    throw new Failure(
      exitStatus.usage,
      `--kfunc-kmods '${wrong}' is no name of a module.`,
      'Names, by commas: --kfunc-kmods nf_tables,ext4',
    );
  return names.map((name) => name.replaceAll('-', '_'));
}

function parsePattern(flag: string, written: string): Pattern {
  const [, prefixes = '', text = ''] = /^((?:\(\w+\))*)(.*)$/s.exec(written) ?? [];
  const letters: readonly string[] = prefixes.match(/\w+/g) ?? [];
  for (const letter of letters) checkPrefix(flag, written, letter);
  if (text === '') {
    throw new Failure(
      exitStatus.usage,
      `${flag} has an empty pattern.`,
      `Name functions, or use a glob: ${flag} 'vfs_read,ext4_*'`,
    );
  }
  const [, glob = '', named] = /^([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  const argument = named ?? (letters.includes('skb') ? '(struct sk_buff *)skb' : undefined);
  if (!/^[\w.$*?[\]!^-]+$/.test(glob)) {
    throw new Failure(
      exitStatus.usage,
      glob === ''
        ? `${flag} '${written}' has no name of a function before its colon.`
        : `${flag} '${written}' is neither the name of a function nor a glob of names.`,
      glob === ''
        ? `For all functions with that argument: ${flag} '*${text}'`
        : "A name has letters, digits, _ and .; a glob also *, ? and [a-z]: 'vfs_*'",
    );
  }
  return {
    flag,
    text,
    glob,
    argument: argument === undefined ? null : parseArgument(flag, written, argument.trim()),
    graph: letters.includes('g'),
    stack: letters.includes('s'),
  };
}

function checkPrefix(flag: string, pattern: string, letter: string): void {
  if (/^[gsb]$|^skb$/.test(letter)) return;
  const advice = adviceOnPrefix(letter);
  throw new Failure(
    exitStatus.usage,
    `${flag} '${pattern}': ${advice ?? `there is no prefix (${letter}).`}`,
    advice === undefined
      ? '(g)NAME stands for -g, (s)NAME for --output-stack, (skb)NAME for NAME:(struct sk_buff *)skb'
      : `Leave it out: ${flag} '${pattern.replace(`(${letter})`, '')}'`,
  );
}

/** `skb`, `(struct sk_buff *)skb`, `(struct sk_buff *)`, or `skb:struct sk_buff *`. */
function parseArgument(flag: string, pattern: string, text: string): Argument {
  const [, before, behind] = /^(\w+)\s*:(.*)$/s.exec(text) ?? [];
  if (before !== undefined && behind !== undefined)
    return { name: before, type: parseArgumentType(flag, pattern, behind.trim()) };
  const [matched, type, name = ''] = /^(?:\(([^()]*)\))?\s*([A-Za-z_]\w*)?$/.exec(text) ?? [];
  if (matched === undefined || matched === '') {
    throw new Failure(
      exitStatus.usage,
      `${flag} '${pattern}' has neither the name of an argument nor a type after its colon.`,
      `By name, by type, or both: ${flag} 'vfs_*:count' '*:(struct sock *)' '*:(struct sk_buff *)skb'`,
    );
  }
  return {
    name: name === '' ? null : name,
    type: type === undefined ? null : parseArgumentType(flag, pattern, type),
  };
}

/** `struct sk_buff *`, `const char **`, `unsigned long`. */
function parseArgumentType(flag: string, pattern: string, text: string): ArgumentType {
  const words = text.replace(/\b(?:const|volatile|restrict)\b/g, ' ').replace(/\s+/g, ' ');
  const [, base = '', stars = ''] = /^([\w ]+?)((?: ?\*)*)$/.exec(words.trim()) ?? [];
  if (base === '' || base === ' ') {
    throw new Failure(
      exitStatus.usage,
      `${flag} '${pattern}': '${text}' is not a type that an argument is found by.`,
      "Such types are names, with stars for pointers: '(size_t)', '(struct sk_buff *)', '(char **)'",
    );
  }
  return { base, stars: stars.replaceAll(' ', '').length };
}
