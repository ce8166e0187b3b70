/** Judges whether budgets hold, by what all runs measured. */
import type { Tree } from '../tree/tree.js';
import type { BaselineRule, Budget, Rule } from './budget.js';
import { holds } from './limit.js';
import type { Reading } from './meter.js';

export interface Verdict {
  readonly budget: Omit<Budget, 'rule'> & { readonly rule: Rule | BaselineRule };
  readonly held: boolean;
  /** What was held against the limit: null where there was no call to measure, which holds no limit. */
  readonly value: number | null;
  /** Of each run. */
  readonly values: readonly (number | null)[];
  /** The tree of all runs that shows most of what the budget is about. */
  readonly worst: Tree | null;
}

/**
 * Of times and shares the median of all runs is held against the limit: one slow run is none of the
 * function's. Of calls and errors each run is: the one that breaks it, if any, is the value.
 * @param runs of each run the readings, by budget
 */
export function judge(
  budgets: readonly Budget[],
  runs: readonly (readonly Reading[])[],
): readonly Verdict[] {
  return budgets.map((budget, at) => {
    const readings = runs.flatMap((readings) => readings[at] ?? []);
    const values = readings.map(({ value }) => value);
    const value = isCounted(budget.rule) ? brokenOrFirst(budget.rule, values) : median(values);
    const inRun = values.indexOf(value);
    const worst = readings[inRun]?.worst ?? readings.find((one) => one.worst !== null)?.worst;
    return { budget, held: isHeld(budget.rule, value), value, values, worst: worst ?? null };
  });
}

const isCounted = (rule: Rule): boolean =>
  rule.type === 'never calls' ||
  (rule.type === 'limit' && (rule.measure === 'calls' || rule.measure === 'errors'));

function isHeld(rule: Rule, value: number | null): boolean {
  if (value === null) return false;
  return rule.type === 'never calls' ? value === 0 : holds(rule.limit, value);
}

const brokenOrFirst = (rule: Rule, values: readonly (number | null)[]): number | null =>
  values.find((value) => !isHeld(rule, value)) ?? values[0] ?? null;

/** The lower of two: it is one that was measured. Null where one run measured none. */
function median(values: readonly (number | null)[]): number | null {
  const numbers = values.flatMap((value) => value ?? []);
  if (numbers.length < values.length) return null;
  return numbers.toSorted((a, b) => a - b)[(numbers.length - 1) >> 1] ?? null;
}
