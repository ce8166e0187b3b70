/** Errors in an expression, shown with the place they are at. */

/** Where something stands in an expression: `length` UTF-16 units from `at`. */
export interface Place {
  readonly at: number;
  readonly length: number;
}

/**
 * `scope`: names and types that this function does not have, and others may. `syntax`: wrong for
 * every function.
 */
export type ExpressionErrorKind = 'syntax' | 'scope';

/** Names and numbers in it may be endless. */
const longestMessage = 300;

export class ExpressionError extends Error implements Place {
  readonly kind: ExpressionErrorKind;
  readonly text: string;
  readonly at: number;
  readonly length: number;
  readonly hints: string[];

  constructor(
    kind: ExpressionErrorKind,
    message: string,
    text: string,
    place: Place,
    hints: readonly string[] = [],
  ) {
    super(message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message);
    this.name = 'ExpressionError';
    this.kind = kind;
    this.text = text;
    this.at = place.at;
    this.length = place.length;
    this.hints = [...hints];
  }
}

const indent = '    ';
/** Of an expression that is too long for a line: what is shown around the place. */
const longestLine = 160;
const columnsBefore = 60;
const columnsAfter = 40;

/**
 * ```
 * struct file has no member f_innode. Did you mean: f_inode?
 *     file->f_innode->i_size
 *           ^~~~~~~~
 * See it with: fsnoop types 'struct file'
 * ```
 */
export function formatExpressionError(error: ExpressionError): string[] {
  const { text, at, length } = error;
  const isLong = text.length > longestLine;
  const start = isLong ? Math.max(0, at - columnsBefore) : 0;
  const end = isLong
    ? Math.min(text.length, at + Math.min(length, 40) + columnsAfter)
    : text.length;
  const cutBefore = start > 0 ? '…' : '';
  const before = cutBefore + text.slice(start, at);
  const marked = text.slice(at, Math.min(at + length, end));
  const line = before + text.slice(at, end) + (end < text.length ? '…' : '');
  return [
    error.message,
    indent + line.replace(/[^\P{Cc}\t]/gu, ' '),
    indent + blank(before) + '^' + '~'.repeat(Math.max(0, columns(marked) - 1)),
    ...error.hints,
  ];
}

/** As wide as the text: tabs stay, as their width depends on the terminal. */
function blank(text: string): string {
  return Array.from(text, (letter) => (letter === '\t' ? '\t' : ' '.repeat(columns(letter)))).join(
    '',
  );
}

function columns(text: string): number {
  let sum = 0;
  for (const letter of text) {
    if (/\p{Mn}|\p{Me}|\u200d/u.test(letter)) continue;
    sum += isWide(letter) ? 2 : 1;
  }
  return sum;
}

/** East Asian wide and emoji, near enough. */
const isWide = (letter: string) =>
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\uff01-\uff60]/u.test(
    letter,
  );
