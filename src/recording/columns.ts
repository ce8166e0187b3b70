/**
 * A block of records as columns, which compress better than records do. Of each record there is, in a
 * column each:
 *
 *	kind      the number of its kind; rawKind: the record is among the raw ones
 *	task      the number of its task; here and of kinds, the first that is not known is of a new one
 *	tree, index, cpu, time (of its writing), duration, returned
 *	          how they differ from what was foretold
 *
 * and in columns of their own what not each record has: new kinds and tasks; argument slots and a root's comm,
 * as they differ from those of the last record of the kind; items, with how many words they are; and raw
 * records, of types or with numbers that the columns don't hold.
 */
import { recordBytes, recordLayout, recordType, shapeArgs, slotBytes } from '../events/record.js';
import { largestNumber } from './column.js';

/** In the order in which they are in a block. */
export const columnNames = [
  'kind',
  'task',
  'tree',
  'index',
  'cpu',
  'time',
  'duration',
  'returned',
  'news',
  'slots',
  'itemWords',
  'items',
  'raw',
] as const;

export type ColumnName = (typeof columnNames)[number];

export function makeColumns<Value>(make: (name: ColumnName) => Value): Record<ColumnName, Value> {
  return Object.fromEntries(columnNames.map((name) => [name, make(name)])) as Record<
    ColumnName,
    Value
  >;
}

export const rawKind = 0;

/** A record in words of 4 bytes: where its fields are, and what is behind them. */
export const wordBytes = 4;
export const recordWords = recordBytes / wordBytes;
export const at = {
  size: recordLayout.size / wordBytes,
  /** Type, shape and depth. */
  head: recordLayout.type / wordBytes,
  function: recordLayout.function / wordBytes,
  cpu: recordLayout.cpu / wordBytes,
  index: recordLayout.index / wordBytes,
  tree: recordLayout.tree / wordBytes,
  tid: recordLayout.tid / wordBytes,
  pid: recordLayout.pid / wordBytes,
  start: recordLayout.start / wordBytes,
  duration: recordLayout.duration / wordBytes,
  retval: recordLayout.retval / wordBytes,
} as const;

const twoTo32 = 2 ** 32;

/** Upper halves of numbers from here on are not for columns: a difference of two must be exact, too. */
export const highLimit = largestNumber / 4 / twoTo32;

/** The numbers of a record; times count from the beginning of its block. */
export interface Fields {
  head: number;
  function: number;
  cpu: number;
  index: number;
  tree: number;
  startNs: number;
  durationNs: number;
  returned: number;
}

export const makeFields = (): Fields => ({
  ...{ head: 0, function: 0, cpu: 0, index: 0, tree: 0 },
  ...{ startNs: 0, durationNs: 0, returned: 0 },
});

export const typeOf = (head: number): number => head & 0xff;
export const depthOf = (head: number): number => head >>> 16;

/** Whether the columns have a place for all that records of this type have. */
export function isKnown(head: number): boolean {
  const type = typeOf(head);
  return type >= recordType.call && type <= recordType.away;
}

const commWords = 4;

/** How many words behind the fixed part are the same for all records of a kind. */
export function slotWordsOf(head: number): number {
  const slots = (head >>> 8) & shapeArgs;
  return slots * (slotBytes / wordBytes) + (depthOf(head) === 0 ? commWords : 0);
}
