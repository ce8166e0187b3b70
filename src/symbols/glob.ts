/** Shell globs of function names: `*`, `?`, `[a-z]`, `[!a]`. */

/** False for the name of one function. */
export const isGlob = (text: string) => /[*?[]/.test(text);

/** A letter of a name; what ends a name in any file is none. */
const letter = '[!-~]';

/** Source of a RegExp for the whole name of any function. */
export const anyName = `${letter}+`;

/** Source of a RegExp for what matches one of the globs; it begins and ends with the name. */
export function toRegExpSource(globs: readonly string[]): string {
  return `(?:${globs.map(translate).join('|')})`;
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
