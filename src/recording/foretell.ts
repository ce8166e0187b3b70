/**
 * What can be foretold of a record by those before it in its block: packing writes only how it differs, and
 * unpacking foretells the same. Most of what is left of a record are then zeros, and small numbers.
 */
import { placeMask, recordType } from '../events/record.js';
import { depthOf, typeOf, type Fields } from './columns.js';

/** Records of the same type, shape, depth and function. */
export interface Kind {
  readonly number: number;
  readonly head: number;
  readonly function: number;
  /** The word at which the last record of the kind begins; -1 before the first. */
  lastAt: number;
}

/** A task, as its last record left it. */
export interface Task {
  readonly number: number;
  readonly tid: number;
  readonly pid: number;
  cpu: number;
  tree: number;
  /** Whether more of the tree is to come. */
  isOpen: boolean;
  /** The index that the next record of the tree has. */
  index: number;
  /** When the record was written. */
  timeNs: number;
  /** By depth, when the first call began of those whose caller has not returned; NaN: there is none. */
  readonly firstNs: number[];
  /** By depth, when the call began whose entry was told last; NaN: none was. */
  readonly enteredNs: number[];
}

export class Foretold {
  readonly kinds: Kind[] = [];
  readonly tasks: Task[] = [];
  /** By place of the function, what it returned last. */
  readonly #returned: number[] = [];
  #nextTree = 0;
  #timeNs = 0;

  addKind(head: number, place: number): Kind {
    const kind = { number: this.kinds.length, head, function: place, lastAt: -1 };
    this.kinds.push(kind);
    return kind;
  }

  addTask(tid: number, pid: number): Task {
    const task: Task = {
      ...{ number: this.tasks.length, tid, pid },
      ...{ cpu: 0, tree: 0, isOpen: false, index: 0, timeNs: this.#timeNs },
      ...{ firstNs: [], enteredNs: [] },
    };
    this.tasks.push(task);
    return task;
  }

  tree({ isOpen, tree }: Task): number {
    return isOpen ? tree : this.#nextTree;
  }

  index(task: Task, tree: number): number {
    return task.isOpen && tree === task.tree ? task.index : 0;
  }

  returned(place: number): number {
    return this.#returned[place & placeMask] ?? 0;
  }

  /** When its entry was told, or a little before what it called. NaN of what called nothing. */
  startNs({ enteredNs, firstNs }: Task, head: number): number {
    if (isNote(head)) return NaN;
    const depth = depthOf(head);
    const entered = enteredNs[depth] ?? NaN;
    return Number.isNaN(entered) ? (firstNs[depth + 1] ?? NaN) : entered;
  }

  /** The task's next record follows this one. */
  note(task: Task, record: Fields): void {
    const { head, function: place, cpu, index, tree, startNs, durationNs, returned } = record;
    const depth = depthOf(head);
    const isEntry = typeOf(head) === recordType.entry;
    task.cpu = cpu;
    task.timeNs = startNs + durationNs;
    this.#timeNs = task.timeNs;
    if (isNote(head)) return;
    task.tree = tree;
    task.isOpen = depth > 0 || isEntry;
    task.index = isEntry ? index : index + 1;
    if (tree >= this.#nextTree) this.#nextTree = tree + 1;
    this.#returned[place & placeMask] = returned;
    const { firstNs, enteredNs } = task;
    if (isEntry) {
      enteredNs[depth] = startNs;
      return;
    }
    if (enteredNs.length > depth) enteredNs[depth] = NaN;
    if (Number.isNaN(firstNs[depth] ?? NaN)) firstNs[depth] = startNs;
    firstNs[depth + 1] = NaN;
  }
}

/** What happened in a call that goes on. */
const isNote = (head: number): boolean =>
  typeOf(head) === recordType.mark || typeOf(head) === recordType.away;
