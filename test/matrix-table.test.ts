/** The table of kernels and methods, as it is below the tests. */
import { expect, test } from 'vitest';
import { matrix, usual, waysOf, type Series } from './matrix.js';
import { renderMatrix, type Row } from './matrix-table.js';

const ran = (series: string, method: string, attachMs: number, failed: number): Row => ({
  series,
  method,
  measured: { kernel: `${series}.13-cloud-amd64`, functions: 5, attachMs, detachMs: 95.6 },
  tests: 21,
  failed,
});

test('each kernel and method has a line, and so has a kernel that was not run', () => {
  const rows = [
    ran('6.12', 'kprobe.session', 7.2, 0),
    ran('7.2', 'fsession.multi', 1204.5, 2),
    { ...ran('7.2', 'fsession', 0, 21), measured: null },
    { series: '7.1', method: null, measured: null, tests: 0, failed: 0 },
  ];
  expect(renderMatrix(rows)).toBe(
    `
KERNEL               METHOD          FUNCTIONS   ATTACH  DETACH  RESULT
6.12.13-cloud-amd64  kprobe.session          5     7 ms   96 ms  passed
7.2.13-cloud-amd64   fsession.multi          5  1205 ms   96 ms  2 of 21 failed
7.2                  fsession                –        –       –  21 of 21 failed
7.1                  –                       –        –       –  not run: Debian has it not

2 of 3 kernels ran, 3 combinations of kernel and method.`.trimStart(),
  );
});

test('npm test takes each kernel by every method, and has all tests of a method where it comes up first', () => {
  const all = (series: Series) => waysOf(series).filter(({ tests }) => tests === 'all');
  expect(
    Object.fromEntries(usual.map((series) => [series, all(series).map(({ method }) => method)])),
  ).toEqual({
    '6.1': ['fentry+fexit'],
    '6.12': ['kprobe.session', 'kprobe.multi'],
    '6.18': [],
    '7.0': ['fsession'],
    '7.1': [],
    '7.2': ['fsession.multi'],
  });
  for (const series of usual)
    expect(waysOf(series).map(({ method }) => method)).toEqual(matrix[series]);
});
