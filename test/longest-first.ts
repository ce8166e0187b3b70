/** The order of test files: what takes longest is not to begin last, when it has one core and the other is idle. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { matrix, waysOf, type Series } from './matrix.js';

export class LongestFirst extends BaseSequencer {
  /** Those with guests, of most tests first; else as vitest knows them. */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => weigh(b.moduleId) - weigh(a.moduleId));
  }
}

/** Of those that attach to everything, or start again and again. */
const heavy: Readonly<Record<string, number>> = { safety: 2.5, bpfsnoop: 2, check: 2, learn: 1.5 };

/** In traces of all tests. */
function weigh(path: string): number {
  const [, series = ''] = /trace-(\d+\.\d+)\./.exec(path) ?? [];
  if (series in matrix)
    return waysOf(series as Series).reduce(
      (sum, { tests }) => sum + (tests === 'all' ? 1 : 0.25),
      1,
    );
  const [, name = ''] = /(\w+)\.guest\.test\.ts$/.exec(path) ?? [];
  return name === '' ? 0 : (heavy[name] ?? 1);
}
