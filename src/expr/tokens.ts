/** An expression's text as C's tokens. */
import { ExpressionError } from './error.js';
import type { Place } from './error.js';

interface IntegerToken extends Place {
  readonly type: 'integer';
  readonly text: string;
  readonly value: bigint;
  readonly isDecimal: boolean;
  readonly isUnsigned: boolean;
  readonly isLong: boolean;
}

export type Token =
  | IntegerToken
  | (Place & { readonly type: 'string'; readonly text: string; readonly bytes: Uint8Array })
  /** A name or a keyword, `$retval`; an operator or a bracket; the end, after all of it. */
  | (Place & { readonly type: 'name' | 'punctuation' | 'end'; readonly text: string });

const space = /\s+/y;
const name = /\$?[A-Za-z_][A-Za-z_0-9]*/y;
const digits = /[0-9][0-9A-Za-z_.]*/y;
const integer = /^(?:0x([0-9a-f]+)|0b([01]+)|0([0-7]*)|([1-9][0-9]*))(u?l{0,2}|l{1,2}u)$/i;
const quoted = /"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'/y;
/** The longest first. */
const punctuation =
  /->|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^]=|[-+*/%&|^~!<>?:()[\].,=]/y;
const changing = /^(?:=|\+\+|--|<<=|>>=|[-+*/%&|^]=)$/;

/** @throws {ExpressionError} */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  while (at < text.length) {
    const blank = take(space);
    if (blank !== undefined) {
      at += blank.length;
      continue;
    }
    const token = tokenAt(text, at, take);
    tokens.push(token);
    at += token.length;
  }
  tokens.push({ type: 'end', text: '', at: text.length, length: 1 });
  return tokens;
}

function tokenAt(text: string, at: number, take: (pattern: RegExp) => string | undefined): Token {
  const word = take(name);
  if (word !== undefined) return { type: 'name', text: word, at, length: word.length };
  const number = take(digits);
  if (number !== undefined) return readInteger(text, at, number);
  const literal = take(quoted);
  if (literal !== undefined) return readQuoted(text, at, literal);
  const sign = take(punctuation);
  if (sign !== undefined) {
    const place = { at, length: sign.length };
    if (changing.test(sign))
      throw new ExpressionError(
        'syntax',
        `${sign} would change something, and an expression only reads.`,
        text,
        place,
        sign === '=' ? ['To compare, write =='] : [],
      );
    return { type: 'punctuation', text: sign, ...place };
  }
  const letter = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const isQuote = letter === '"' || letter === "'";
  throw new ExpressionError(
    'syntax',
    isQuote
      ? `This ${letter} is never closed.`
      : `No expression has ${JSON.stringify(letter).slice(1, -1)}.`,
    text,
    { at, length: letter.length },
  );
}

function readInteger(text: string, at: number, spelt: string): IntegerToken {
  const place = { at, length: spelt.length };
  const match = integer.exec(spelt);
  if (match === null)
    throw new ExpressionError('syntax', `${spelt} is no integer.`, text, place, [
      'Integers are 4096, 0x1000, 010000, 0b1, with U or L behind them.',
    ]);
  const [, hex, binary, octal, decimal, suffix = ''] = match;
  // of an endless number the end can't be told from its value, and BigInt() takes long
  const value =
    spelt.length > 80
      ? 1n << 64n
      : BigInt(
          decimal ??
            (hex !== undefined
              ? `0x${hex}`
              : binary !== undefined
                ? `0b${binary}`
                : `0o${octal === undefined || octal === '' ? '0' : octal}`),
        );
  if (value >= 1n << 64n)
    throw new ExpressionError('syntax', 'This number needs more than 64 bits.', text, place);
  return {
    type: 'integer',
    text: spelt,
    value,
    isDecimal: decimal !== undefined,
    isUnsigned: /u/i.test(suffix),
    isLong: /l/i.test(suffix),
    ...place,
  };
}

/** A string, or a character constant, which is an integer. */
function readQuoted(text: string, at: number, literal: string): Token {
  const place = { at, length: literal.length };
  const bytes = unescape(text, at + 1, literal.slice(1, -1));
  if (literal.startsWith('"')) return { type: 'string', text: literal, bytes, ...place };
  const [byte, ...more] = bytes;
  if (byte === undefined || more.length > 0)
    throw new ExpressionError('syntax', 'A character constant is one byte.', text, place);
  return {
    type: 'integer',
    text: literal,
    value: BigInt(byte),
    isDecimal: true,
    isUnsigned: false,
    isLong: false,
    ...place,
  };
}

const escapes: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
};

function unescape(text: string, at: number, inner: string): Uint8Array {
  const bytes: number[] = [];
  const pattern = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))|[^\\]+/gsu;
  for (const match of inner.matchAll(pattern)) {
    const [whole, hex, octal, letter] = match;
    if (hex !== undefined) bytes.push(parseInt(hex, 16));
    else if (octal !== undefined) bytes.push(parseInt(octal, 8) & 0xff);
    else if (letter !== undefined) {
      const byte = escapes[letter];
      if (byte === undefined)
        throw new ExpressionError('syntax', `C has no ${whole}.`, text, {
          at: at + match.index,
          length: whole.length,
        });
      bytes.push(byte);
    } else bytes.push(...new TextEncoder().encode(whole));
  }
  return Uint8Array.from(bytes);
}
