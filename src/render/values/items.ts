/** The values at a record's end, as src/expr/ops.ts lays them out. */
import type { Display } from '../../expr/display.js';
import type { Addresses } from '../../symbols/addresses.js';
import type { Type } from '../../symbols/type.js';
import { formatMemory, formatMemoryJson } from './memory.js';
import { isCut, readValue } from './read.js';

/** Where the bytes of a value are; a negative length is the error why there are none. */
export interface Item {
  readonly at: number;
  readonly length: number;
}

const headerBytes = 8;

/** Of the bytes from `at` up to `end`, in the order in which the program ended them. */
export function readItems(view: DataView, at: number, end: number): Item[] {
  const items: Item[] = [];
  let header = at;
  while (header + headerBytes <= end) {
    const length = view.getInt32(header, true);
    const item = { at: header + headerBytes, length };
    // more than there is: nothing behind it can be found either
    if (item.at + length > end) break;
    items.push(item);
    header = item.at + ((Math.max(length, 0) + 7) & ~7);
  }
  return items;
}

/** As formatMemory(); `<fault>` for what could not be had, `<lost>` without an item. */
export function formatItem(
  type: Type,
  display: Display,
  view: DataView,
  item: Item | undefined,
  addresses: Addresses,
): string {
  if (item === undefined) return '<lost>';
  if (item.length < 0) return '<fault>';
  return formatMemory(type, display, view, item.at, item.length, addresses);
}

/** As formatMemoryJson(), with null for what there isn't: the caller says why. */
export function formatItemJson(
  type: Type,
  display: Display,
  view: DataView,
  item: Item | undefined,
): string {
  if (item === undefined || item.length < 0) return 'null';
  return formatMemoryJson(type, display, view, item.at, item.length);
}

/** Whether the text says `…` somewhere, which JSON has no place for: the caller says so. */
export function isItemCut(
  type: Type,
  display: Display,
  view: DataView,
  item: Item | undefined,
): boolean {
  if (item === undefined || item.length < 0) return false;
  return isCut(readValue(type, display, view, item.at, item.length));
}
