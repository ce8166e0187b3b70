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
const taskHeader = '  TASK                   ';
const blank = ' '.repeat(durationHeader.length);

/** Of the tree style: a duration, and the time without what is shown below. */
export const treeHeader = `${durationHeader} ${'SELF'.padStart(cellColumns)}`;

/** With ftrace's mark in front. */
export function printDuration(text: Text, ns: number): string {
  const mark = markOf(ns);
  return text.slow[mark](mark + formatDurationCell(ns));
}

export const printSelf = (ns: number): string => ` ${formatDurationCell(ns)}`;

/** Blank while nobody knows how long the call takes. */
const duration: Column = {
  name: 'duration',
  header: durationHeader,
  print: (text, { durationNs, status }) =>
    status === 'returned' ? printDuration(text, durationNs) : blank,
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
