/** How what was counted is shown: once at the end, and before in between, on a terminal in one place. */
import type { KeyKind } from '../../plan/counting.js';
import type { PlannedFunction } from '../../plan/plan.js';
import type { Addresses } from '../../symbols/addresses.js';
import type { FunctionStats } from '../../tree/function-stats.js';
import { sortByMeasure, type SortKey } from '../../tree/sort.js';
import { renderInterval, renderStatsJson } from './json.js';
import { renderStatsHistograms, renderStatsTable } from './text.js';
import { makeText } from '../text.js';

export interface StatsViewOptions {
  readonly format: 'text' | 'json';
  /** What calls of a function are told apart by; null: nothing. */
  readonly by: KeyKind | null;
  readonly sort: SortKey;
  /** No more lines than so many; null: all. */
  readonly top: number | null;
  /** Draw histograms too, at the end. */
  readonly histograms: boolean;
  readonly functions: readonly PlannedFunction[];
  readonly addresses: Addresses;
  /** Columns of the terminal; null: lines are never cut. */
  readonly width: number | null;
  /** Its lines, on which a table takes the place of the one before; null: there is no terminal. */
  readonly height: number | null;
  readonly color: boolean;
}

/** Each returns the text to write next. */
export interface StatsView {
  /** What was counted since the beginning, so many ms ago. */
  interval(stats: readonly FunctionStats[], elapsedMs: number): string;
  end(stats: readonly FunctionStats[]): string;
}

export function makeStatsView(options: StatsViewOptions): StatsView {
  return options.format === 'json' ? makeJsonView(options) : makeTextView(options);
}

const namesOf = (functions: readonly PlannedFunction[]) => functions.map(({ name }) => name);

function makeJsonView({ by, sort, top, functions }: StatsViewOptions): StatsView {
  const names = namesOf(functions);
  const end = (stats: readonly FunctionStats[]) =>
    renderStatsJson(sortByMeasure(stats, sort, names, top), by, functions);
  return { interval: (stats, elapsedMs) => renderInterval(elapsedMs) + end(stats), end };
}

/** Of the terminal: the header of the table, and the line that the cursor is on. */
const otherLines = 2;

function makeTextView(options: StatsViewOptions): StatsView {
  const { by, sort, functions, top, height, histograms } = options;
  const text = makeText({ ...options, outputs: [], epochNs: 0n });
  const names = namesOf(functions);
  let shownLines = 0;
  /** Goes up to where the last table began, and clears from there. */
  const takeBack = () => (shownLines === 0 ? '' : `\u001b[${shownLines}A\u001b[J`);
  return {
    interval(stats, elapsedMs) {
      const most = height === null ? top : Math.min(top ?? Infinity, height - otherLines);
      const table = renderStatsTable(sortByMeasure(stats, sort, names, most), by, text);
      if (height === null) return `after ${(elapsedMs / 1000).toFixed(1)} s\n${table}\n`;
      const shown = takeBack() + table;
      shownLines = table.split('\n').length - 1;
      return shown;
    },
    end(stats) {
      const sorted = sortByMeasure(stats, sort, names, top);
      const drawn = histograms ? renderStatsHistograms(sorted, by, text) : '';
      return takeBack() + renderStatsTable(sorted, by, text) + drawn;
    },
  };
}
