/** From the records of a block to its columns: see columns.ts. */
import { Column } from './column.js';
import {
  at,
  columnNames,
  highLimit,
  isKnown,
  makeColumns,
  makeFields,
  rawKind,
  recordWords,
  slotWordsOf,
  wordBytes,
  type Fields,
} from './columns.js';
import { Foretold, type Kind, type Task } from './foretell.js';

const twoTo32 = 2 ** 32;

export class Packer {
  readonly #columns = makeColumns(() => new Column());
  readonly #head = new Column();
  readonly #fields = makeFields();
  /** How many were packed, in all blocks. */
  records = 0;

  /**
   * @param words whole records, in words of the machine
   * @returns bytes of its own
   */
  pack(words: Uint32Array): Uint8Array {
    const columns = this.#columns;
    for (const name of columnNames) columns[name].clear();
    const baseLow = words[at.start] ?? 0;
    const baseHigh = words[at.start + 1] ?? 0;
    const known = new Known();
    let records = 0;
    for (let start = 0; start < words.length;) {
      const sizeWords = (words[start + at.size] ?? 0) / wordBytes;
      if (sizeWords < recordWords || sizeWords % 2 !== 0 || start + sizeWords > words.length)
        throw new RangeError(`record at byte ${wordBytes * start}: size ${wordBytes * sizeWords}`);
      records++;
      if (readFields(words, start, sizeWords, baseLow, baseHigh, this.#fields))
        this.#addRecord(words, start, sizeWords, known);
      else this.#addRaw(words.subarray(start, start + sizeWords));
      start += sizeWords;
    }
    this.records += records;
    return this.#join([words.length, records, baseLow, baseHigh]);
  }

  #addRaw(record: Uint32Array): void {
    this.#columns.kind.add(rawKind);
    this.#columns.raw.addBytes(bytesOf(record));
  }

  #addRecord(words: Uint32Array, start: number, sizeWords: number, known: Known): void {
    const columns = this.#columns;
    const record = this.#fields;
    const { foretold } = known;
    const kind = known.kindOf(record) ?? this.#addKind(record, known);
    const tid = words[start + at.tid] ?? 0;
    const pid = words[start + at.pid] ?? 0;
    const task = known.taskOf(tid, pid, record.cpu) ?? this.#addTask(tid, pid, record.cpu, known);
    columns.kind.add(rawKind + 1 + kind.number);
    columns.task.add(task.number);
    columns.tree.addSigned(record.tree - foretold.tree(task));
    columns.index.addSigned(record.index - foretold.index(task, record.tree));
    columns.cpu.addSigned(record.cpu - task.cpu);
    columns.time.addSigned(record.startNs + record.durationNs - task.timeNs);
    const startNs = foretold.startNs(task, record.head);
    columns.duration.addSigned(
      Number.isNaN(startNs) ? record.durationNs : startNs - record.startNs,
    );
    columns.returned.addSigned(record.returned - foretold.returned(record.function));
    this.#addWords(words, start, sizeWords, kind);
    foretold.note(task, record);
  }

  #addKind({ head, function: place }: Fields, known: Known): Kind {
    this.#columns.news.add(head);
    this.#columns.news.add(place);
    return known.addKind(head, place);
  }

  #addTask(tid: number, pid: number, cpu: number, known: Known): Task {
    this.#columns.news.add(tid);
    this.#columns.news.add(pid);
    return known.addTask(tid, pid, cpu);
  }

  /** What is behind the fixed part. */
  #addWords(words: Uint32Array, start: number, sizeWords: number, kind: Kind): void {
    const slotWords = slotWordsOf(kind.head);
    const slotsAt = start + recordWords;
    const last = kind.lastAt === -1 ? slotsAt : kind.lastAt + recordWords;
    if (kind.lastAt === -1) {
      this.#columns.slots.addBytes(bytesOf(words.subarray(slotsAt, slotsAt + slotWords)));
    } else {
      for (let word = 0; word < slotWords; word++)
        this.#columns.slots.add(((words[slotsAt + word] ?? 0) ^ (words[last + word] ?? 0)) >>> 0);
    }
    kind.lastAt = start;
    const itemsAt = slotsAt + slotWords;
    const end = start + sizeWords;
    this.#columns.itemWords.add(end - itemsAt);
    if (end > itemsAt) this.#columns.items.addBytes(bytesOf(words.subarray(itemsAt, end)));
  }

  /** Numbers of the block, the length of each column, the columns. */
  #join(numbers: readonly number[]): Uint8Array {
    const head = this.#head;
    head.clear();
    for (const number of numbers) head.add(number);
    const parts = columnNames.map((name) => this.#columns[name].bytes);
    for (const { length } of parts) head.add(length);
    return Buffer.concat([head.bytes, ...parts]);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Whether the columns hold the record. */
function readFields(
  words: Uint32Array,
  start: number,
  sizeWords: number,
  baseLow: number,
  baseHigh: number,
  fields: Fields,
): boolean {
  const head = words[start + at.head] ?? 0;
  const startHigh = (words[start + at.start + 1] ?? 0) - baseHigh;
  const durationHigh = words[start + at.duration + 1] ?? 0;
  const returnedHigh = (words[start + at.retval + 1] ?? 0) | 0;
  if (
    !isKnown(head) ||
    sizeWords < recordWords + slotWordsOf(head) ||
    Math.abs(startHigh) >= highLimit ||
    durationHigh >= highLimit ||
    Math.abs(returnedHigh) >= highLimit
  )
    return false;
  fields.head = head;
  fields.function = words[start + at.function] ?? 0;
  fields.cpu = words[start + at.cpu] ?? 0;
  fields.index = words[start + at.index] ?? 0;
  fields.tree = words[start + at.tree] ?? 0;
  fields.startNs = startHigh * twoTo32 + (words[start + at.start] ?? 0) - baseLow;
  fields.durationNs = durationHigh * twoTo32 + (words[start + at.duration] ?? 0);
  fields.returned = returnedHigh * twoTo32 + (words[start + at.retval] ?? 0);
  return true;
}

/** What was foretold, and how kinds and tasks are found in it. */
class Known {
  readonly foretold = new Foretold();
  /** By function. */
  readonly #kinds = new Map<number, Kind[]>();
  readonly #tasks = new Map<number, Task>();
  #lastTask: Task | undefined;

  kindOf({ head, function: place }: Fields): Kind | undefined {
    return this.#kinds.get(place)?.find((kind) => kind.head === head);
  }

  addKind(head: number, place: number): Kind {
    const kind = this.foretold.addKind(head, place);
    const kinds = this.#kinds.get(place);
    if (kinds === undefined) this.#kinds.set(place, [kind]);
    else kinds.push(kind);
    return kind;
  }

  taskOf(tid: number, pid: number, cpu: number): Task | undefined {
    const last = this.#lastTask;
    if (tid !== 0 && last?.tid === tid && last.pid === pid) return last;
    const task = this.#tasks.get(keyOf(tid, cpu));
    if (task?.pid !== pid) return undefined;
    this.#lastTask = task;
    return task;
  }

  addTask(tid: number, pid: number, cpu: number): Task {
    const task = this.foretold.addTask(tid, pid);
    this.#tasks.set(keyOf(tid, cpu), task);
    return task;
  }
}

/** Idle tasks all have tid 0: each CPU has its own. */
const keyOf = (tid: number, cpu: number): number => (tid === 0 ? -1 - cpu : tid);
