/** Budgets: how they are read, what is measured for them, and when they hold. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Budget, Rule } from '../src/budget/budget.js';
import { limitedIn, namesIn } from '../src/budget/budget.js';
import { judge } from '../src/budget/judge.js';
import { holds, parseLimit } from '../src/budget/limit.js';
import { Meter } from '../src/budget/meter.js';
import { formatMistake } from '../src/budget/mistake.js';
import { parseBudget } from '../src/budget/parse.js';
import { askFor, failInBudgetWords, noteFilter } from '../src/cli/budget-words.js';
import { Failure } from '../src/failure.js';
import type { Tree } from '../src/tree/tree.js';
import { functions, read, treeOf, treesOf } from './fixtures/reads.js';
import { recordsOf, type Sketch } from './fixtures/records.js';

const schema = JSON.parse(
  readFileSync(new URL('../schemas/budget.schema.json', import.meta.url), 'utf8'),
) as object;

/** As DESIGN.md's users write it. */
const whole = `trace: {kfunc: [vfs_read], include: ['ext4_*'], runs: 5}
command: ./workload.sh
budgets:
  - {function: vfs_read, calls: <= 1000, p99: < 50us, total: < 10ms}
  - {function: 'blk_mq_*', calls: 0}
  - {function: vfs_read, errors: 0, never-calls: [schedule]}
  - {function: 'ext4_*', share-of: vfs_read, max: 80%}
baseline: perf/baseline.json
tolerance: 10%
`;

const parse = (text: string) => {
  const parsed = parseBudget(text, schema);
  if (parsed.type === 'mistakes') throw new Error(JSON.stringify(parsed.mistakes));
  return parsed.file;
};

const mistakesIn = (text: string) => {
  const parsed = parseBudget(text, schema);
  return parsed.type === 'mistakes'
    ? parsed.mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`)
    : [];
};

describe('a budget file', () => {
  test('is read whole, a budget for each limit', () => {
    const { trace, budgets, ...rest } = parse(whole);
    expect(trace).toMatchObject({ kfunc: ['vfs_read'], include: ['ext4_*'], runs: 5, args: 'off' });
    expect(rest).toEqual({
      command: './workload.sh',
      baseline: { path: 'perf/baseline.json', line: 8 },
      tolerance: 0.1,
    });
    const limit = (measure: string, comparison: string, value: number, unit: string) => ({
      ...{ type: 'limit', measure, limit: { comparison, value, unit } },
    });
    expect(budgets).toEqual([
      { function: 'vfs_read', line: 4, rule: limit('calls', '<=', 1000, 'calls') },
      { function: 'vfs_read', line: 4, rule: limit('p99', '<', 50_000, 'ns') },
      { function: 'vfs_read', line: 4, rule: limit('total', '<', 10_000_000, 'ns') },
      { function: 'blk_mq_*', line: 5, rule: limit('calls', '<=', 0, 'calls') },
      { function: 'vfs_read', line: 6, rule: limit('errors', '<=', 0, 'calls') },
      { function: 'vfs_read', line: 6, rule: { type: 'never calls', callees: ['schedule'] } },
      {
        function: 'ext4_*',
        line: 7,
        rule: {
          ...{ type: 'share', of: 'vfs_read' },
          limit: { comparison: '<=', value: 80, unit: '%' },
        },
      },
    ]);
    expect(Object.fromEntries(namesIn(budgets))).toEqual({
      ...{ vfs_read: 4, 'blk_mq_*': 5, schedule: 6, 'ext4_*': 7 },
    });
    expect([...limitedIn(budgets)]).toEqual(['vfs_read', 'blk_mq_*']);
  });

  test('lists limits of one measure, each with its own line of the key', () => {
    const { budgets } = parse(`trace: {kfunc: vfs_read}
budgets:
  - function: vfs_read
    calls: ['>= 1', '<= 5']
    p50: 1000 instructions
`);
    expect(budgets.map(({ line }) => line)).toEqual([4, 4, 5]);
    expect(budgets.map(({ rule }) => rule.type === 'limit' && rule.limit)).toEqual([
      { comparison: '>=', value: 1, unit: 'calls' },
      { comparison: '<=', value: 5, unit: 'calls' },
      { comparison: '<=', value: 1000, unit: 'instructions' },
    ]);
  });

  describe('asks for what budgets name', () => {
    const given = { 'cpu-time': false, 'dry-run': false, watchdog: '30s', command: 'true' };
    const ask = (text: string, method: 'auto' | 'kprobe.multi' = 'auto') => {
      const { wishes, ...asked } = askFor('b.yaml', parse(text), { ...given, method });
      const globs = (name: 'roots' | 'include' | 'extra' | 'alsoRoots') =>
        wishes[name].map(({ glob }) => glob);
      return {
        ...{ roots: globs('roots'), include: globs('include'), extra: globs('extra') },
        ...{ alsoRoots: globs('alsoRoots'), graph: wishes.graph, method: asked.method },
      };
    };

    test('included, or beside a graph of its own: what is limited as roots, too', () => {
      expect(ask(whole)).toMatchObject({
        roots: ['vfs_read'],
        graph: true,
        include: ['ext4_*', 'blk_mq_*', 'schedule', 'ext4_*'],
        extra: [],
        alsoRoots: ['blk_mq_*'],
      });
      const graph = whole.replace("include: ['ext4_*']", 'graph: true');
      expect(ask(graph, 'kprobe.multi')).toMatchObject({
        method: 'kprobe.multi',
        include: [],
        extra: ['blk_mq_*', 'schedule', 'ext4_*'],
        alsoRoots: ['blk_mq_*'],
      });
      const alone = '{trace: {kfunc: vfs_read}, budgets: [{function: vfs_read, calls: 3}]}';
      expect(ask(alone)).toMatchObject({ graph: false, alsoRoots: [] });
    });

    test('a share is of all calls of the other function, and of what is below those alone', () => {
      const share = '{function: vfs_read, share-of: ksys_read, max: 50%}';
      expect(ask(`{trace: {kfunc: x}, budgets: [${share}]}`)).toMatchObject({
        include: ['vfs_read', 'ksys_read'],
        alsoRoots: ['ksys_read'],
      });
    });

    test('only below the calls that a filter chooses, which is said', () => {
      const filtered = whole.replace('runs: 5', "filter: ['count > 1']");
      expect(ask(filtered)).toMatchObject({ alsoRoots: [] });
      expect(noteFilter('b.yaml', parse(filtered))).toBe(
        'b.yaml: With filter, blk_mq_* counts only below vfs_read.\n',
      );
      expect(noteFilter('b.yaml', parse(whole))).toBe('');
    });
  });

  test('what is wrong is said in its words, but what a command says is its own', () => {
    const usage = new Failure(
      2,
      "-k 'vfs_raed,x-k' and --fgraph-include 'y'",
      "--kfunc-kmods NAME, or --kfunc-all-kmods; fsnoop list --proto 'z'",
    );
    expect(failInBudgetWords(usage)).toMatchObject({
      message: "kfunc 'vfs_raed,x-k' and include 'y'",
      suggestions: ["modules: [NAME], or modules: all; fsnoop list --proto 'z'"],
    });
    const failed = new Failure(1, 'The command ended with 1', 'See what it says: x --comm y');
    expect(failInBudgetWords(failed)).toBe(failed);
  });

  test.each([
    ['trace: {kfunc: [vfs_read]', /^1:26 This is no YAML: /],
    ['- vfs_read', '1:1 This is no budget, which begins with trace: {kfunc: [vfs_read]}.'],
    ['', /^1:1 This is no budget/],
    ['budgets: []', '1:1 trace is missing: a budget file needs it.'],
    ['trace: {include: [x]}', '1:8 kfunc is missing: trace needs it.'],
    ['trace: {kfunc: []}', '1:16 This may not be empty.'],
    ["trace: {kfunc: ''}", '1:16 This may not be empty.'],
    ['trace: {kfunc: 7}', "1:16 kfunc is a list of names and globs, such as [vfs_read, 'ext4_*']."],
    [
      'trace: {kfunc: [a], incude: [x]}',
      "1:21 'incude' is nothing that trace has. Did you mean: include?",
    ],
    ['trace: {kfunc: [a], runs: 0}', '1:27 This is at least 1.'],
    ['trace: {kfunc: [a], runs: 5000}', '1:27 This is at most 1000.'],
    ['trace: {kfunc: [a], runs: many}', '1:27 runs is a whole number.'],
    ['trace: {kfunc: [a], args: some}', '1:27 This may be off, compact, full.'],
    ['trace: {kfunc: [a]}\ntolerance: 10', '2:12 tolerance is a share, such as 10%.'],
    [
      'trace: {kfunc: [a]}\ntolerence: 10%',
      /^2:1 'tolerence' is nothing .* Did you mean: tolerance\?/,
    ],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {function: a, p9: < 5us}',
      /^3:19 'p9' is nothing that a budget has\. Did you mean: p90, p99\?/,
    ],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {function: a, p99: 50}',
      /^3:24 p99 is a time with its unit, such as < 50us/,
    ],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {function: a, calls: 5us}',
      "3:26 calls is a number, such as 0, 1000, <= 1000 or '>= 1'.",
    ],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {function: a, share-of: b, max: 5us}',
      '3:37 With share-of, max is a share, such as 80%.',
    ],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {function: a, share-of: b}',
      '3:5 max is missing: a budget needs it.',
    ],
    ['trace: {kfunc: [a]}\nbudgets:\n  - {function: a}', /^3:5 This budget has no limit, such as/],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {calls: 1}',
      '3:5 function is missing: a budget needs it.',
    ],
    [
      'trace: {kfunc: [a]}\nbudgets:\n  - {function: a, calls: > 5}',
      "3:26 A limit that begins with > needs quotes: '> 5'.",
    ],
  ])('%j: each mistake is told with its place', (text, expected) => {
    const [first] = mistakesIn(text);
    if (typeof expected === 'string') expect(first).toBe(expected);
    else expect(first).toMatch(expected);
  });

  test('all mistakes are told, in the order of lines, with what stands there', () => {
    const text = 'trace: {kfunc: [a], runs: 0}\nbudgets:\n\t- {}\n'.replace('\t', '  ');
    const parsed = parseBudget(text, schema);
    const mistakes = parsed.type === 'mistakes' ? parsed.mistakes : [];
    expect(mistakes.map(({ line }) => line)).toEqual([1, 3]);
    expect(mistakes.slice(0, 1).map((one) => formatMistake('b.yaml', text, one))).toEqual([
      `b.yaml:1:27: This is at least 1.
    trace: {kfunc: [a], runs: 0}
                              ^`,
    ]);
  });
});

test.each([
  ['<= 1000', 1000, true],
  ['<= 1000', 1001, false],
  ['1000', 1000, true],
  ['1000', 1001, false],
  ['< 50us', 49_999, true],
  ['< 50us', 50_000, false],
  ['> 1.5ms', 1_500_001, true],
  ['>=2 s', 2e9, true],
  ['>= 2s', 1e9, false],
  ['== 3', 3, true],
  ['== 3', 4, false],
  ['80%', 80, true],
  ['< 7 instructions', 7, false],
])('%s of %d holds: %s', (text, value, expected) => {
  expect(holds(parseLimit(text), value)).toBe(expected);
});

const limit = (measure: string, text: string): Rule =>
  ({ type: 'limit', measure, limit: parseLimit(text) }) as Rule;
const on = (name: string, rule: Rule): Budget => ({ function: name, line: 1, rule });
const share = (of: string): Rule => ({ type: 'share', of, limit: parseLimit('80%') });
const never = (...callees: string[]): Rule => ({ type: 'never calls', callees });

/** What is measured of a budget in these trees. */
function measure(budget: Budget, trees: readonly Tree[]) {
  const meter = new Meter([budget], functions, ({ function: place, retvalHigh }) =>
    place === 0 && retvalHigh === 0xffffffff ? 'EAGAIN' : null,
  );
  for (const tree of trees) meter.add(tree);
  return meter.read()[0];
}

const reads = (count: number): Tree[] =>
  Array.from({ length: count }, (_, tree) =>
    treeOf({ ...read, durationNs: 3000 + 100 * tree, returns: tree === 3 ? -11 : 1 }),
  );

describe('a meter', () => {
  test.each([
    ['vfs_read', 'calls', 10],
    ['vfs_read', 'errors', 1],
    ['vfs_read', 'total', 34_500],
    // less 1200 and 420 below
    ['vfs_read', 'self', 34_500 - 16_200],
    ['vfs_read', 'mean', 3450],
    ['vfs_read', 'min', 3000],
    ['vfs_read', 'max', 3900],
    ['security_*', 'total', 4800],
    // in one another: the time counts once, the calls twice
    ['{rw_verify_area,security_file_permission}', 'calls', 0],
    ['[rs]*y*e*', 'total', 12_000],
    ['[rs]*y*e*', 'calls', 20],
    ['[rs]*y*e*', 'mean', 840],
  ])('of %s: %s', (name, what, expected) => {
    expect(measure(on(name, limit(what, '1s')), reads(10))?.value).toBe(expected);
  });

  test.each([
    ['p50', 3400],
    ['p90', 3800],
    ['p99', 3900],
  ])('%s within 1.6 %%', (what, expected) => {
    const value = measure(on('vfs_read', limit(what, '1s')), reads(10))?.value ?? 0;
    expect(Math.abs(value - expected) / expected).toBeLessThan(0.016);
  });

  test.each(['mean', 'min', 'max', 'p50', 'p99'])('without a call there is no %s', (what) => {
    expect(measure(on('fsnotify', limit(what, '1s')), reads(2))).toEqual({
      value: null,
      worst: null,
    });
  });

  test('the worst tree is that of the longest call, or of the error', () => {
    const trees = reads(10);
    expect(measure(on('vfs_read', limit('p99', '1us')), trees)?.worst).toBe(trees[9]);
    expect(measure(on('vfs_read', limit('errors', '0')), trees)?.worst).toBe(trees[3]);
    expect(measure(on('fsnotify', limit('calls', '0')), trees)?.worst).toBeNull();
  });

  test.each([
    ['vfs_read', ['security_*'], 3],
    ['vfs_read', ['fsnotify'], 0],
    ['vfs_read', ['vfs_read'], 0],
    ['rw_verify_area', ['read_zero'], 0],
    ['rw_verify_area', ['read_zero', 'security_file_permission'], 3],
  ])('%s has %j below it %d times', (name, callees, expected) => {
    const { value, worst } = measure(on(name, never(...callees)), reads(3)) ?? {};
    expect(value).toBe(expected);
    expect(worst === null).toBe(expected === 0);
  });

  test('a function that calls itself does', () => {
    const nested: Sketch = {
      function: 0,
      durationNs: 100,
      calls: [{ function: 0, durationNs: 30 }],
    };
    expect(measure(on('vfs_read', never('vfs_read')), [treeOf(nested)])?.value).toBe(1);
    expect(measure(on('vfs_read', limit('total', '1s')), [treeOf(nested)])?.value).toBe(100);
    expect(measure(on('vfs_read', share('vfs_read')), [treeOf(nested)])?.value).toBe(30);
  });

  test.each([
    ['read_zero', 'vfs_read', 10],
    ['security_*', 'vfs_read', 20],
    ['security_*', 'rw_verify_area', 40],
    // inside of one another, they are the time of the outer
    ['[rs]*', 'vfs_read', 60],
    ['vfs_read', 'read_zero', 0],
    ['vfs_read', 'fsnotify', null],
  ])('%s is a share of %s: %s %%', (name, of, expected) => {
    const root: Sketch = {
      ...{ function: 0, durationNs: 2000 },
      calls: [
        { function: 1, durationNs: 500, calls: [{ function: 2, durationNs: 400 }] },
        { function: 3, durationNs: 200 },
        { function: 1, durationNs: 500, calls: [{ function: 2, durationNs: 0 }] },
      ],
    };
    const { value } = measure(on(name, share(of)), [treeOf(root)]) ?? {};
    expect(value).toBe(expected);
  });

  test('a call that did not return is one, and has no time; one whose record was lost is none', () => {
    const [open] = treesOf(recordsOf(read).filter(({ function: place }) => place !== 0));
    if (open === undefined) throw new Error('no tree');
    expect(measure(on('vfs_read', limit('calls', '0')), [open])?.value).toBe(0);
    expect(measure(on('read_zero', limit('calls', '0')), [open])?.value).toBe(1);
  });
});

describe('of several runs', () => {
  const verdict = (rule: Rule, values: readonly (number | null)[]) => {
    const runs = values.map((value) => [{ value, worst: null }]);
    const [first] = judge([on('vfs_read', rule)], runs);
    return [first?.held, first?.value];
  };

  test('the median of times is judged', () => {
    expect(verdict(limit('p99', '< 50ns'), [10, 40, 900])).toEqual([true, 40]);
    expect(verdict(limit('p99', '< 50ns'), [10, 60, 900])).toEqual([false, 60]);
    expect(verdict(limit('p99', '< 50ns'), [10, 60])).toEqual([true, 10]);
    expect(verdict(share('x'), [70, 90, 85])).toEqual([false, 85]);
  });

  test('counts hold in each', () => {
    expect(verdict(limit('calls', '5'), [5, 5, 5])).toEqual([true, 5]);
    expect(verdict(limit('calls', '5'), [5, 5, 6])).toEqual([false, 6]);
    expect(verdict(limit('errors', '0'), [0, 1, 0])).toEqual([false, 1]);
    expect(verdict(never('schedule'), [0, 0, 2])).toEqual([false, 2]);
    expect(verdict(never('schedule'), [0, 0, 0])).toEqual([true, 0]);
  });

  test('a time without a call holds no limit', () => {
    expect(verdict(limit('p99', '< 50ns'), [null])).toEqual([false, null]);
    expect(verdict(limit('p99', '< 50ns'), [10, null, 10])).toEqual([false, null]);
  });
});
