/** Tables without lines. */
import Table from 'cli-table3';
import type { Text } from './text.js';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Lines as wide as the terminal, the titles first. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  text: Pick<Text, 'dim' | 'line'>,
): string {
  const table = new Table({
    head: columns.map(({ title }) => text.dim(title)),
    colAligns: columns.map(({ align }) => align),
    chars: noLines,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(...rows.map((row) => [...row]));
  const lines = table.toString().split('\n');
  return lines.map((line) => text.line(line.trimEnd())).join('');
}

const noLines = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
    ...[side, `${side}-mid`, `${side}-left`, `${side}-right`].map((name) => [name, '']),
    ['middle', ''],
  ]),
) as Readonly<Record<string, string>>;
