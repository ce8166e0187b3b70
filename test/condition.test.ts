/** Conditions on how two runs differ: how they are written, and when they hold. */
import { describe, expect, test } from 'vitest';
import { ExpressionError, formatExpressionError } from '../src/expr/error.js';
import { bucketOf } from '../src/tree/buckets.js';
import { compareRuns } from '../src/tree/compare.js';
import { judge, parseCondition } from '../src/tree/condition.js';
import type { Measured } from '../src/tree/measured.js';

describe('a condition', () => {
  test.each([
    ['p99 > +10%', { type: 'more', measure: 'p99', limit: { factor: 1.1, add: 0 }, globs: [] }],
    ['p99>+10%', { type: 'more', measure: 'p99', limit: { factor: 1.1, add: 0 } }],
    ['mean > +50us', { type: 'more', measure: 'mean', limit: { factor: 1, add: 50_000 } }],
    ['total > +1.5ms', { type: 'more', limit: { factor: 1, add: 1_500_000 } }],
    ['calls < -25%', { type: 'less', measure: 'calls', limit: { factor: 0.75, add: 0 } }],
    ['errors > +3 of vfs_*', { type: 'more', limit: { factor: 1, add: 3 }, globs: ['vfs_*'] }],
    ['max < -2s', { type: 'less', limit: { factor: 1, add: -2e9 } }],
    [' calls  > +0%  of a, b,c ', { globs: ['a', 'b', 'c'], limit: { factor: 1, add: 0 } }],
    ['new', { type: 'new', globs: [] }],
    ['gone of ext4_*,xfs_*', { type: 'gone', globs: ['ext4_*', 'xfs_*'] }],
  ])('%s', (text, known) => {
    expect(parseCondition(text)).toMatchObject({ text, ...known });
  });

  const complaint = (text: string): string => {
    try {
      parseCondition(text);
    } catch (error) {
      if (error instanceof ExpressionError) return formatExpressionError(error).join('\n');
      throw error;
    }
    return 'no complaint';
  };

  test('that is misspelt is shown with the place, and with what it may have meant', () => {
    expect(complaint('p98 > +10%')).toMatchInlineSnapshot(`
      "'p98' is nothing that is measured. Did you mean: p90, p99?
          p98 > +10%
          ^~~
      A condition begins with one of: calls, errors, total, self, mean, min, max, p50, p90, p99, new, gone"
    `);
    expect(complaint('> +10%')).toMatchInlineSnapshot(`
      "A condition begins with what is measured.
          > +10%
          ^~~~~~
      A condition begins with one of: calls, errors, total, self, mean, min, max, p50, p90, p99, new, gone"
    `);
    expect(complaint('p99 = 10%')).toMatchInlineSnapshot(`
      "Behind 'p99' comes > or <.
          p99 = 10%
              ^~~~~"
    `);
    expect(complaint('p99 >= +10%')).toMatchInlineSnapshot(`
      "Behind 'p99' comes > or <.
          p99 >= +10%
              ^~~~~~~"
    `);
    expect(complaint('p99 > 10%')).toMatchInlineSnapshot(`
      "A change behind > begins with +.
          p99 > 10%
                ^~~
      Such as: p99 > +10%, p99 > +50us, p99 < -10%"
    `);
    expect(complaint('p99 <')).toMatchInlineSnapshot(`
      "Behind '<' comes a change.
          p99 <
               ^
      Such as: p99 > +10%, p99 > +50us, p99 < -10%"
    `);
    expect(complaint('calls < +10%')).toMatchInlineSnapshot(`
      "A change behind < begins with -.
          calls < +10%
                  ^~~~
      Such as: calls > +10%, calls > +100, calls < -10%"
    `);
    expect(complaint('calls > +10us')).toMatchInlineSnapshot(`
      "'calls' is a number, and no time.
          calls > +10us
                  ^~~~~
      Such as: calls > +10%, calls > +100, calls < -10%"
    `);
    expect(complaint('p50 > +10')).toMatchInlineSnapshot(`
      "'p50' is a time.
          p50 > +10
                ^~~
      Such as: p50 > +10%, p50 > +50us, p50 < -10%"
    `);
    expect(complaint('p50 > +ten')).toMatchInlineSnapshot(`
      "'+ten' is no change.
          p50 > +ten
                ^~~~
      Such as: p50 > +10%, p50 > +50us, p50 < -10%"
    `);
    expect(complaint('total < -100%')).toMatchInlineSnapshot(`
      "Nothing gets less by 100 % or more: what is called no more is gone.
          total < -100%
                  ^~~~~
      Such as: total > +10%, total > +50us, total < -10%"
    `);
    expect(complaint('p50 > +10% in vfs_read')).toMatchInlineSnapshot(`
      "Behind a condition comes nothing, or 'of' and functions.
          p50 > +10% in vfs_read
                     ^~~~~~~~~~~
      Such as: p99 > +10% of vfs_*"
    `);
    expect(complaint('new of')).toMatchInlineSnapshot(`
      "There is the name of a function missing, or a glob.
          new of
                ^"
    `);
    expect(complaint('new of a b')).toMatchInlineSnapshot(`
      "Functions are separated by commas.
          new of a b
                   ^"
    `);
    expect(complaint('')).toMatchInlineSnapshot(`
      "A condition begins with what is measured.
          
          ^
      A condition begins with one of: calls, errors, total, self, mean, min, max, p50, p90, p99, new, gone"
    `);
  });
});

/** Calls that all take as long. */
function measured(name: string, calls: number, ns = 1000, errors = 0): Measured {
  return {
    ...{ function: name, module: null, calls, totalNs: calls * ns, selfNs: calls * ns },
    ...{ minNs: ns, maxNs: ns, counts: new Map([[bucketOf(ns), calls]]) },
    errors: new Map([['EIO', errors]]),
  };
}

function judgeRuns(
  text: string,
  before: readonly Measured[],
  after: readonly Measured[],
  tolerance = 0,
) {
  const lost = { ring: 0, recursion: 0, entry: 0, user: 0 };
  const rest = { edges: null, isCut: false, runs: 1, unit: 'ns', lost, ticks: new Map() } as const;
  const compared = compareRuns({ functions: before, ...rest }, { functions: after, ...rest }, 0.05);
  const slowdown = { factor: 1 + tolerance, share: 0 };
  const noise = { longer: slowdown, shorter: slowdown };
  const { broken, unclear, functions } = judge(parseCondition(text), compared.functions, noise);
  const name = (judged: typeof broken) => judged.map(({ comparison }) => comparison.function);
  return { functions, broken: name(broken), unclear: name(unclear) };
}

describe('it holds', () => {
  const before = [measured('vfs_read', 1000), measured('vfs_write', 1000), measured('old', 40)];
  const after = [
    measured('vfs_read', 2000),
    measured('vfs_write', 1000, 1500, 30),
    measured('young', 40),
    measured('once', 1),
  ];
  const judged = (text: string) => judgeRuns(text, before, after);

  test.each([
    ['calls > +10%', ['vfs_read', 'young'], ['once']],
    ['calls > +120%', ['young'], ['once']],
    ['calls > +800', ['vfs_read'], []],
    ['calls > +900', [], ['vfs_read']],
    ['calls < -10%', ['old'], []],
    ['errors > +0%', ['vfs_write'], []],
    ['p50 > +25%', ['vfs_write'], []],
    ['p50 > +400ns', ['vfs_write'], []],
    ['p99 > +60%', [], []],
    ['max > +25%', ['vfs_write'], []],
    ['min > +25%', ['vfs_write'], []],
    ['mean > +25%', ['vfs_write'], []],
    ['total > +25%', ['vfs_read', 'vfs_write', 'young'], ['once']],
    ['self > +25% of vfs_w*', ['vfs_write'], []],
    ['p50 > +25% of vfs_read', [], []],
    ['new', ['young'], ['once']],
    ['gone', ['old'], []],
    ['new of vfs_*', [], []],
  ])('%s', (text, broken, unclear) => {
    const found = judged(text);
    expect(found.broken.toSorted()).toEqual(broken);
    expect(found.unclear).toEqual(unclear);
  });

  test('for times only beyond what equal runs may differ by', () => {
    // 1000 to 1500 ns
    const beyond = (text: string, tolerance: number) => judgeRuns(text, before, after, tolerance);
    expect(beyond('p50 > +25%', 0.1).broken).toEqual(['vfs_write']);
    expect(beyond('p50 > +25%', 0.25)).toMatchObject({ broken: [], unclear: ['vfs_write'] });
    expect(beyond('p50 > +200ns', 0.25)).toMatchObject({ broken: [], unclear: ['vfs_write'] });
    expect(judgeRuns('p50 < -25%', after, before, 0.1).broken).toEqual(['vfs_write']);
    expect(judgeRuns('p50 < -25%', after, before, 0.25).broken).toEqual([]);
    expect(beyond('calls > +90%', 0.25).broken).toEqual(beyond('calls > +90%', 0).broken);
  });

  test('for less, with the runs the other way round', () => {
    expect(judgeRuns('p50 < -25%', after, before).broken).toEqual(['vfs_write']);
    expect(judgeRuns('total < -40%', after, before).broken).toContain('vfs_read');
  });

  test('of no function when there is none of that name, which may be misspelt', () => {
    expect(judged('calls > +10% of vfs_*').functions).toBe(2);
    expect(() => judged('calls > +10% of vfs_raed')).toThrow(
      "--fail-on 'calls > +10% of vfs_raed': neither run called a function 'vfs_raed'. Did you mean: vfs_read?",
    );
  });
});
