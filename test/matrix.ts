/** The kernels that the trace tests run on: which there are, and what each can do. */
import type { Method } from '../src/plan/method.js';
import { loadKernels } from '../src/vm/kernels.js';

const before70 = ['fentry+fexit', 'kprobe.session', 'kprobe.multi'] as const;
const since70 = ['fsession', ...before70] as const;
const since72 = ['fsession.multi', ...since70] as const;

/** By series, with the methods that it has; the first is what fsnoop takes for a few functions. */
export const matrix = {
  '6.1': ['fentry+fexit'], // Debian built it without CONFIG_FPROBE
  '6.12': before70,
  '6.18': before70,
  '6.19': before70,
  '7.0': since70,
  '7.1': since70,
  '7.2': since72,
  '7.3': since72,
} as const satisfies Readonly<Record<string, readonly Method[]>>;

export type Series = keyof typeof matrix;

/** Of `npm test`; `npm run test:matrix` has all. */
export const usual: readonly Series[] = ['6.1', '6.12', '6.18', '7.0', '7.1', '7.2'];

/** `npm run test:matrix` */
export const isMatrixWhole = process.env['FSNOOP_MATRIX'] === 'whole';

export interface Way {
  readonly method: Method;
  /** Every test, or those that show that trees, values, losses and ends are right. */
  readonly tests: 'all' | 'first';
}

/**
 * What the tests trace a kernel by: every method that it has. `npm run test:matrix` has all tests of each; `npm
 * test`, which is not to take hours, has all where a method comes up first.
 */
export function waysOf(series: Series): readonly [Way, ...Way[]] {
  const [first, ...others]: readonly [Method, ...Method[]] = matrix[series];
  const whole = isWhole(series);
  const isNew = (method: Method) =>
    usual.find((other) => (matrix[other] as readonly Method[]).includes(method)) === series;
  const wayOf = (method: Method): Way => ({
    method,
    tests: whole || isNew(method) ? 'all' : 'first',
  });
  return [wayOf(first), ...others.map(wayOf)];
}

/** Whether what is the same by any method is tested: on the first and the last of the usual kernels, or on all. */
export const isAtAnEnd = (series: Series): boolean =>
  isWhole(series) || series === usual[0] || series === usual.at(-1);

const isWhole = (series: Series): boolean => isMatrixWhole || !usual.includes(series);

/** On fewer kernels the tests would say too little. */
export const fewestKernels = 4;

/** That which scripts/setup fetches: its tests run while the others are fetched. */
const fetched: Series = '7.2';

/** Of the usual kernels and this one those that Debian has, or that are here; they are fetched together. */
export async function findKernels(series: Series): Promise<readonly string[]> {
  const wanted = series === fetched ? [series] : [...new Set([...usual, series])];
  const report = (progress: string) => {
    console.log(progress);
  };
  return [...(await loadKernels(wanted, { architecture: 'x64', report })).keys()];
}

/**
 * Where all functions are attached to one program, it is told whose runs of it the kernel skipped; by the others those of
 * any task count.
 */
export const tellsWhoseSkipped = (method: string): boolean =>
  ['fsession.multi', 'kprobe.session', 'kprobe.multi'].includes(method);
