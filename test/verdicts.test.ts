/** What people, programs and CI systems are told of budgets; and what is held against a baseline. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findRegressions } from '../src/budget/baseline.js';
import type { BaselineRule, Rule } from '../src/budget/budget.js';
import type { Verdict } from '../src/budget/judge.js';
import { parseLimit } from '../src/budget/limit.js';
import { loadBudget } from '../src/budget/load.js';
import {
  renderAnnotations,
  renderCheckSummaryJson,
  renderSlower,
  renderJunit,
  renderVerdictCount,
  renderVerdicts,
  renderVerdictsJson,
  type VerdictOptions,
} from '../src/render/verdicts.js';
import { makeText } from '../src/render/text.js';
import { bucketOf, type Counts } from '../src/tree/buckets.js';
import type { Measured } from '../src/tree/measured.js';
import { functions, read, treeOf } from './fixtures/reads.js';
import { addresses } from './fixtures/values.js';

const text = makeText({
  ...{ functions, outputs: [], addresses, epochNs: 0n },
  ...{ width: null, color: false },
});
const options: VerdictOptions = {
  ...{ text, path: 'b.yaml', counted: false },
  printTree: ({ pid }) => `tree of ${pid} <&>\u0007\n`,
};

const limit = (measure: string, most: string): Rule =>
  ({ type: 'limit', measure, limit: parseLimit(most) }) as Rule;

const verdict = (
  rule: Rule | BaselineRule,
  held: boolean,
  values: readonly (number | null)[],
): Verdict => ({
  budget: { function: 'vfs_read', line: 7, rule },
  ...{ held, value: values[0] ?? null, values, worst: held ? null : tree },
});
const tree = treeOf(read);

const some: readonly Verdict[] = [
  verdict(limit('calls', '<= 1000'), true, [1000, 1000]),
  verdict(limit('p99', '< 50us'), false, [61_200, 48_110]),
  verdict({ type: 'never calls', callees: ['schedule', 'io_*'] }, false, [2, 2]),
  verdict({ type: 'share', of: 'ksys_read', limit: parseLimit('80%') }, true, [79.5, 12.345]),
  verdict(limit('mean', '1ms'), false, [null, null]),
];

describe('text', () => {
  test('is a table, and each tree that shows a breach, once', () => {
    expect(`\n${renderVerdicts(some, options)}`).toMatchInlineSnapshot(`
      "
              FUNCTION  BUDGET                      MEASURED  RUNS                  LINE
      held    vfs_read  calls ≤ 1,000               1,000     1,000 to 1,000        b.yaml:7
      BROKEN  vfs_read  p99 < 50.00 µs              61.20 µs  48.11 µs to 61.20 µs  b.yaml:7
      BROKEN  vfs_read  never calls schedule, io_*  2         2 to 2                b.yaml:7
      held    vfs_read  ≤ 80 % of ksys_read         79.5 %    12.3 % to 79.5 %      b.yaml:7
      BROKEN  vfs_read  mean ≤ 1.00 ms              no call                         b.yaml:7

      Breaks vfs_read p99 < 50.00 µs; vfs_read never calls schedule, io_*; vfs_read mean ≤ 1.00 ms:
      tree of 101 <&>
      "
    `);
  });

  test('of one run has no range', () => {
    const [first] = some;
    if (first === undefined) throw new Error('there is one');
    const one = [{ ...first, values: [1000] }];
    expect(renderVerdicts(one, options)).not.toContain('RUNS');
  });

  test('has times below a microsecond as they are', () => {
    const limit = { comparison: '>', value: 1, unit: 'ns' } as const;
    const rule = { type: 'limit', measure: 'min', limit } as const;
    const [first] = some;
    if (first === undefined) throw new Error('there is one');
    const short = { ...first, budget: { ...first.budget, rule }, value: 742, values: [742] };
    expect(renderVerdicts([short], options)).toMatch(/ min > 1 ns +742 ns /);
  });

  test('is in instructions where those are counted', () => {
    expect(renderVerdicts(some, { ...options, counted: true })).toContain(
      'p99 < 50,000 instructions',
    );
  });

  test.each([
    [some, null, '3 of 5 budgets broken.\n'],
    [some.slice(0, 1), null, '1 budget: held.\n'],
    [[], null, ''],
    [[], 'old.json', 'dearer than in old.json: nothing.\n'],
    [some.slice(0, 1), 'old.json', '1 budget: held; dearer than in old.json: nothing.\n'],
  ])('ends with what came of it', (verdicts, baseline, expected) => {
    expect(renderVerdictCount(verdicts, baseline)).toBe(expected);
  });
});

test('JSON has a line a budget', () => {
  const lines = renderVerdictsJson(some, { counted: false, printTree: () => '{"type":"tree"}\n' })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines).toHaveLength(5);
  expect(lines[1]).toEqual({
    ...{ type: 'budget', line: 7, function: 'vfs_read', budget: 'p99 < 50.00 µs' },
    ...{
      held: false,
      value: 61_200,
      unit: 'ns',
      values: [61_200, 48_110],
      worst: { type: 'tree' },
    },
  });
  expect(lines[3]).toMatchObject({ unit: '%', worst: null });
  expect(lines[4]).toMatchObject({ value: null });
  const lost = { ring: 0, recursion: 1, entry: 0, user: 0 };
  const summary = { runs: 2, baseline: null, slowdown: null, lost };
  expect(JSON.parse(renderCheckSummaryJson(some, summary))).toEqual({
    ...{ type: 'summary', runs: 2, held: 2, broken: 3, baseline: null, lost },
  });
  const slowdown = { factor: 1.5, share: 0.1 };
  const compared = { ...summary, baseline: 'old.json', slowdown };
  expect(JSON.parse(renderCheckSummaryJson(some, compared))).toMatchObject({
    ...{ baseline: 'old.json', drift: 1.5, slowShare: 0.1 },
  });
  expect(renderSlower('old.json', slowdown)).toBe(
    "By the kernel's tick, the machine may have been 1.50 times as slow as for old.json, and slower still for up to 10% of calls: what took longer by no more than that, and the tolerance, is not told.\n",
  );
});

test('JUnit has a case a budget, without what XML can not say', () => {
  expect(renderJunit(some.slice(0, 2), options)).toMatchInlineSnapshot(`
    "<?xml version="1.0" encoding="UTF-8"?>
    <testsuites tests="2" failures="1">
      <testsuite name="b.yaml" tests="2" failures="1">
        <testcase classname="vfs_read" name="calls ≤ 1,000" file="b.yaml" line="7"/>
        <testcase classname="vfs_read" name="p99 &lt; 50.00 µs" file="b.yaml" line="7">
          <failure message="61.20 µs, budget p99 &lt; 50.00 µs">tree of 101 &lt;&amp;&gt;
    </failure>
        </testcase>
      </testsuite>
    </testsuites>
    "
  `);
});

test('GitHub gets what is broken, each in a line', () => {
  expect(renderAnnotations(some, { path: 'a,b:c.yaml', counted: false })).toMatchInlineSnapshot(`
    "::error file=a%2Cb%3Ac.yaml,line=7,title=vfs_read%3A over budget::vfs_read: 61.20 µs, budget p99 < 50.00 µs
    ::error file=a%2Cb%3Ac.yaml,line=7,title=vfs_read%3A over budget::vfs_read: 2, budget never calls schedule, io_*
    ::error file=a%2Cb%3Ac.yaml,line=7,title=vfs_read%3A over budget::vfs_read: no call, budget mean ≤ 1.00 ms
    "
  `);
});

/** So many calls of so many ns. */
const measured = (name: string, calls: number, ns: number): Measured => ({
  ...{ function: name, module: null, calls, totalNs: calls * ns, selfNs: calls * ns },
  ...{ minNs: ns, maxNs: ns, counts: new Map([[bucketOf(ns), calls]]), errors: new Map() },
});

describe('against a baseline', () => {
  const found = (
    before: readonly Measured[],
    after: readonly Measured[],
    tolerance = 0.1,
    unit: 'ns' | 'instructions' = 'ns',
    ticks: { readonly before: Counts; readonly after: Counts } = { before: none, after: none },
  ) =>
    findRegressions(
      { functions: before, ticks: ticks.before },
      { functions: after, ticks: ticks.after },
      { tolerance, unit, line: 3 },
    ).map(({ budget, value }) =>
      budget.rule.type === 'baseline'
        ? [budget.function, budget.rule.measure, budget.rule.before, value]
        : [],
    );
  const none: Counts = new Map();

  test('the same, less, and a little more are none', () => {
    const before = [measured('vfs_read', 1000, 1000)];
    expect(found(before, before)).toEqual([]);
    expect(found(before, [measured('vfs_read', 900, 500)])).toEqual([]);
    expect(found(before, [measured('vfs_read', 1050, 1050)])).toEqual([]);
    expect(found(before, [])).toEqual([]);
  });

  test('twice as many calls are, and calls that take twice as long', () => {
    const before = [measured('vfs_read', 1000, 1000), measured('other', 1000, 1000)];
    const other = measured('other', 1000, 1000);
    expect(found(before, [measured('vfs_read', 2000, 1000), other])).toEqual([
      ['vfs_read', 'calls', 1000, 2000],
      ['vfs_read', 'total', 1e6, 2e6],
    ]);
    expect(found(before, [measured('vfs_read', 1000, 2000), other])).toEqual([
      ['vfs_read', 'total', 1e6, 2e6],
      ['vfs_read', 'p50', 1000, 2000],
      ['vfs_read', 'p99', 1000, 2000],
    ]);
    expect(found(before, [measured('vfs_read', 2000, 1000), other], 1.5)).toEqual([]);
  });

  test('on a clock a fifth more may be chance, in instructions it is not', () => {
    const [before, after] = [
      [measured('vfs_read', 1000, 1000)],
      [measured('vfs_read', 1000, 1200)],
    ];
    expect(found(before, after)).toEqual([]);
    expect(found(before, after, 0.1, 'instructions').map(([, measure]) => measure)).toEqual([
      'p50',
      'p99',
    ]);
  });

  test('on a machine that was slower, no more is told than what that does not explain', () => {
    const ticks = {
      before: new Map([[bucketOf(10_000), 200]]),
      after: new Map([[bucketOf(20_000), 200]]),
    };
    const before = [measured('vfs_read', 1000, 1000)];
    const twice = [measured('vfs_read', 1000, 2000)];
    expect(found(before, twice).map(([, measure]) => measure)).toEqual(['total', 'p50', 'p99']);
    expect(found(before, twice, 0.1, 'ns', ticks)).toEqual([]);
    const calls = [measured('vfs_read', 2000, 1000)];
    expect(found(before, calls, 0.1, 'ns', ticks).map(([, measure]) => measure)).toEqual(['calls']);
    const slow = [measured('vfs_read', 1000, 5000)];
    expect(found(before, slow, 0.1, 'ns', ticks).map(([, measure]) => measure)).toEqual([
      ...['total', 'p50', 'p99'],
    ]);
  });

  test('a function that was not called then is, when it is called often', () => {
    expect(found([], [measured('vfs_read', 1000, 1000)])).toEqual([['vfs_read', 'calls', 0, 1000]]);
    expect(found([], [measured('vfs_read', 1, 1000)])).toEqual([]);
  });
});

test('the example is a budget', () => {
  const path = new URL('../examples/budget.yaml', import.meta.url).pathname;
  const { trace, budgets } = loadBudget(path);
  expect(trace.runs).toBe(3);
  expect(budgets.length).toBeGreaterThan(4);
  expect(readFileSync(path, 'utf8')).toContain('schemas/budget.schema.json');
});
