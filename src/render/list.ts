/**
 * Functions, one a line, with the reason for those that can't be traced:
 *
 *	_printk                                   variadic
 *	vfs_read
 *	ext4_readdir [ext4]                       in a module
 */
import { Chalk } from 'chalk';
import { whyDenied } from '../symbols/deny-list.js';
import type { KernelFunction, Reason } from '../symbols/function.js';
import { formatCount } from './text.js';

/** Longer names push their reason to the right. */
const nameWidth = 40;

export function renderListText(functions: readonly KernelFunction[], color: boolean): string {
  const { dim } = new Chalk({ level: color ? 1 : 0 });
  return functions
    .map(({ name, module, reason }) => {
      const shown = module === null ? name : `${name} [${module}]`;
      if (reason === null) return `${shown}\n`;
      return `${shown.padEnd(nameWidth)}  ${dim(formatReason(name, reason))}\n`;
    })
    .join('');
}

export function renderListJson(functions: readonly KernelFunction[]): string {
  return functions
    .map(({ name, module, reason }) =>
      line({ type: 'function', function: name, module, traceable: reason === null, reason }),
    )
    .join('');
}

/** How many there are of each reason, most first; the traceable ones lead. */
export function renderCountsText(functions: readonly KernelFunction[]): string {
  const rows = countReasons(functions).map(
    ([reason, count]) => [reason ?? 'traceable', formatCount(count)] as const,
  );
  const width = Math.max(...rows.map(([, count]) => count.length));
  return rows.map(([reason, count]) => `${count.padStart(width)}  ${reason}\n`).join('');
}

export function renderCountsJson(functions: readonly KernelFunction[]): string {
  return countReasons(functions)
    .map(([reason, count]) =>
      line({ type: 'count', traceable: reason === null, reason, functions: count }),
    )
    .join('');
}

function countReasons(functions: readonly KernelFunction[]): [Reason | null, number][] {
  const counts = new Map<Reason | null, number>();
  for (const { reason } of functions) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].sort(([a, countA], [b, countB]) => {
    if (a === null || b === null) return a === null ? -1 : 1;
    return countB - countA;
  });
}

function formatReason(name: string, reason: Reason): string {
  return reason === 'denied' ? `${reason}: ${whyDenied(name) ?? ''}` : reason;
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
