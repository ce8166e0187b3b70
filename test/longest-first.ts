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

/** In traces of all tests. */
function weigh(path: string): number {
  const [, series = ''] = /trace-(\d+\.\d+)\./.exec(path) ?? [];
  if (series in matrix)
    return waysOf(series as Series).reduce(
      (sum, { tests }) => sum + (tests === 'all' ? 1 : 0.25),
      1,
    );
  return path.endsWith('.guest.test.ts') ? 1 : 0;
}
