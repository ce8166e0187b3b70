/** The mirror of pack.ts: from the columns of a block to its records. */
import { ColumnReader } from './column.js';
import {
  at,
  columnNames,
  makeColumns,
  makeFields,
  rawKind,
  recordWords,
  slotWordsOf,
  wordBytes,
  type ColumnName,
  type Fields,
} from './columns.js';
import { Foretold, type Kind, type Task } from './foretell.js';

const twoTo32 = 2 ** 32;

type Readers = Readonly<Record<ColumnName, ColumnReader>>;

/**
 * @param bytes as Packer.pack() made them
 * @throws {RangeError} when they can't be
 */
export function unpack(bytes: Uint8Array): Buffer {
  const head = new ColumnReader(bytes);
  const length = head.next();
  const records = head.next();
  const baseLow = head.next();
  const baseHigh = head.next();
  const lengths = columnNames.map(() => head.next());
  const columns = makeColumns((name) => {
    return new ColumnReader(head.nextBytes(lengths[columnNames.indexOf(name)] ?? 0));
  });
  if (length > mostWords) throw new RangeError(`${length} words in a block`);
  const words = new Uint32Array(length);
  const foretold = new Foretold();
  const fields = makeFields();
  let end = 0;
  for (let record = 0; record < records; record++) {
    const kind = columns.kind.next();
    end =
      kind === rawKind
        ? takeRaw(columns, words, end)
        : takeRecord(columns, kind - rawKind - 1, words, end, foretold, fields, baseLow, baseHigh);
    if (end > length) throw new RangeError('a block has more records than it says');
  }
  if (end < length) throw new RangeError('a block has fewer records than it says');
  return Buffer.from(words.buffer);
}

/** Of larger blocks nothing is written. */
const mostWords = 1 << 26;

/** Where the record ends, as both below. */
function takeRaw({ raw }: Readers, words: Uint32Array, start: number): number {
  const size = raw.nextBytes(wordBytes);
  const bytes = new DataView(size.buffer, size.byteOffset, wordBytes).getUint32(0, true);
  if (bytes < wordBytes * recordWords) throw new RangeError(`a record of ${bytes} bytes`);
  copy(words, start, size);
  copy(words, start + 1, raw.nextBytes(bytes - wordBytes));
  return start + bytes / wordBytes;
}

/** @throws {RangeError} where they go beyond the end */
function copy(words: Uint32Array, start: number, bytes: Uint8Array): void {
  new Uint8Array(words.buffer).set(bytes, wordBytes * start);
}

function takeRecord(
  columns: Readers,
  kindNumber: number,
  words: Uint32Array,
  start: number,
  foretold: Foretold,
  fields: Fields,
  baseLow: number,
  baseHigh: number,
): number {
  const kind = foretold.kinds[kindNumber] ?? takeKind(columns, foretold);
  const task = foretold.tasks[columns.task.next()] ?? takeTask(columns, foretold);
  const end = takeWords(columns, words, start, kind);
  fields.head = kind.head;
  fields.function = kind.function;
  fields.tree = foretold.tree(task) + columns.tree.nextSigned();
  fields.index = foretold.index(task, fields.tree) + columns.index.nextSigned();
  fields.cpu = task.cpu + columns.cpu.nextSigned();
  const timeNs = task.timeNs + columns.time.nextSigned();
  const foretoldNs = foretold.startNs(task, kind.head);
  const duration = columns.duration.nextSigned();
  fields.startNs = Number.isNaN(foretoldNs) ? timeNs - duration : foretoldNs - duration;
  fields.durationNs = timeNs - fields.startNs;
  fields.returned = foretold.returned(kind.function) + columns.returned.nextSigned();
  writeFields(words, start, fields, task, baseLow, baseHigh);
  words[start + at.size] = wordBytes * (end - start);
  foretold.note(task, fields);
  return end;
}

function takeKind({ news }: Readers, foretold: Foretold): Kind {
  const head = news.next();
  return foretold.addKind(head, news.next());
}

function takeTask({ news }: Readers, foretold: Foretold): Task {
  const tid = news.next();
  return foretold.addTask(tid, news.next());
}

/** What is behind the fixed part. */
function takeWords(
  { slots, itemWords, items }: Readers,
  words: Uint32Array,
  start: number,
  kind: Kind,
): number {
  const slotWords = slotWordsOf(kind.head);
  const slotsAt = start + recordWords;
  if (kind.lastAt === -1) {
    copy(words, slotsAt, slots.nextBytes(wordBytes * slotWords));
  } else {
    const last = kind.lastAt + recordWords;
    for (let word = 0; word < slotWords; word++)
      words[slotsAt + word] = (words[last + word] ?? 0) ^ slots.next();
  }
  kind.lastAt = start;
  const itemsAt = slotsAt + slotWords;
  const count = itemWords.next();
  if (count > 0) copy(words, itemsAt, items.nextBytes(wordBytes * count));
  return itemsAt + count;
}

function writeFields(
  words: Uint32Array,
  start: number,
  fields: Fields,
  { tid, pid }: Task,
  baseLow: number,
  baseHigh: number,
): void {
  words[start + at.head] = fields.head;
  words[start + at.function] = fields.function;
  words[start + at.cpu] = fields.cpu;
  words[start + at.index] = fields.index;
  words[start + at.tree] = fields.tree;
  words[start + at.tid] = tid;
  words[start + at.pid] = pid;
  const startNs = fields.startNs + baseLow;
  words[start + at.start] = startNs;
  words[start + at.start + 1] = Math.floor(startNs / twoTo32) + baseHigh;
  words[start + at.duration] = fields.durationNs;
  words[start + at.duration + 1] = fields.durationNs / twoTo32;
  words[start + at.retval] = fields.returned;
  words[start + at.retval + 1] = Math.floor(fields.returned / twoTo32);
}
