/** What a check measured, as later ones read it: `fsnoop diff` does, too. */
import { toPairs, type Counts } from '../tree/buckets.js';
import { spellName, type Measured } from '../tree/measured.js';
import { spreadOf } from '../tree/sums.js';
import { renderStart } from './json-lines.js';
import type { StartInfo } from './renderer.js';
import { renderReportSummaryJson } from './report.js';
import { sumsToJson } from './stats/sums-json.js';
import type { Summary } from './summary.js';

export interface BaselineParts {
  readonly start: StartInfo;
  readonly conditions: { readonly runs: number; readonly unit: 'ns' | 'instructions' };
  /** Of all runs together. */
  readonly measured: readonly Measured[];
  readonly counts: Pick<Summary, 'trees' | 'calls' | 'unfinished'>;
  readonly lost: Summary['lost'];
  /** How many ticks of the kernel took how long; none where that isn't known. */
  readonly ticks: Counts;
}

/**
 * Lines as of `report --json`, without callers and callees; the first has the conditions, too. Sorted by name, so
 * that a file under version control changes where something has changed.
 */
export function renderBaseline({
  start,
  conditions,
  measured,
  counts,
  lost,
  ticks,
}: BaselineParts): string {
  const sorted = measured.toSorted((a, b) => (spellName(a) < spellName(b) ? -1 : 1));
  const lines = sorted.map((one) => {
    const { function: name, module, errors } = one;
    const sums = sumsToJson({ ...one, ...spreadOf(one) }, errors);
    return `${JSON.stringify({ type: 'function', function: name, module, ...sums })}\n`;
  });
  return (
    renderStart({ ...start, refused: [] }, conditions) +
    lines.join('') +
    renderReportSummaryJson(
      counts,
      measured.length,
      lost,
      ticks.size > 0 ? toPairs(ticks) : undefined,
    )
  );
}
