/** What is wrong in a budget, and where. */

export interface Mistake {
  /** From 1, as editors count. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/**
 * ```
 * budget.yaml:7:5: 'p9' is nothing that a budget has. Did you mean: p99?
 *     p9: < 50us
 *     ^
 * ```
 * @param text of the whole file
 */
export function formatMistake(path: string, text: string, mistake: Mistake): string {
  const { line, column, message } = mistake;
  const shown = (text.split('\n')[line - 1] ?? '').replace(/[^\P{Cc}\t]/gu, ' ').slice(0, 160);
  const pointer = column <= shown.length ? [`    ${blank(shown.slice(0, column - 1))}^`] : [];
  const source = shown.trim() === '' ? [] : [`    ${shown}`, ...pointer];
  return [`${path}:${line}:${column}: ${message}`, ...source].join('\n');
}

/** As wide as the text: tabs stay, as their width depends on the terminal. */
const blank = (text: string): string => text.replace(/[^\t]/gu, ' ');
