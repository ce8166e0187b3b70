/** Shell globs of function names: `*`, `?`, `[a-z]`, `[!a]`. */

/** False for the name of one function. */
export const isGlob = (text: string) => /[*?[]/.test(text);

/** A letter of a name; what ends a name in any file is none. */
const letter = '[!-~]';

/** Source of a RegExp for the whole name of any function. */
export const anyName = `${letter}+`;

/** Source of a RegExp for what matches one of the globs; it begins and ends with the name. */
export function toRegExpSource(globs: readonly string[]): string {
  const names = [...new Set(globs.filter((glob) => !isGlob(glob)))].sort();
  const others = globs.filter(isGlob).map(translate);
  return `(?:${[...(names.length > 0 ? [toTree(names)] : []), ...others].join('|')})`;
}

/**
 * Names that begin alike share what they begin with, so that a text is searched for hundreds in the
 * time of a few: `read`, `read_iter` and `write` become `(?:read(?:_iter)?|write)`.
 * @param names sorted, each once
 */
function toTree(names: readonly string[]): string {
  const [first = '', last = ''] = [names[0], names.at(-1)];
  if (names.length === 1) return translate(first);
  let shared = 0;
  while (shared < first.length && first[shared] === last[shared]) shared++;
  const branches: string[] = [];
  const ends = first.length === shared;
  for (let from = ends ? 1 : 0; from < names.length;) {
    const letter = names[from]?.[shared];
    let to = from + 1;
    while (to < names.length && names[to]?.[shared] === letter) to++;
    branches.push(toTree(names.slice(from, to).map((name) => name.slice(shared))));
    from = to;
  }
  return `${translate(first.slice(0, shared))}(?:${branches.join('|')})${ends ? '?' : ''}`;
}

/** Matches whole names that match one of the globs. */
export function compileGlobs(globs: readonly string[]): RegExp {
  return new RegExp(`^${toRegExpSource(globs)}$`);
}

/** A `[` without its `]` stands for itself, as in a shell. */
function translate(glob: string): string {
  return glob.replace(
    /\[([!^]?)(\]?[^\]]*)\]|[^\w]/g,
    (found, negation: string | undefined, letters: string | undefined) => {
      if (found === '*') return `${letter}*`;
      if (found === '?') return letter;
      if (letters === undefined) return `\\${found}`;
      return `(?${negation === '' ? '=' : '!'}${toClass(letters)})${letter}`;
    },
  );
}

/** `a-z_`; a range that is upside down holds nothing. */
function toClass(letters: string): string {
  const parts = [...letters.matchAll(/(.)-(.)|(.)/gs)].map(
    ([, first = '', last = '', one = '']) => {
      if (one !== '') return escape(one);
      return first <= last ? `${escape(first)}-${escape(last)}` : '';
    },
  );
  return `[${parts.join('')}]`;
}

function escape(character: string): string {
  return /\w/.test(character) ? character : `\\${character}`;
}
