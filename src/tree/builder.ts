/** From call records, as tasks interleave them, to trees: a caller comes after what it called. */
import { recordType, type CallRecord } from '../events/record.js';
import type { Call, Carried, Gap, Incomplete, Mark, Tree } from './tree.js';

export interface TreeCounts {
  trees: number;
  /** In all trees, those with a record. */
  calls: number;
  /** Trees whose root had not returned when tracing, or its task, ended. */
  unfinished: number;
  /** Tracepoints that were come by: in all trees, and in none. */
  marks: number;
  /** Records that were left out because their tree had grown too large. */
  lostUser: number;
}

interface TreeBuilderOptions {
  /** Gets each tree as soon as its root's record comes; it may keep it. */
  readonly onTree: (tree: Tree) => void;
  /** A tree of more calls keeps no more of them in memory; the rest counts as lost. */
  readonly maxTreeCalls?: number;
}

type MutableGap = { -readonly [K in keyof Gap]: Gap[K] };
type Node = MutableCall | MutableGap | Mark;
type MutableCall = Omit<Call, 'children' | 'offNs'> & { children: readonly Node[]; offNs: number };

/** A tree that is still growing. */
interface Growing {
  readonly tree: number;
  readonly pid: number;
  readonly tid: number;
  readonly cpu: number;
  /** By depth: what returned and whose caller has not, in the order of time. */
  readonly pending: Node[][];
  calls: number;
  marks: number;
  lost: number;
  /** The index that the next record has if nothing is lost. */
  nextIndex: number;
  /** Of the last record; -1 before the first. */
  lastDepth: number;
  lastStartNs: number;
  /** Whether it can be found by its number and its task, besides being the last. */
  isKept: boolean;
}

/** A call that has begun: what its record of that carries. */
interface Entry extends Carried {
  readonly startNs: number;
}

/** A time that a task was off the CPU. */
interface Away {
  readonly type: 'away';
  readonly startNs: number;
  readonly durationNs: number;
}

/** What comes of the calls of a tree before their records. */
interface Early {
  /** The last, by depth. */
  readonly entries: Entry[];
  /** What is in calls, and is no call, in the order of time. */
  readonly notes: (Mark | Away)[];
}

const nothing: readonly Node[] = [];

export class TreeBuilder {
  readonly counts: TreeCounts = { trees: 0, calls: 0, unfinished: 0, marks: 0, lostUser: 0 };
  readonly #onTree: (tree: Tree) => void;
  readonly #maxTreeCalls: number;
  readonly #growing = new Map<number, Growing>();
  /** Which tree a task is in: what is left of an older one has lost its root. */
  readonly #byTask = new Map<number, Growing>();
  /** By tree, and not by task: a thread that executes a program has another id from then on. */
  readonly #early = new Map<number, Early>();
  /** The tree of each task that had such a thing last: what is left of an older one was in one that nobody wanted. */
  readonly #earlyTrees = new Map<number, number>();
  /** Whether any task was off the CPU: until then nobody has to add that up. */
  #wasAway = false;
  /**
   * Of the last record. Most trees are whole before another one's record comes, and are kept nowhere else:
   * a Map that a key goes in and out of takes 300 bytes a tree, and of an old Map they are old at once.
   */
  #last: Growing | null = null;

  constructor({ onTree, maxTreeCalls = 1_000_000 }: TreeBuilderOptions) {
    this.#onTree = onTree;
    this.#maxTreeCalls = maxTreeCalls;
  }

  /** Takes the next record; it may be changed afterwards. */
  add(record: CallRecord): void {
    if (record.type === recordType.entry) {
      this.#addEntry(record);
      return;
    }
    if (record.type === recordType.drop) {
      this.#drop(record);
      return;
    }
    if (record.type === recordType.mark || record.type === recordType.away) {
      this.#addNote(record);
      return;
    }
    const growing = this.#last?.tree === record.tree ? this.#last : this.#find(record);
    if (growing.calls >= this.#maxTreeCalls && record.depth >= growing.lastDepth) {
      // What called the kept ones still comes in, one a level: depth falls with each.
      this.counts.lostUser++;
      return;
    }
    const early = this.#early.size > 0 ? this.#early.get(record.tree) : undefined;
    const call = grow(growing, record, record.hasEntry ? takeEntry(record, early) : null);
    if (this.#wasAway) call.offNs = sumOff(call.children);
    if (early !== undefined && early.notes.length > 0)
      growing.marks += takeNotes(early, call, record.depth);
    if (record.depth === 0) this.#end(growing, call, record.comm, record.cpu, whyIncomplete(call));
  }

  /** Ends the trees whose root's record never came. */
  finish(): void {
    this.#keepLast();
    for (const growing of [...this.#growing.values()]) this.#endWithoutRoot(growing);
  }

  #addEntry(record: CallRecord): void {
    const { depth, startNs, view, argsAt, itemsAt, end } = record;
    this.#earlyOf(record).entries[depth] = { startNs, view, argsAt, itemsAt, end };
  }

  #addNote(record: CallRecord): void {
    const { type, depth, startNs, durationNs } = record;
    if (type === recordType.away) this.#wasAway = true;
    if (depth === 0) {
      this.counts.marks++; // in no tree
      return;
    }
    const { notes } = this.#earlyOf(record);
    if (notes.length >= this.#maxTreeCalls) this.counts.lostUser++;
    else if (type === recordType.mark) notes.push(makeMark(record));
    else notes.push({ type: 'away', startNs, durationNs });
  }

  #earlyOf(record: CallRecord): Early {
    const { tree } = record;
    let early = this.#early.get(tree);
    if (early === undefined) {
      const task = taskKey(record);
      const older = this.#earlyTrees.get(task);
      if (older !== undefined) this.#early.delete(older);
      this.#earlyTrees.set(task, tree);
      early = { entries: [], notes: [] };
      this.#early.set(tree, early);
    }
    return early;
  }

  /** Forgets a tree whose root turned out not to be wanted. */
  #drop(record: CallRecord): void {
    this.#early.delete(record.tree);
    this.#keepLast();
    const growing = this.#growing.get(record.tree);
    if (growing !== undefined) this.#forget(growing);
  }

  #find(record: CallRecord): Growing {
    this.#keepLast();
    let growing = this.#growing.get(record.tree);
    if (growing === undefined) {
      const stale = this.#byTask.get(taskKey(record));
      if (stale !== undefined) this.#endWithoutRoot(stale);
      growing = plant(record);
    }
    this.#last = growing;
    return growing;
  }

  #keepLast(): void {
    const last = this.#last;
    if (last === null || last.isKept) return;
    last.isKept = true;
    this.#growing.set(last.tree, last);
    this.#byTask.set(taskKey(last), last);
  }

  #forget(growing: Growing): void {
    this.#last = null;
    if (!growing.isKept) return;
    this.#growing.delete(growing.tree);
    this.#byTask.delete(taskKey(growing));
  }

  #endWithoutRoot(growing: Growing): void {
    const levels = takeDeeper(growing, 0);
    const root = lostCall(wrap(levels, 0));
    growing.lost += levels.length;
    const early = this.#early.get(growing.tree);
    if (early !== undefined) growing.marks += takeNotes(early, root, 0);
    this.#end(growing, root, '', root.cpu, 'root record lost');
  }

  #end(
    growing: Growing,
    root: MutableCall,
    comm: string,
    cpu: number,
    incomplete: Incomplete | null,
  ): void {
    this.#forget(growing);
    if (this.#early.size > 0 && this.#early.delete(growing.tree))
      this.#earlyTrees.delete(taskKey(growing));
    if (growing.lost > 0) dropEmptyGaps(root);
    this.counts.trees++;
    this.counts.calls += growing.calls;
    this.counts.marks += growing.marks;
    if (root.status === 'open' || root.status === 'exited') this.counts.unfinished++;
    this.#onTree({
      tree: growing.tree,
      pid: growing.pid,
      tid: growing.tid,
      comm,
      cpu,
      startNs: root.startNs,
      incomplete: incomplete ?? (growing.lost > 0 ? 'records lost' : null),
      calls: growing.calls,
      lost: growing.lost,
      root,
    });
  }
}

/** Tasks by tid; idle tasks all have tid 0 and are told apart by their CPU. */
export function taskKey({ tid, cpu }: { readonly tid: number; readonly cpu: number }): number {
  return tid === 0 ? -1 - cpu : tid;
}

function plant({ tree, pid, tid, cpu }: CallRecord): Growing {
  return {
    tree,
    pid,
    tid,
    cpu,
    pending: [],
    calls: 0,
    marks: 0,
    lost: 0,
    nextIndex: 0,
    lastDepth: -1,
    lastStartNs: 0,
    isKept: false,
  };
}

function whyIncomplete(root: Call): Incomplete | null {
  if (root.status === 'open') return 'tracing ended';
  return root.status === 'exited' ? 'task exited' : null;
}

/** The entry of the call that the record is of. */
function takeEntry({ depth, startNs }: CallRecord, early: Early | undefined): Carried | 'lost' {
  const entry = early?.entries[depth];
  return entry?.startNs === startNs ? entry : 'lost';
}

/**
 * What happened between the call's begin and its end is in it, if it is in none of those that it called: a task may
 * be preempted before its record is made. A root has the marks from before and behind it, too, and none of that time.
 * @returns how many marks
 */
function takeNotes({ notes }: Early, call: MutableCall, depth: number): number {
  const isLost = call.status === 'lost';
  const isBefore = ({ startNs }: Mark | Away) => !isLost && startNs < call.startNs;
  const isBehind = ({ startNs }: Mark | Away) =>
    !isLost && startNs > call.startNs + call.durationNs;
  const from = depth === 0 ? 0 : notes.findLastIndex(isBefore) + 1;
  const to = depth === 0 ? -1 : notes.findIndex(isBehind);
  const own = notes.splice(from, (to < 0 ? notes.length : to) - from);
  for (const note of own)
    if (note.type === 'away' && !isBefore(note) && !isBehind(note)) call.offNs += note.durationNs;
  const marks = own.filter((note) => note.type === 'mark');
  if (marks.length > 0) call.children = insertMarks(call.children, marks);
  return marks.length;
}

/** Makes the record's call, gives it what it called, and leaves it to its own caller. */
function grow(growing: Growing, record: CallRecord, entry: Call['entry']): MutableCall {
  const { depth, index } = record;
  const jump = Math.max(index - growing.nextIndex, 0);
  const whole = growing.lost === 0 && jump === 0 && growing.lastDepth <= depth + 1;
  const children = whole ? takeChildren(growing, depth) : mendChildren(growing, record, jump);
  const call = makeCall(record, entry, children);
  (growing.pending[depth] ??= []).push(call);
  growing.calls++;
  growing.nextIndex = index + 1;
  growing.lastDepth = depth;
  growing.lastStartNs = record.startNs;
  return call;
}

function makeCall(
  record: CallRecord,
  entry: Call['entry'],
  children: readonly Node[],
): MutableCall {
  return {
    type: 'call',
    function: record.function,
    startNs: record.startNs,
    durationNs: record.durationNs,
    selfNs: record.durationNs - sumDurations(children),
    cpu: record.cpu,
    retvalLow: record.retvalLow,
    retvalHigh: record.retvalHigh,
    status:
      record.type === recordType.call
        ? 'returned'
        : record.type === recordType.open
          ? 'open'
          : 'exited',
    view: record.view,
    argsAt: record.argsAt,
    itemsAt: record.itemsAt,
    end: record.end,
    entry,
    offNs: 0,
    children,
  };
}

function makeMark({ function: place, startNs, cpu, view, argsAt, itemsAt, end }: CallRecord): Mark {
  return { type: 'mark', function: place, startNs, cpu, view, argsAt, itemsAt, end };
}

/** Each before the first call that began after it. */
function insertMarks(children: readonly Node[], marks: readonly Mark[]): Node[] {
  const merged: Node[] = [];
  let next = 0;
  for (const node of children) {
    if (node.type === 'call') {
      for (let mark = marks[next]; mark && mark.startNs < node.startNs; mark = marks[++next])
        merged.push(mark);
    }
    merged.push(node);
  }
  return [...merged, ...marks.slice(next)];
}

function sumOff(nodes: readonly Node[]): number {
  let sum = 0;
  for (const node of nodes) if (node.type === 'call') sum += node.offNs;
  return sum;
}

function sumDurations(nodes: readonly Node[]): number {
  let sum = 0;
  for (const node of nodes) if (node.type === 'call') sum += node.durationNs;
  return sum;
}

/** What waits one level below `depth`: in a tree without losses, the children. */
function takeChildren(growing: Growing, depth: number): readonly Node[] {
  const children = growing.pending[depth + 1];
  if (children === undefined || children.length === 0) return nothing;
  growing.pending[depth + 1] = [];
  return children;
}

/**
 * The children of the record's call where records were lost, `jump` of them just before it. Of
 * what waits at deeper levels, only what began after the call is below it. The rest was called
 * by lost calls that returned before it began, its siblings or their callees:
 *
 *	root                depth 0
 *	├─ (lost)           depth 1, took a's place when b came
 *	│  └─ a             depth 2, began before b
 *	└─ b                depth 1, the record
 */
function mendChildren(growing: Growing, record: CallRecord, jump: number): readonly Node[] {
  const { depth, startNs } = record;
  const waiting = takeDeeper(growing, depth);
  const { older, inner, parted } = splitAt(waiting, depth === 0 ? 0 : startNs);
  const gap: MutableGap = { type: 'gap', lost: jump };
  const between = inner.length > 0 ? firstGap(inner) : gap;
  growing.lost += jump;

  const siblings = (growing.pending[depth] ??= []);
  if (older.length > 0) {
    siblings.push(lostCall(wrap(older, 0)));
    growing.lost += fill(between, older.length + parted);
  }
  if (inner.length > 1) growing.lost += fill(gap, inner.length - 1);
  const children = wrap(inner, 0);
  if (gap.lost > 0) {
    const inside = depth === 0 || (growing.lastDepth > depth && growing.lastStartNs >= startNs);
    (inside ? children : siblings).push(gap);
  }
  return children;
}

/** Takes all that waits deeper than `depth`: one list a level, the first for `depth` + 1. */
function takeDeeper(growing: Growing, depth: number): Node[][] {
  const levels = growing.pending.splice(depth + 1);
  for (let level = 0; level < levels.length; level++) levels[level] ??= [];
  return withoutEmptyEnd(levels);
}

interface Parts<T = Node> {
  readonly older: T[];
  readonly inner: T[];
  /** How many lost calls turned out to be two. */
  readonly parted: number;
}

/**
 * Parts what began before `startNs` from the rest. What waits at a level came after all that
 * waits at the levels above it, so there is one point of time.
 */
function splitAt(levels: readonly Node[][], startNs: number): Parts<Node[]> {
  const parts = levels.map((nodes) => partAt(nodes, startNs));
  return {
    older: withoutEmptyEnd(parts.map(({ older }) => older)),
    inner: withoutEmptyEnd(parts.map(({ inner }) => inner)),
    parted: parts.reduce((sum, { parted }) => sum + parted, 0),
  };
}

function partAt(nodes: readonly Node[], startNs: number): Parts {
  let first = nodes.findIndex((node) => node.type === 'call' && node.startNs >= startNs);
  if (first === -1) first = nodes.length;
  // A gap belongs to the call that it stands before.
  if (nodes[first - 1]?.type === 'gap') first--;
  const older = nodes.slice(0, first);
  const inner = nodes.slice(first);
  const last = older[first - 1];
  if (last?.type !== 'call' || last.status !== 'lost') return { older, inner, parted: 0 };

  // The children of lost calls that follow each other stand below one, for want of a better
  // knowledge; now there is one.
  const children = partAt(last.children, startNs);
  if (children.inner.length === 0) return { older, inner, parted: 0 };
  older[first - 1] = lostCall(children.older);
  inner.unshift(lostCall(children.inner));
  return { older, inner, parted: children.parted + 1 };
}

function withoutEmptyEnd(levels: Node[][]): Node[][] {
  while (levels.length > 0 && levels[levels.length - 1]?.length === 0) levels.pop();
  return levels;
}

/** One list for the level `top`, with a lost call for each level below it. */
function wrap(levels: readonly Node[][], top: number): Node[] {
  const nodes = levels[top] ?? [];
  if (top + 1 < levels.length) nodes.push(lostCall(wrap(levels, top + 1)));
  return nodes;
}

function lostCall(children: readonly Node[]): MutableCall {
  const calls = children.filter((node) => node.type === 'call');
  return {
    type: 'call',
    function: -1,
    startNs: calls[0]?.startNs ?? 0,
    durationNs: sumDurations(calls),
    selfNs: 0,
    cpu: calls[calls.length - 1]?.cpu ?? 0,
    retvalLow: 0,
    retvalHigh: 0,
    status: 'lost',
    view: null,
    argsAt: 0,
    itemsAt: 0,
    end: 0,
    entry: null,
    offNs: sumOff(calls),
    children,
  };
}

/**
 * Takes calls that are now known out of the gap that they were lost in, and returns how many
 * were not in it: more was lost than the indices tell.
 */
function fill(gap: MutableGap | null, calls: number): number {
  const known = Math.min(gap?.lost ?? 0, calls);
  if (gap !== null) gap.lost -= known;
  return calls - known;
}

/** The gap just before the first record of these levels, if there is one. */
function firstGap(levels: readonly Node[][]): MutableGap | null {
  let node = levels.find((nodes) => nodes.length > 0)?.[0];
  while (node?.type === 'call') node = node.children.find(({ type }) => type !== 'mark');
  return node?.type === 'gap' ? node : null;
}

function dropEmptyGaps(call: MutableCall): void {
  call.children = call.children.filter((node) => node.type !== 'gap' || node.lost > 0);
  for (const node of call.children) if (node.type === 'call') dropEmptyGaps(node);
}
