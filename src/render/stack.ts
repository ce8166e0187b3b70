/** Call stacks, and how often each was seen. */
import type { Addresses, Place } from '../symbols/addresses.js';
import { printJson } from './print-json.js';
import { formatSymbol } from './symbol.js';
import { formatCount } from '../words/quantities.js';
import { formatHex } from './word.js';

/**
 * Where the task is and the addresses it will return to, the innermost first, each as two unsigned
 * halves: low, high, low, high, …
 */
export type Stack = readonly number[] | Uint32Array;

const indent = '  ';

/** A line a frame: `  vfs_read+0x1c`, `  ext4_file_read_iter+0x5a [ext4]`, `  0xffffffff81000000`. */
export function formatStack(stack: Stack, addresses: Addresses): string {
  return framesOf(stack, addresses)
    .map((frame) => `${indent}${frame}\n`)
    .join('');
}

/** `["vfs_read+0x1c","0xffffffff81000000"]` */
export function formatStackJson(stack: Stack, addresses: Addresses): string {
  return printJson(framesOf(stack, addresses));
}

function framesOf(stack: Stack, addresses: Addresses): string[] {
  const frames: string[] = [];
  for (let at = 0; at + 1 < stack.length; at += 2) {
    const low = stack[at] ?? 0;
    const high = stack[at + 1] ?? 0;
    const place = at === 0 ? addresses.nameOf(low, high) : callerOf(addresses, low, high);
    frames.push(place === null ? formatHex(low, high) : formatSymbol(place));
  }
  return frames;
}

/** A call that doesn't return may end its function: what comes next is another one's (%pB). */
function callerOf(addresses: Addresses, low: number, high: number): Place | null {
  const place =
    low === 0 ? addresses.nameOf(0xffffffff, high - 1) : addresses.nameOf(low - 1, high);
  return place === null ? null : { ...place, offset: place.offset + 1 };
}

interface Counted {
  readonly stack: Stack;
  count: number;
}

/** Counts equal stacks; names are looked up once each is shown. */
export class FoldedStacks {
  readonly #byKey = new Map<string, Counted>();
  #total = 0;

  add(stack: Stack): void {
    const key = stack.join();
    const counted = this.#byKey.get(key);
    if (counted === undefined) this.#byKey.set(key, { stack: Array.from(stack), count: 1 });
    else counted.count++;
    this.#total++;
  }

  /**
   * The most frequent ones, the first seen first among equals:
   *
   *	1,204 of 1,210 (99.5%)
   *	  vfs_read+0x1c
   *	  ksys_read+0x6b
   *
   *	6 of 1,210 in 3 other stacks
   */
  render(addresses: Addresses, top: number): string {
    const shown = this.#mostFrequent();
    const total = formatCount(this.#total);
    const rest = shown.splice(top);
    const blocks = shown.map(({ stack, count }) => {
      const percent = ((100 * count) / this.#total).toFixed(1);
      return `${formatCount(count)} of ${total} (${percent}%)\n${formatStack(stack, addresses)}`;
    });
    if (rest.length > 0) {
      const calls = rest.reduce((sum, { count }) => sum + count, 0);
      const stacks = `${formatCount(rest.length)} other ${rest.length === 1 ? 'stack' : 'stacks'}`;
      blocks.push(`${formatCount(calls)} of ${total} in ${stacks}\n`);
    }
    return blocks.join('\n');
  }

  /** A line a stack, all of them: `{"type":"stack","count":1204,"frames":["vfs_read+0x1c"]}`. */
  renderJson(addresses: Addresses): string {
    return this.#mostFrequent()
      .map(
        ({ stack, count }) =>
          `{"type":"stack","count":${count},"frames":${formatStackJson(stack, addresses)}}\n`,
      )
      .join('');
  }

  #mostFrequent(): Counted[] {
    return [...this.#byKey.values()].sort((a, b) => b.count - a.count);
  }
}
