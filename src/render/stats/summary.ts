/** The end of a count in one or two lines, for people, and for programs. */
import type { Pairs } from '../../tree/buckets.js';
import type { JsonStatSummary } from '../json-contract.js';
import { renderSkipped } from '../summary.js';
import { formatCount } from '../../words/quantities.js';

export interface StatsSummary {
  readonly calls: number;
  /** Functions that were called. */
  readonly functions: number;
  /** Calls that had not returned when counting, or their task, ended: they are in no count. */
  readonly unfinished: number;
  /** Calls of which the kernel side saw a half only, or none: they are in no count. */
  readonly lost: JsonStatSummary['lost'];
  /** Calls that are counted, but in no histogram. */
  readonly uncounted: number;
  /** Calls whose key found no room in the table: they are the rows called other. */
  readonly other: number;
  /** How many functions could not be traced. */
  readonly refused: number;
  /** How many ticks of the kernel took how long; absent where that isn't known. */
  readonly ticks?: Pairs | undefined;
  readonly detachMs: number;
  /** How the functions were attached. */
  readonly method: string;
}

/** `1,234 calls of 12 functions. Lost: none.`, and lines for what is not as it should be. */
export function renderStatsSummary(summary: StatsSummary): string {
  const { calls, functions, unfinished, lost, uncounted, other, refused, method } = summary;
  const counts = [`${count(calls, 'call')} of ${count(functions, 'function')}`];
  if (unfinished > 0) counts.push(`${formatCount(unfinished)} unfinished`);
  if (refused > 0) counts.push(`${formatCount(refused)} left out`);
  const losses = [
    renderSkipped(lost, method),
    lost.entry > 0 ? `entry ${formatCount(lost.entry)}` : '',
  ].filter((part) => part !== '');
  const lines = [
    `${counts.join(', ')}. Lost: ${losses.length === 0 ? 'none' : losses.join(', ')}.`,
  ];
  if (other > 0)
    lines.push(`${count(other, 'call')} in rows called other: there were more keys than are kept.`);
  if (uncounted > 0)
    lines.push(
      `${count(uncounted, 'call')} in no histogram: p50, p90 and p99 are of the others. Count fewer functions.`,
    );
  return `${lines.join('\n')}\n`;
}

export function renderStatsSummaryJson(summary: StatsSummary): string {
  const { calls, functions, unfinished, lost, uncounted, other, ticks, detachMs } = summary;
  const counts = { calls, functions, unfinished, lost, uncounted, other };
  const line: JsonStatSummary = { type: 'summary', ...counts, ticks, detachMs };
  return `${JSON.stringify(line)}\n`;
}

const count = (number: number, noun: string): string =>
  `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
