/** The parts of the bench that touch nothing: rows and their targets, what CI refuses, the document. */
import { describe, expect, test } from 'vitest';
import { renderDocument, renderTable } from '../bench/render.js';
import { findDearer, judge, merge } from '../bench/rows.js';

const row = judge({
  name: 'recorded call, 1 function',
  unit: 'instructions',
  value: 540.4,
  targets: [{ most: 550 }],
  peers: [
    { name: 'function_graph', version: '7.2.13', value: 1602 },
    { name: 'bpftrace', version: null, notRun: 'no network' },
  ],
});
const result = { kernel: '7.2.13', fsnoop: '0.1.0, 1080bd4', rows: [row] };

describe('a row', () => {
  test.each([
    [540, [{ most: 550 }], true],
    [551, [{ most: 550 }], false],
    [540, [], null],
    [540, [{ most: 2.5, of: 'node' }], false],
    [249, [{ most: 2.5, of: 'node' }], true],
    [1001, [{ least: 10, of: 'node' }], true],
    [1001, [{ least: 10, of: 'node' }, { most: 1000 }], false],
  ])('of %j with targets %j: holds is %j', (value, targets, holds) => {
    const peers = [{ name: 'node', version: null, value: 100 }];
    expect(judge({ ...row, value, targets, peers }).holds).toBe(holds);
  });

  test('does not hold for sure when the peer to compare with was not run', () => {
    const comparison = { least: 2, of: 'bpftrace' };
    expect(judge({ ...row, targets: [{ most: 550 }, comparison] }).holds).toBeNull();
    expect(judge({ ...row, targets: [{ most: 500 }, comparison] }).holds).toBe(false);
  });

  test('without a number is an error', () => {
    expect(() => judge({ ...row, value: NaN })).toThrow('1 function: nothing was measured');
  });
});

describe('a quick bench', () => {
  test('bears 5 % more than is committed', () => {
    expect(findDearer([{ ...row, value: 567 }], [row])).toEqual([]);
    expect(findDearer([{ ...row, value: 568 }], [row])).toEqual([
      'recorded call, 1 function: 568, committed 540: 5.1 % more',
    ]);
  });

  test('fails when there is nothing to compare with', () => {
    expect(findDearer([row], [])).toEqual([
      'recorded call, 1 function: bench/results.json has no figure',
    ]);
  });
});

test('one measure leaves the results of the others, in the order of all', () => {
  const older = { ...result, rows: [] };
  const merged = merge({ attach: older, gone: older, cost: older }, 'cost', result, [
    ...['cost', 'attach', 'memory'],
  ]);
  expect(Object.entries(merged)).toEqual([
    ['cost', result],
    ['attach', older],
  ]);
});

test('BENCHMARKS.md is the fixed text with the results in it', () => {
  const missed = judge({ ...row, targets: [{ least: 10, of: 'function_graph' }] });
  expect(
    renderDocument('# Benchmarks\n\n<!-- results -->\n\nThe end.\n', {
      cost: { ...result, rows: [row, missed] },
    }),
  ).toBe(`# Benchmarks

### cost

Linux 7.2.13; fsnoop 0.1.0, 1080bd4.

|  | fsnoop | target | peers, same run | holds |
| --- | ---: | --- | --- | --- |
| recorded call, 1 function | 540 instructions | ≤ 550 | function_graph 7.2.13: 1,602 (0.34)<br>bpftrace: not run: no network | yes |
| recorded call, 1 function | 540 instructions | ≥ 10 × function_graph | function_graph 7.2.13: 1,602 (0.34)<br>bpftrace: not run: no network | **no** |

The end.
`);
});

test('the table on the terminal says the same', () => {
  const table = renderTable({ cost: result });
  for (const text of [
    ...['cost', '7.2.13, fsnoop 0.1.0, 1080bd4', '540 instructions', '≤ 550', 'yes'],
    ...['function_graph 7.2.13: 1,602 (0.34)', 'bpftrace: not run: no network'],
  ])
    expect(table).toContain(text);
});
