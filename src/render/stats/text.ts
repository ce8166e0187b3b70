/**
 * What was counted, as a table, a line a function or a key of it:
 *
 *	     CALLS       TOTAL        SELF         MIN        MEAN         P50         P90         P99         MAX  FUNCTION
 *	     1,234     3.21 ms     1.02 ms     0.91 µs     2.60 µs     2.53 µs     3.17 µs     9.73 µs    41.20 µs  vfs_read  -EAGAIN 3
 */
import type { KeyKind } from '../../plan/counting.js';
import { bucketMiddle } from '../../tree/buckets.js';
import type { FunctionStats } from '../../tree/function-stats.js';
import { errnoName } from '../../symbols/errno.js';
import { formatDurationCell } from '../duration.js';
import { drawBuckets, Histogram } from '../histogram.js';
import { formatKey } from './key.js';
import { nameOf, returnTypeOf, type Text } from '../text.js';
import { formatCount } from '../../words/quantities.js';

interface Column {
  readonly header: string;
  readonly print: (stats: FunctionStats) => string;
}

const cellWidth = 10;
const gap = '  ';

const time = (header: string, of: (stats: FunctionStats) => number): Column => ({
  header,
  print: (stats) => formatDurationCell(of(stats)),
});

const columns: readonly Column[] = [
  { header: 'CALLS', print: ({ calls }) => formatCount(calls) },
  time('TOTAL', ({ totalNs }) => Number(totalNs)),
  time('SELF', ({ selfNs }) => Number(selfNs)),
  time('MIN', ({ minNs }) => minNs),
  time('MEAN', ({ meanNs }) => meanNs),
  time('P50', ({ p50Ns }) => p50Ns),
  time('P90', ({ p90Ns }) => p90Ns),
  time('P99', ({ p99Ns }) => p99Ns),
  time('MAX', ({ maxNs }) => maxNs),
];

/** @param by what calls of a function are told apart by; null: nothing */
export function renderStatsTable(
  stats: readonly FunctionStats[],
  by: KeyKind | null,
  text: Text,
): string {
  const rows = stats.map((one) => ({
    cells: columns.map(({ print }) => print(one)),
    label: labelOf(one, by, text),
    errors: formatErrors(one.errors),
  }));
  const widths = columns.map(({ header }, place) =>
    Math.max(cellWidth, header.length, ...rows.map(({ cells }) => cells[place]?.length ?? 0)),
  );
  const pad = (cells: readonly string[]) =>
    cells.map((cell, place) => cell.padStart(widths[place] ?? 0)).join(gap);
  const header = `${pad(columns.map((column) => column.header))}${gap}FUNCTION`;
  const lines = rows.map(({ cells, label, errors }) =>
    text.line(`${pad(cells)}${gap}${label}${errors === '' ? '' : text.error(gap + errors)}`),
  );
  return text.line(text.dim(header)) + lines.join('');
}

/** How the durations spread, by powers of two of nanoseconds. */
export function renderStatsHistograms(
  stats: readonly FunctionStats[],
  by: KeyKind | null,
  text: Text,
): string {
  return stats
    .map((one) => {
      const histogram = new Histogram();
      for (const [bucket, count] of one.counts) histogram.add(bucketMiddle(bucket), count);
      const calls = `${formatCount(one.calls)} ${one.calls === 1 ? 'call' : 'calls'}`;
      return `\n${labelOf(one, by, text)}: duration in ns, ${calls}\n${drawBuckets(histogram.buckets())}`;
    })
    .join('');
}

/** `vfs_read`, `vfs_read · cat`. */
function labelOf({ function: place, key }: FunctionStats, by: KeyKind | null, text: Text): string {
  const name = nameOf(text, place);
  if (by === null || key === null) return text.strong(name);
  const value = formatKey(key, by, returnTypeOf(text, place), text.addresses);
  return `${text.strong(name)} ${text.dim('·')} ${value}`;
}

/** `-ENOENT 3, -EACCES 1`, the most first; '' for none. */
function formatErrors(errors: ReadonlyMap<number, number>): string {
  return [...errors]
    .sort(([, a], [, b]) => b - a)
    .map(([errno, count]) => `${spellErrno(errno)} ${formatCount(count)}`)
    .join(', ');
}

const spellErrno = (errno: number) => (errno === 0 ? 'other errors' : `-${nameErrno(errno)}`);

/** `ENOENT`, or the number of one that has no name. */
export const nameErrno = (errno: number): string => errnoName(errno) ?? `${errno}`;
