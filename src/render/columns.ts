/** The columns of the text styles: right-aligned numbers before the call. */
import type { Call, Tree } from '../tree/tree.js';
import { cellColumns, formatDurationCell, markOf } from './duration.js';
import { formatTask, type Text } from './text.js';

/** What the columns tell of a line: of a mark no durations are known. */
export interface Row extends Pick<Call, 'startNs' | 'cpu'> {
  readonly durationNs: number | null;
  readonly offNs: number | null;
}

type Task = Pick<Tree, 'comm' | 'pid' | 'tid'>;

interface Column {
  readonly name: string;
  /** As wide as the column. */
  readonly header: string;
  /** As wide as the header, unless the value needs more. */
  readonly print: (text: Text, row: Row, task: Task) => string;
}

const durationHeader = ` ${'DURATION'.padStart(cellColumns)}`;
const taskHeader = '  TASK                   ';
const offHeader = ` ${'OFF-CPU'.padStart(cellColumns)}`;
const timeHeader = 'TIME'.padStart(14);
const blank = ' '.repeat(durationHeader.length);

/** Of the tree style: a duration, the time without what is shown below, and that off the CPU. */
export const treeHeader = ({ cpuTime }: Pick<Text, 'cpuTime'>): string =>
  `${durationHeader} ${'SELF'.padStart(cellColumns)}${cpuTime ? offHeader : ''}`;

/** With ftrace's mark in front. */
export function printDuration(text: Text, ns: number): string {
  const mark = markOf(ns);
  return text.slow[mark](mark + formatDurationCell(ns));
}

export const printSelf = (ns: number): string => ` ${formatDurationCell(ns)}`;

/** Most calls are never off the CPU. */
export const printOff = (ns: number): string => (ns === 0 ? blank : printSelf(ns));

/** Blank while nobody knows how long the call takes. */
const duration: Column = {
  name: 'duration',
  header: durationHeader,
  print: (text, { durationNs }) => (durationNs === null ? blank : printDuration(text, durationNs)),
};

const off: Column = {
  name: 'off',
  header: offHeader,
  print: (_, { offNs }) => printOff(offNs ?? 0),
};

/** In seconds of CLOCK_MONOTONIC, to be found again in other logs. */
const time: Column = {
  name: 'time',
  header: timeHeader,
  print: ({ epochNs }, { startNs }) => {
    const us = (epochNs + BigInt(startNs)) / 1000n;
    const seconds = `${us / 1_000_000n}.${`${us % 1_000_000n}`.padStart(6, '0')}`;
    return seconds.padStart(timeHeader.length);
  },
};

const cpu: Column = {
  name: 'cpu',
  header: '  CPU',
  print: (_, row) => `${row.cpu}`.padStart(5),
};

const task: Column = {
  name: 'task',
  header: taskHeader,
  print: (_, _row, of) => `  ${formatTask(of)}`.padEnd(taskHeader.length),
};

/** Of one line a call. */
export const callColumns = ({ cpuTime }: Pick<Text, 'cpuTime'>): readonly Column[] =>
  cpuTime ? [duration, off, cpu, task] : [duration, cpu, task];

/** Of tracepoints alone. */
export const markColumns: readonly Column[] = [time, cpu, task];

export const rowOf = ({ startNs, cpu: on, durationNs, offNs, status }: Call): Row => ({
  startNs,
  cpu: on,
  durationNs: status === 'returned' ? durationNs : null,
  offNs: status === 'lost' ? null : offNs,
});

export function printHeader(columns: readonly Column[]): string {
  return columns.map((column) => column.header).join('');
}

/** As wide as the columns, for lines without a call. */
export function printBlank(columns: readonly Column[]): string {
  return ' '.repeat(printHeader(columns).length);
}

export function printCells(columns: readonly Column[], text: Text, row: Row, of: Task): string {
  let cells = '';
  for (const column of columns) cells += column.print(text, row, of);
  return cells;
}
