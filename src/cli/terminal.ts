/** The terminal that is written to. */

export interface Terminal {
  readonly columns: number | null;
  /** Null where what is written can't be overwritten. */
  readonly rows: number | null;
}

/**
 * The terminal that standard output ends up on: it is one, or FORCE_COLOR says that it leads to one,
 * as in the guest of `fsnoop vm`. Null where there is none.
 */
export function findTerminal(): Terminal | null {
  const { FORCE_COLOR: force = '0', COLUMNS } = process.env;
  const { isTTY } = process.stdout;
  if (!isTTY && (force === '0' || force === '')) return null;
  const columns = isTTY ? process.stdout.columns : Number(COLUMNS);
  return { columns: columns > 0 ? columns : null, rows: isTTY ? process.stdout.rows : null };
}

/** One line on a terminal, which the next one takes the place of. */
export function showProgress(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(text === '' ? '\r\u001b[K' : `\r\u001b[Kfsnoop: ${text} …`);
}
