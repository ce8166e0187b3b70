/** Holds two runs against each other, and against what may differ. */
import { exitStatus, Failure } from '../failure.js';
import { checkApart } from './file.js';
import { readMeasured } from './measured-file.js';
import { renderDiffJson, renderDiffSummaryJson, renderEdgesJson } from '../render/diff-json.js';
import { renderDiff, renderDiffSummary } from '../render/diff.js';
import { makeText } from '../render/text.js';
import { print } from '../show.js';
import { noAddresses } from '../symbols/addresses.js';
import { quantile } from '../tree/buckets.js';
import { compareRuns, isCount } from '../tree/compare.js';
import { judge, type Condition, type Verdict } from '../tree/condition.js';
import type { Losses, MeasuredRun } from '../tree/measured.js';
import { sortComparisons, type ChangeKey } from '../tree/sort-changes.js';

export interface DiffRequest {
  /** Recordings, or lines of `stat` or `report`; `-` is standard input. */
  readonly before: string;
  readonly after: string;
  /** What times of equal runs may differ by: 0.05 is a twentieth. */
  readonly tolerance: number;
  /** The machine was as fast for both, whatever its ticks tell. */
  readonly steady: boolean;
  readonly conditions: readonly Condition[];
  readonly show: 'significant' | 'all';
  readonly sort: ChangeKey;
  /** No more functions than so many, nor edges; null: all. */
  readonly top: number | null;
  readonly format: 'text' | 'json';
  /** A file, or null for standard output. */
  readonly output: string | null;
  /** Columns of the terminal; null: lines are never cut. */
  readonly width: number | null;
  readonly color: boolean;
  /** Gets what people are told beside the table. */
  readonly onNote: (text: string) => void;
}

/**
 * @returns the exit status
 * @throws {Failure} when a file is neither, or not whole, or the output, or a condition is about no function
 */
export async function diff(request: DiffRequest): Promise<number> {
  const { before: nameBefore, after: nameAfter, tolerance, show, sort, format } = request;
  if (nameBefore === '-' && nameAfter === '-') throw twiceStandardInput();
  await checkApart(nameBefore, request.output);
  await checkApart(nameAfter, request.output);
  const read = async (name: string): Promise<MeasuredRun> => {
    const run = await readMeasured(name);
    return request.steady ? { ...run, ticks: new Map() } : run;
  };
  const before = await read(nameBefore);
  const after = await read(nameAfter);
  checkAlike(request, before, after);
  checkUnits(request.conditions, after);
  const compared = compareRuns(before, after, tolerance);
  const verdicts = request.conditions.map((condition) =>
    judge(condition, compared.functions, compared.noise),
  );
  const summary = {
    ...{ compared, tolerance, verdicts, unit: after.unit },
    before: { name: nameBefore, lost: before.lost, tickNs: quantile(before.ticks, 0.5) },
    after: { name: nameAfter, lost: after.lost, tickNs: quantile(after.ticks, 0.5) },
    status: statusOf(verdicts, [before.lost, after.lost]),
  };
  const isShown = ({ isSignificant }: { readonly isSignificant: boolean }) =>
    isSignificant || show === 'all';
  const most = request.top ?? Infinity;
  const comparisons = sortComparisons(compared.functions.filter(isShown), sort).slice(0, most);
  const edges = (compared.edges ?? []).filter(isShown).slice(0, most);
  if (format === 'json') {
    const lines = renderDiffJson(comparisons) + renderEdgesJson(edges);
    await print(lines + renderDiffSummaryJson(summary), request.output);
  } else {
    const text = makeText({
      ...{ functions: [], outputs: [], addresses: noAddresses, epochNs: 0n },
      ...{ width: request.width, color: request.color },
    });
    try {
      await print(renderDiff(comparisons, edges, after.unit, text), request.output);
    } finally {
      request.onNote(renderDiffSummary(summary));
    }
  }
  return summary.status;
}

function statusOf(verdicts: readonly Verdict[], losses: readonly Losses[]): number {
  if (verdicts.some(({ broken }) => broken.length > 0)) return exitStatus.overBudget;
  const isLossless = losses.every((lost) =>
    Object.values<number>({ ...lost }).every((n) => n === 0),
  );
  return verdicts.length === 0 || isLossless ? 0 : exitStatus.lost;
}

/** Runs that were added up are as many calls as there were runs. */
function checkAlike(
  { before: nameBefore, after: nameAfter }: DiffRequest,
  before: MeasuredRun,
  after: MeasuredRun,
): void {
  const spell = ({ runs, unit }: MeasuredRun) =>
    `${runs === 1 ? '1 run' : `${runs} runs`} in ${unit}`;
  if (before.runs === after.runs && before.unit === after.unit) return;
  throw new Failure(
    exitStatus.usage,
    `${nameBefore} is of ${spell(before)}, ${nameAfter} of ${spell(after)}: they can't be compared.`,
    'Compare what was measured alike',
  );
}

function checkUnits(conditions: readonly Condition[], { unit }: MeasuredRun): void {
  if (unit === 'ns') return;
  for (const condition of conditions) {
    if (!('limit' in condition) || condition.limit.add === 0 || isCount(condition.measure))
      continue;
    throw new Failure(
      exitStatus.usage,
      `--fail-on '${condition.text}': the runs are in ${unit}, not in time.`,
      `Give a part: --fail-on '${condition.measure} > +10%'`,
    );
  }
}

const twiceStandardInput = (): Failure =>
  new Failure(
    exitStatus.usage,
    'Standard input can be one of the two only.',
    'Write one of them to a file first',
  );
