/** The columns of the text styles: right-aligned numbers before the call. */
import type { Call, Tree } from '../tree/tree.js';
import { cellColumns, formatDurationCell, markOf } from './duration.js';
import { formatTask, type Text } from './text.js';

interface Column {
  readonly name: string;
  /** As wide as the column. */
  readonly header: string;
  /** As wide as the header, unless the value needs more. */
  readonly print: (text: Text, call: Call, tree: Tree) => string;
}

const durationHeader = ` ${'DURATION'.padStart(cellColumns)}`;
const selfHeader = ` ${'SELF'.padStart(cellColumns)}`;
const taskHeader = '  TASK                   ';
const blank = ' '.repeat(durationHeader.length);

/** With ftrace's mark in front; blank while nobody knows how long the call takes. */
const duration: Column = {
  name: 'duration',
  header: durationHeader,
  print: (text, { durationNs, status }) => {
    if (status !== 'returned') return blank;
    const mark = markOf(durationNs);
    return text.slow[mark](mark + formatDurationCell(durationNs));
  },
};

const self: Column = {
  name: 'self',
  header: selfHeader,
  print: (_, { selfNs, status }) =>
    status === 'returned' ? ` ${formatDurationCell(selfNs)}` : blank,
};

const cpu: Column = {
  name: 'cpu',
  header: '  CPU',
  print: (_, call) => `${call.cpu}`.padStart(5),
};

const task: Column = {
  name: 'task',
  header: taskHeader,
  print: (_, _call, tree) => `  ${formatTask(tree)}`.padEnd(taskHeader.length),
};

/** Of the tree style. */
export const treeColumns: readonly Column[] = [duration, self];

/** Of one line a call. */
export const callColumns: readonly Column[] = [duration, cpu, task];

export function printHeader(columns: readonly Column[]): string {
  return columns.map((column) => column.header).join('');
}

/** As wide as the columns, for lines without a call. */
export function printBlank(columns: readonly Column[]): string {
  return ' '.repeat(printHeader(columns).length);
}

export function printCells(columns: readonly Column[], text: Text, call: Call, tree: Tree): string {
  let cells = '';
  for (const column of columns) cells += column.print(text, call, tree);
  return cells;
}
