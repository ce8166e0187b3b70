/**
 * What a recording has of each function, as a table, with who called it and what it called below:
 *
 *	FUNCTION          CALLS    TOTAL      SELF       MIN     MEAN      P50      P90      P99      MAX  ERRORS
 *	vfs_read          1,234  3.21 ms   1.02 ms   0.91 µs  2.60 µs  2.53 µs  3.17 µs  9.73 µs  41.2 µs  3 EAGAIN
 *	  ← ksys_read     1,234  3.21 ms
 *	  → read_zero     1,230  2.19 ms
 *
 * or as the merged graph of calls:
 *
 *	     CALLS       TOTAL        SELF
 *	     1,234     3.50 ms     0.29 ms  ksys_read
 *	     1,234     3.21 ms     1.02 ms  └─ vfs_read
 */
import type { PlannedFunction } from '../plan/plan.js';
import type { Pairs } from '../tree/buckets.js';
import type { TreeCounts } from '../tree/builder.js';
import type { Edge, FunctionProfile, Merged } from '../tree/profile.js';
import { formatDuration, formatDurationCell } from './duration.js';
import type { Summary } from './summary.js';
import { sumsToJson } from './stats/sums-json.js';
import { renderTable } from './table.js';
import { nameOf, type Text } from './text.js';
import { formatCount } from '../words/quantities.js';

export interface ReportOptions {
  readonly text: Text;
  /** Which of them are shown below each function. */
  readonly edges: ReadonlySet<'callers' | 'callees'>;
}

const times = {
  totalNs: 'TOTAL',
  selfNs: 'SELF',
  offNs: 'OFF-CPU',
  minNs: 'MIN',
  meanNs: 'MEAN',
  p50Ns: 'P50',
  p90Ns: 'P90',
  p99Ns: 'P99',
  maxNs: 'MAX',
} as const;

const timesOf = ({ cpuTime }: Pick<Text, 'cpuTime'>) =>
  (Object.keys(times) as (keyof typeof times)[]).filter((name) => name !== 'offNs' || cpuTime);

export function renderReport(
  profiles: readonly FunctionProfile[],
  { text, edges }: ReportOptions,
): string {
  const shown = timesOf(text);
  const columns = [
    { title: 'FUNCTION', align: 'left' },
    ...['CALLS', ...shown.map((name) => times[name])].map(
      (title) => ({ title, align: 'right' }) as const,
    ),
    { title: 'ERRORS', align: 'left' },
  ] as const;
  const rows = profiles.flatMap((profile) => [
    [
      text.strong(nameOf(text, profile.function)),
      formatCount(profile.calls),
      ...shown.map((name) => formatDuration(profile[name])),
      text.error(formatErrors(profile.errors)),
    ],
    ...(edges.has('callers') ? profile.callers.map((edge) => row('←', edge, text)) : []),
    ...(edges.has('callees') ? profile.callees.map((edge) => row('→', edge, text)) : []),
  ]);
  return renderTable(columns, rows, text);
}

function row(arrow: '←' | '→', { function: place, calls, totalNs }: Edge, text: Text): string[] {
  const name = place < 0 ? '(not recorded)' : nameOf(text, place);
  const rest = timesOf(text)
    .slice(1)
    .map(() => '');
  return [`  ${text.dim(arrow)} ${name}`, formatCount(calls), formatDuration(totalNs), ...rest, ''];
}

/** `3 EAGAIN, 1 EINTR`, the most first; '' for none. */
const formatErrors = (errors: ReadonlyMap<string, number>): string =>
  [...errors]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${formatCount(count)} ${name}`)
    .join(', ');

/**
 * A line a function: `{"type":"function","function":"vfs_read","module":null,"calls":3,…,
 * "callers":[{"function":"ksys_read","module":null,"calls":3,"totalNs":…}],
 * "callees":[…]}`, with the numbers of sums-json.ts, and `"offCpuNs":…` behind them. The function of a caller that was
 * not recorded is null.
 * @param cpuTime it is known how long tasks were off the CPU
 */
export function renderReportJson(
  profiles: readonly FunctionProfile[],
  functions: readonly PlannedFunction[],
  cpuTime: boolean,
): string {
  const edgesJson = (edges: readonly Edge[]) =>
    edges.map(({ function: place, ...numbers }) => ({ ...name(functions, place), ...numbers }));
  return profiles
    .map((profile) => {
      const { function: place, errors, offNs, callers, callees } = profile;
      const line = {
        ...{ type: 'function', ...name(functions, place), ...sumsToJson(profile, errors) },
        ...(cpuTime && { offCpuNs: offNs }),
        ...{ callers: edgesJson(callers), callees: edgesJson(callees) },
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join('');
}

function name(functions: readonly PlannedFunction[], place: number) {
  const { name: spelt = null, module = null } = functions[place] ?? {};
  return { function: spelt, module };
}

/**
 * The last line of JSON.
 * @param functions how many of them were called, whether or not they are shown
 * @param ticks how long the kernel's took: see src/tree/pace.ts; undefined where that isn't known
 */
export function renderReportSummaryJson(
  { trees, calls, unfinished }: Pick<TreeCounts, 'trees' | 'calls' | 'unfinished'>,
  functions: number,
  lost: Summary['lost'],
  ticks: Pairs | undefined,
): string {
  const counts = { trees, calls, functions, unfinished };
  return `${JSON.stringify({ type: 'summary', ...counts, lost, ticks })}\n`;
}

const countWidth = 10;

/** @param top no more than so many below each call */
export function renderMerged(merged: Merged, text: Text, top: number): string {
  const shown = (['totalNs', 'selfNs', 'offNs'] as const).slice(0, text.cpuTime ? 3 : 2);
  const titles = ['CALLS', ...shown.map((name) => times[name])];
  const head = titles.map((title) => title.padStart(countWidth)).join('  ');
  let out = text.line(text.dim(head));
  const add = (node: Merged, first: string, indent: string): void => {
    const { calls, children } = node;
    const cells = [
      formatCount(calls).padStart(countWidth),
      ...shown.map((name) => formatDurationCell(node[name])),
    ];
    out += text.line(`${cells.join('  ')}  ${first}${nameOf(text, node.function)}`);
    addAll(children, indent);
  };
  const addAll = (nodes: readonly Merged[], indent: string): void => {
    const kept = nodes.slice(0, top);
    for (const [at, node] of kept.entries()) {
      const isLast = at === kept.length - 1;
      add(node, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`);
    }
  };
  for (const root of merged.children.slice(0, top)) add(root, '', '');
  return out;
}

/** One line: each function has those that it called inside. */
export function renderMergedJson(
  merged: Merged,
  functions: readonly PlannedFunction[],
  cpuTime: boolean,
): string {
  const toJson = ({ function: place, children, offNs, ...numbers }: Merged): object => ({
    ...{ ...name(functions, place), ...numbers, ...(cpuTime && { offCpuNs: offNs }) },
    children: children.map(toJson),
  });
  return `${JSON.stringify({ type: 'graph', roots: merged.children.map(toJson) })}\n`;
}
