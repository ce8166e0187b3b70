/** Holds what a check measured against what an earlier one did. */
import { chanceOfMore, isCount, levelOf, usualTolerance, valueOf } from '../tree/compare.js';
import { findDrift } from '../tree/pace.js';
import { spellName, type MeasuredRun } from '../tree/measured.js';
import type { Verdict } from './judge.js';

const compared = ['calls', 'errors', 'total', 'p50', 'p99'] as const;

interface BaselineOptions {
  readonly tolerance: number;
  readonly unit: 'ns' | 'instructions';
  readonly line: number;
}

/**
 * What is dearer than it was by more than the tolerance, and not by chance. Functions that were not called then
 * have no times to compare, only calls and errors.
 * @param tolerance 0.1: a tenth more is none
 * @param unit of times: on a clock, runs of the same differ
 * @param line of the baseline, in the file of the budgets
 */
export function findRegressions(
  before: Pick<MeasuredRun, 'functions' | 'ticks'>,
  after: Pick<MeasuredRun, 'functions' | 'ticks'>,
  { tolerance, unit, line }: BaselineOptions,
): Verdict[] {
  const known = new Map(before.functions.map((one) => [spellName(one), one]));
  const most = levelOf(after.functions.length);
  const factor = 1 + tolerance;
  const { longer } = findDrift(before.ticks, after.ticks, usualTolerance);
  const noise = (unit === 'ns' ? 1 + usualTolerance : 1) * longer.factor;
  return after.functions.flatMap((now) => {
    const then = known.get(spellName(now)) ?? null;
    return compared.flatMap((measure): Verdict[] => {
      const [was, is] = [valueOf(measure, then), valueOf(measure, now)];
      if (was === null || is === null || is <= was * factor) return [];
      if (then === null && measure === 'total') return [];
      const limit = { factor: isCount(measure) ? factor : factor * noise, add: 0 };
      if (chanceOfMore(measure, then, now, limit, longer.share) >= most) return [];
      const ofWhat = isCount(measure) ? 'calls' : 'ns';
      const highest = { comparison: '<=', value: was * factor, unit: ofWhat } as const;
      const rule = { type: 'baseline', measure, before: was, limit: highest } as const;
      return [
        {
          budget: { function: spellName(now), line, rule },
          ...{ held: false, value: is, values: [is], worst: null },
        },
      ];
    });
  });
}
