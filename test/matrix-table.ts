/**
 * A reporter that tells, below all else, on which kernels and by which methods the trace tests ran:
 *
 *	KERNEL                     METHOD          FUNCTIONS    ATTACH    DETACH  RESULT
 *	6.1.0-50-cloud-amd64       fentry+fexit            5    812 ms    310 ms  passed
 *	7.0.13+deb13-cloud-amd64   fsession                5    403 ms    195 ms  2 of 21 failed
 *	7.1                        –                       –         –         –  not run: Debian has it not
 *
 *	2 of 3 kernels ran, 2 combinations of kernel and method.
 */
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/** Told by the test of a kernel and a method. */
interface Measured {
  /** The release. */
  readonly kernel: string;
  /** How many. */
  readonly functions: number;
  readonly attachMs: number;
  readonly detachMs: number;
}

declare module 'vitest' {
  interface TaskMeta {
    measured?: Measured;
    /** Of the kernels that all those are of. */
    combination?: { readonly series: string; readonly method: string };
    /** The series of a kernel that Debian has not. */
    notRun?: string;
  }
}

/** A kernel and a method; or a kernel that was not run. */
export interface Row {
  readonly series: string;
  readonly method: string | null;
  /** Null where nothing could be measured. */
  readonly measured: Measured | null;
  /** How many of its tests; none where it was not run. */
  readonly tests: number;
  readonly failed: number;
}

export default class MatrixTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap(listRows);
    if (rows.length > 0) console.log(`\n${renderMatrix(rows)}`);
  }
}

function listRows(module: TestModule): Row[] {
  const notRun = [...module.children.tests()].flatMap((test) => test.meta().notRun ?? []);
  return [
    ...[...module.children.suites()].flatMap(makeRow),
    ...notRun.map((series) => ({ series, method: null, measured: null, tests: 0, failed: 0 })),
  ];
}

function makeRow(suite: TestSuite): Row[] {
  const { combination } = suite.meta();
  if (combination === undefined) return [];
  const tests = [...suite.children.allTests()];
  const [measured = null] = tests.flatMap((test) => test.meta().measured ?? []);
  return [
    { ...combination, measured, tests: tests.length, failed: tests.filter(hasNotPassed).length },
  ];
}

/** One whose guest did not run is skipped. */
const hasNotPassed = (test: TestCase) => test.result().state !== 'passed';

const header = ['KERNEL', 'METHOD', 'FUNCTIONS', 'ATTACH', 'DETACH', 'RESULT'];

/** Numbers are to the right. */
const isNumber = [false, false, true, true, true, false];

export function renderMatrix(rows: readonly Row[]): string {
  const lines = [header, ...rows.map(formatRow)];
  const widths = header.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  const pad = (cell: string, at: number) =>
    isNumber[at] === true ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0);
  const table = lines.map((cells) => cells.map(pad).join('  ').trimEnd());
  const ran = rows.filter(({ method }) => method !== null);
  const count = (some: readonly Row[]) => new Set(some.map(({ series }) => series)).size;
  const total = `${count(ran)} of ${count(rows)} kernels ran, ${ran.length} combinations of kernel and method.`;
  return [...table, '', total].join('\n');
}

function formatRow({ series, method, measured, tests, failed }: Row): readonly string[] {
  if (method === null) return [series, '–', '–', '–', '–', 'not run: Debian has it not'];
  const result = failed === 0 ? 'passed' : `${failed} of ${tests} failed`;
  if (measured === null) return [series, method, '–', '–', '–', result];
  const { kernel, functions, attachMs, detachMs } = measured;
  const formatMs = (ms: number) => `${Math.round(ms)} ms`;
  return [kernel, method, `${functions}`, formatMs(attachMs), formatMs(detachMs), result];
}
