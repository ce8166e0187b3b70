/** What is told on stderr beside the trace. */
import { expect, test } from 'vitest';
import { findHot, renderHot } from '../src/render/hot.js';
import { renderMany, renderRefused, renderStopped } from '../src/render/notes.js';
import { functions } from './fixtures/reads.js';

test('so many functions that a machine feels it are told, fewer are not', () => {
  expect(renderMany(2000)).toBe('');
  expect(renderMany(41_551)).toBe(
    'Attaching to 41,551 functions: each call of them, by any task, takes longer until fsnoop ends.\n',
  );
});

test('what is left out is named with the reason, four of many', () => {
  const refused = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ function: name, reason: 'no BTF' }));
  expect(renderRefused([])).toBe('');
  expect(renderRefused(refused.slice(0, 2))).toBe('Left out: a (no BTF), b (no BTF).\n');
  expect(renderRefused(refused)).toBe(
    'Left out 5: a (no BTF), b (no BTF), c (no BTF), d (no BTF), … --dry-run lists all.\n',
  );
});

test('a trace that was stopped says how fast it was', () => {
  const stopped = { reason: 'max-rate', recordsPerSecond: 3_120_000, maxRate: 2_000_000 } as const;
  expect(renderStopped(stopped)).toBe(
    'Stopped: 3,120,000 records a second, where --max-rate allows 2,000,000.\n',
  );
});

test('the functions that made most records come first, five at most, with how to leave them out', () => {
  const counts = functions.map((_, place) => (place === 0 ? 7 : 1000 * place));
  const hot = findHot(functions, counts);
  const names = functions.map(({ name }) => name);
  const expected = [...names.slice(1).reverse(), ...names.slice(0, 1)].slice(0, 5);
  expect(hot.map((each) => each.function)).toEqual(expected);
  const below = hot.filter(({ root }) => !root).map((each) => each.function);
  expect(renderHot(hot)).toMatch(/^Most records: \w+ [\d,]+, /);
  expect(renderHot(hot)).toContain(`. To leave out: --fgraph-exclude '${below.join(',')}'\n`);
});

test('roots are not left out, and nothing is said of no records', () => {
  const hot = [{ function: 'vfs_read', records: 1230, root: true }];
  expect(renderHot(hot)).toBe(
    'Most records: vfs_read 1,230. To have fewer: another -k, or --filter-arg, --min-duration\n',
  );
  expect(renderHot(hot, 'Most records until then')).toMatch(/^Most records until then: vfs_read 1/);
  expect(
    renderHot(
      findHot(
        functions,
        functions.map(() => 0),
      ),
    ),
  ).toBe('');
});
