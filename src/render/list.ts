/**
 * Functions, or tracepoints, one a line, with the reason for those that can't be traced:
 *
 *	_printk                                   variadic
 *	vfs_read
 *	ext4_readdir [ext4]                       in a module
 *
 * or with the prototype in the place of the name, where BTF has it.
 */
import { Chalk } from 'chalk';
import { whyDenied, whyDeniedTracepoint } from '../symbols/deny-list.js';
import type { KernelFunction, Reason } from '../symbols/function.js';
import { formatCount } from '../words/quantities.js';

/** Longer names, and prototypes, push their reason to the right. */
const nameWidth = 40;
const prototypeWidth = 72;

/** A function's prototype, or null where it isn't known. */
export type PrototypeOf = (listed: KernelFunction) => string | null;

export interface ListOptions {
  readonly color: boolean;
  /** Null: names alone. */
  readonly prototypeOf: PrototypeOf | null;
}

export function renderListText(
  functions: readonly KernelFunction[],
  { color, prototypeOf }: ListOptions,
): string {
  const { dim } = new Chalk({ level: color ? 1 : 0 });
  const width = prototypeOf === null ? nameWidth : prototypeWidth;
  return functions
    .map((listed) => {
      const { name, module, reason } = listed;
      const spelt = prototypeOf?.(listed) ?? name;
      const shown = module === null ? spelt : `${spelt} [${module}]`;
      if (reason === null) return `${shown}\n`;
      return `${shown.padEnd(width)}  ${dim(formatReason(listed, reason))}\n`;
    })
    .join('');
}

/** With a field `proto` where prototypes are asked for; null in it where one isn't known. */
export function renderListJson(
  functions: readonly KernelFunction[],
  prototypeOf: PrototypeOf | null,
): string {
  return functions
    .map((listed) => {
      const { kind = 'function', name, module, reason } = listed;
      const known = {
        type: kind,
        [kind]: name,
        module,
        traceable: reason === null,
        reason,
      };
      return line(prototypeOf === null ? known : { ...known, proto: prototypeOf(listed) });
    })
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

function formatReason({ kind, name }: KernelFunction, reason: Reason): string {
  if (reason !== 'denied') return reason;
  return `${reason}: ${(kind === undefined ? whyDenied(name) : whyDeniedTracepoint(name)) ?? ''}`;
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
