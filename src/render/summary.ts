/** The end of a trace in one or two lines, for people. */
import type { HotFunction } from './hot.js';
import { formatCount } from '../words/quantities.js';

interface Lost {
  /** Records that found no room between the kernel and fsnoop. */
  readonly ring: number;
  /** Runs that the kernel skipped: the program was already running on that CPU. */
  readonly recursion: number;
  /** Of these, while their task was in no tree; absent where none is known. */
  readonly outside?: number | undefined;
  /** Returns whose entry was not seen. */
  readonly entry: number;
  /** Records that fsnoop itself left out. */
  readonly user: number;
}

/** The guard of the rate ended the trace. */
export interface Stopped {
  readonly reason: 'max-rate';
  readonly recordsPerSecond: number;
  /** What `--max-rate` was. */
  readonly maxRate: number;
}

export interface Summary {
  readonly trees: number;
  readonly calls: number;
  readonly unfinished: number;
  /** Tracepoints that were come by; absent where none was to be told. */
  readonly marks?: number | undefined;
  /** There was nothing but tracepoints to be told. */
  readonly isOfMarks?: boolean;
  readonly lost: Lost;
  /** Not all of it could be written. */
  readonly isCut?: boolean | undefined;
  /** How many functions and tracepoints could not be traced. */
  readonly refused?: number;
  /** How long detaching took; null or absent when that isn't known. */
  readonly detachMs?: number | null;
  /** Null or absent where nothing but the request or the user ended the trace. */
  readonly stopped?: Stopped | null;
  /** The functions that made most records; absent where that isn't known. */
  readonly hot?: readonly HotFunction[];
  /** What `--buffer` was: with it, the text says what to try when the ring was too small. */
  readonly bufferBytes?: number;
  /** How it was attached: with it, the text says what to try where the kernel skipped runs. */
  readonly method?: string;
}

/**
 * `1 tree, 5 calls. Lost: none.`, or with losses a second line
 * `Lost 1,230 records: ring 1,200 (try --buffer 64M), recursion 30 (try --method kprobe.session).`
 */
export function renderSummaryText(summary: Summary): string {
  const { trees, calls, unfinished, marks = 0, isOfMarks = false, refused = 0 } = summary;
  const inTrees = [count(trees, 'tree'), count(calls, 'call')];
  if (marks > 0) inTrees.push(count(marks, 'mark'));
  const counts = isOfMarks ? [count(marks, 'hit')] : inTrees;
  if (unfinished > 0) counts.push(`${formatCount(unfinished)} unfinished`);
  if (refused > 0) counts.push(`${formatCount(refused)} left out`);
  return `${counts.join(', ')}.${renderLosses(summary)}\n`;
}

/** What goes behind the counts: ` Lost: none.`, or a line of what was. */
export function renderLosses(
  summary: Pick<Summary, 'lost' | 'isCut' | 'bufferBytes' | 'method'>,
): string {
  const lost = renderLost(summary);
  if (lost !== '') return `\n${lost}`;
  return summary.isCut === true ? ' Not all of it was written.' : ' Lost: none.';
}

/** `Lost 1,230 records: …`, or '' for none. */
export function renderLost({
  lost,
  bufferBytes,
  method,
}: Pick<Summary, 'lost' | 'bufferBytes' | 'method'>): string {
  const all = lost.ring + lost.recursion + lost.entry + lost.user;
  if (all === 0) return '';
  const hint = bufferBytes === undefined ? '' : ` (try --buffer ${formatBytes(bufferBytes * 4)})`;
  const parts = [
    lost.ring > 0 ? `ring ${formatCount(lost.ring)}${hint}` : '',
    renderSkipped(lost, method),
    lost.entry > 0 ? `entry ${formatCount(lost.entry)}` : '',
    lost.user > 0 ? `user ${formatCount(lost.user)}` : '',
  ];
  return `Lost ${count(all, 'record')}: ${parts.filter((part) => part !== '').join(', ')}.`;
}

/** `recursion 30 (20 of them outside of trees, where only roots can be missing)`, or '' for none. */
export function renderSkipped(
  { recursion, outside = 0 }: Pick<Lost, 'recursion' | 'outside'>,
  method: string | undefined,
): string {
  if (recursion === 0) return '';
  const share = outside < recursion ? `${formatCount(outside)} of them` : 'all';
  const hints = [
    outside > 0 ? `${share} outside of trees, where only roots can be missing` : '',
    // fprobe, which every kernel has that has fsession.multi, lets no task be preempted in the program
    method === 'fsession.multi' ? 'try --method kprobe.session' : '',
  ].filter((hint) => hint !== '');
  return `recursion ${formatCount(recursion)}${hints.length > 0 ? ` (${hints.join('; ')})` : ''}`;
}

function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** As `--buffer` takes it: `64M`. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['G', 2 ** 30],
    ['M', 2 ** 20],
    ['K', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}`;
}
