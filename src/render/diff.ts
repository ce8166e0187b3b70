/**
 * How two runs differ, as a table, what changed most first:
 *
 *	FUNCTION           CALLS                           TOTAL                       P50                 P99        SLOWER  ALSO
 *	vfs_read   1,000 → 2,000  +100.0%  3.21 ms → 6.40 ms  +99.4%  2.53 µs → 2.56 µs  ~+1.2%  9.73 µs  …     ~52%
 *	read_null          0 → 7      new                    …
 *
 * with `~` before what may be chance, and below it the edges that are in one run alone:
 *
 *	new   vfs_read → read_null  7 calls
 */
import { exitStatus } from '../failure.js';
import {
  isCount,
  levelOf,
  measureNames,
  type Change,
  type ComparedRuns,
  type Comparison,
  type EdgeChange,
  type MeasureName,
} from '../tree/compare.js';
import { noDrift } from '../tree/pace.js';
import type { Judged, Verdict } from '../tree/condition.js';
import { spellName, type Losses, type MeasuredRun } from '../tree/measured.js';
import { formatDuration } from './duration.js';
import { renderLost } from './summary.js';
import { renderTable, type Column } from './table.js';
import type { Text } from './text.js';
import { formatCount } from '../words/quantities.js';

type Unit = MeasuredRun['unit'];

const shown = ['calls', 'total', 'p50', 'p99'] as const;

export function renderDiff(
  comparisons: readonly Comparison[],
  edges: readonly EdgeChange[],
  unit: Unit,
  text: Text,
): string {
  const rows = comparisons.map((comparison) => toRow(comparison, unit, text));
  const drawn = rows.length === 0 ? '' : renderTable(columns, rows, text);
  const gap = drawn !== '' && edges.length > 0 ? '\n' : '';
  return drawn + gap + renderEdges(edges, text);
}

const columns: readonly Column[] = [
  { title: 'FUNCTION', align: 'left' },
  ...shown.flatMap((name) => [
    { title: name.toUpperCase(), align: 'right' } as const,
    { title: '', align: 'right' } as const,
  ]),
  { title: 'SLOWER', align: 'right' },
  { title: 'ALSO', align: 'left' },
];

function toRow(comparison: Comparison, unit: Unit, text: Text): string[] {
  const { changes, slowness, status } = comparison;
  const toCells = (name: MeasureName) => {
    const isLone = name === 'calls' && status !== 'both';
    const change = isLone
      ? mark(status, changes.calls, 1, text)
      : formatRelative(changes[name], text);
    return [formatValues(name, changes[name], unit), change];
  };
  const others = measureNames.filter(
    (name) => changes[name].isSignificant && !shown.some((one) => one === name),
  );
  return [
    text.strong(spellName(comparison)),
    ...shown.flatMap(toCells),
    slowness === null
      ? ''
      : mark(formatPercent(slowness.share), slowness, slowness.share - 0.5, text),
    others.map((name) => `${name} ${formatValues(name, changes[name], unit)}`).join(', '),
  ];
}

const format = (measure: MeasureName, value: number, unit: Unit): string =>
  isCount(measure) || unit === 'instructions' ? formatCount(value) : formatDuration(value);

/** `1,000 → 2,000`, or only what it still is; '' where there is neither. */
function formatValues(measure: MeasureName, { before, after }: Change, unit: Unit): string {
  const both = [before, after].map((value) =>
    value === null ? '–' : format(measure, value, unit),
  );
  if (before === null && after === null) return '';
  return both[0] === both[1] ? (both[0] ?? '') : both.join(' → ');
}

function formatRelative(change: Change, text: Text): string {
  if (change.change === null || change.before === change.after) return '';
  return mark(formatChange(change.change), change, change.change, text);
}

/** `+3.1%`, `-50.0%`, `+1,752%`. */
function formatChange(change: number): string {
  const sign = change < 0 ? '-' : '+';
  const percent = Math.abs(change) * 100;
  return `${sign}${percent < 1000 ? percent.toFixed(1) : formatCount(Math.round(percent))}%`;
}

const formatPercent = (share: number): string => `${Math.round(share * 100)}%`;

/** What may be chance has a `~`. */
function mark(
  value: string,
  { isSignificant }: Pick<Change, 'isSignificant'>,
  direction: number,
  text: Text,
): string {
  if (!isSignificant) return text.dim(`~${value}`);
  return direction > 0 ? text.error(value) : text.strong(value);
}

function renderEdges(edges: readonly EdgeChange[], text: Text): string {
  return edges
    .map(({ status, caller, callee, calls, isSignificant }) => {
      const line = `${isSignificant ? '' : '~'}${status}`.padEnd(6);
      const path = `${caller ?? '(not recorded)'} → ${callee}`;
      const shownLine = `${line}${path}  ${count(calls, 'call')}`;
      return text.line(isSignificant ? shownLine : text.dim(shownLine));
    })
    .join('');
}

export interface DiffSummary {
  readonly compared: ComparedRuns;
  readonly tolerance: number;
  readonly verdicts: readonly Verdict[];
  readonly unit: Unit;
  readonly before: OneOfTwo;
  readonly after: OneOfTwo;
  readonly status: number;
}

interface OneOfTwo {
  /** Of the file. */
  readonly name: string;
  readonly lost: Losses;
  /** What half of the kernel's ticks took no longer than; null where that isn't known. */
  readonly tickNs: number | null;
}

/** What people are told beside the table. */
export function renderDiffSummary(summary: DiffSummary): string {
  const { compared, tolerance, verdicts, unit, status } = summary;
  const { functions, edges, unknown } = compared;
  const number = (isMeant: (one: Comparison) => boolean) =>
    formatCount(functions.filter(isMeant).length);
  const told = [
    `${count(functions.length, 'function')} compared: ${number(isChanged)} changed, ` +
      `${number(({ status: is }) => is === 'new')} new, ${number(({ status: is }) => is === 'gone')} gone.`,
    `~ marks what may be none: times up to ${formatTolerance(tolerance)} apart, and what chance explains (p of ${levelOf(functions.length).toPrecision(2)} or more).`,
  ];
  told.push(...renderDrift(summary));
  if (unknown > 0)
    told.push(
      `${count(unknown, 'function')} not compared: in one run, and not known in the other, of which --top left out some.`,
    );
  if (edges === null)
    told.push('Who called whom is not compared: only recordings and fsnoop report --json have it.');
  for (const { name, lost } of [summary.before, summary.after]) {
    const losses = renderLost({ lost });
    if (losses !== '') told.push(`${name}: ${losses}`);
  }
  told.push(...verdicts.map((verdict) => renderVerdict(verdict, unit)));
  if (status === exitStatus.lost)
    told.push('No condition holds; whether one would without what was lost is not known.');
  return told.map((line) => `${line}\n`).join('');
}

/** One line, or none where nothing is known of it. */
function renderDrift({ compared: { drift }, before, after }: DiffSummary): string[] {
  if (before.tickNs === null || after.tickNs === null || drift === noDrift) return [];
  const ticks = `${formatDuration(before.tickNs)} before, ${formatDuration(after.tickNs)} after`;
  const { longer, shorter } = drift;
  const may = [
    longer.factor > 1 ? `${longer.factor.toFixed(2)} times as long` : '',
    shorter.factor > 1 ? `${shorter.factor.toFixed(2)} times as short` : '',
  ].filter((part) => part !== '');
  const inPhases = `${formatPercent(shorter.share)} of calls before and ${formatPercent(longer.share)} after`;
  return [
    `The kernel's tick took ${ticks}: the machine alone may have made times ${may.join(', or ')}, and up to ${inPhases} longer still. ~ marks that, too.`,
  ];
}

export const isChanged = ({ status, isSignificant }: Comparison): boolean =>
  status === 'both' && isSignificant;

/** `5%`. */
const formatTolerance = (tolerance: number): string =>
  `${Number((tolerance * 100).toPrecision(6))}%`;

/** `p99 > +10%: holds for 2 of 12 functions: vfs_read (9.73 µs → 20.00 µs, p = 1e-9), …`. */
function renderVerdict({ condition, functions, broken, unclear }: Verdict, unit: Unit): string {
  const name = (judged: readonly Judged[]) =>
    judged
      .slice(0, mostNamed)
      .map(({ comparison, p }) => {
        const measure = 'measure' in condition ? condition.measure : 'calls';
        const values = formatValues(measure, comparison.changes[measure], unit);
        return `${spellName(comparison)} (${values}, p = ${p.toPrecision(1)})`;
      })
      .concat(
        judged.length > mostNamed ? [`and ${formatCount(judged.length - mostNamed)} more`] : [],
      )
      .join(', ');
  const of = count(functions, 'function');
  const holds =
    broken.length > 0
      ? `holds for ${formatCount(broken.length)} of ${of}: ${name(broken)}.`
      : `holds for none of ${of}.`;
  const chance = unclear.length > 0 ? ` It may be chance of ${name(unclear)}.` : '';
  return `${condition.text}: ${holds}${chance}`;
}

const mostNamed = 5;

const count = (number: number, noun: string): string =>
  `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
