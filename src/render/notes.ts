/** What a person is told on stderr beside the trace. */
import type { RefusedFunction } from '../plan/plan.js';
import type { Stopped } from './summary.js';
import { formatCount } from '../words/quantities.js';

/** `29 hits of tracepoints are left out: folded has no place for what is in no call.`; '' for none. */
export function renderUnplaced(hits: number, format: string): string {
  if (hits === 0) return '';
  const counted =
    hits === 1 ? '1 hit of a tracepoint is' : `${formatCount(hits)} hits of tracepoints are`;
  return `${counted} left out: ${format} has no place for what is in no call.\n`;
}

interface Attached {
  /** How many. */
  readonly functions: number;
  readonly tracepoints: number;
  readonly attachMs: number;
}

/** How many refused functions are named. */
const maxNamed = 4;
/** More functions than these are told before they are attached to. */
const many = 2000;

/** `Left out 12: vfs_statfs (no BTF), … --dry-run lists all.`; '' for none. Tracepoints are among them. */
export function renderRefused(refused: readonly RefusedFunction[]): string {
  if (refused.length === 0) return '';
  const named = refused
    .slice(0, maxNamed)
    .map(({ function: name, reason }) => `${name} (${reason})`)
    .join(', ');
  if (refused.length <= maxNamed) return `Left out: ${named}.\n`;
  return `Left out ${formatCount(refused.length)}: ${named}, … --dry-run lists all.\n`;
}

/** `Attaching to 41,551 functions: …` where they are so many that a machine feels it; else ''. */
export function renderMany(functions: number): string {
  if (functions <= many) return '';
  return `Attaching to ${formatCount(functions)} functions: each call of them, by any task, takes longer until fsnoop ends.\n`;
}

/** `Stopped: 3,120,000 records a second, where --max-rate allows 2,000,000.` */
export function renderStopped({ recordsPerSecond, maxRate }: Stopped): string {
  return `Stopped: ${formatCount(recordsPerSecond)} records a second, where --max-rate allows ${formatCount(maxRate)}.\n`;
}

/** `Attached to 118 functions in 93 ms by fsession.multi.` */
export function renderAttached(
  { functions, tracepoints, attachMs }: Attached,
  method: string,
): string {
  const counts = [
    ...(functions > 0 || tracepoints === 0 ? [count(functions, 'function')] : []),
    ...(tracepoints > 0 ? [count(tracepoints, 'tracepoint')] : []),
  ];
  const by = functions > 0 ? ` by ${method}` : '';
  return `Attached to ${counts.join(' and ')} in ${attachMs.toFixed(0)} ms${by}.\n`;
}

const count = (number: number, noun: string) =>
  `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
