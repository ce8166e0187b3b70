/**
 * A tree as a tree:
 *
 *	vfs_read · cat 101:101 · cpu 0
 *	   DURATION       SELF
 *	    2.74 µs    1.12 µs  vfs_read() = 131072
 *	    1.20 µs    0.72 µs  ├─ rw_verify_area() = 0
 *	    0.48 µs    0.48 µs  │  └─ security_file_permission() = 0
 *	    0.42 µs    0.42 µs  └─ read_zero() = 131072
 */
import type { Call, Gap, Incomplete, Mark, Tree } from '../tree/tree.js';
import { printDuration, printOff, printSelf, treeHeader } from './columns.js';
import { DurationCells } from './duration.js';
import {
  formatCalled,
  formatCallOutputs,
  formatLost,
  formatMark,
  formatMarkOutputs,
  formatReturned,
  formatTask,
  formatUnreturned,
  nameOf,
  type Text,
} from './text.js';

/** Returned values whose text is kept: from 0 on. */
const keptValues = 1 << 13;

/** How many more pieces of text are kept. With none left a trace of ever new trees still needs no more memory. */
class Room {
  #left = 1 << 16;

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    return true;
  }
}

export class TreeStyle {
  readonly #text: Text;
  readonly #header: string;
  /** As wide as the columns. */
  readonly #blank: string;
  readonly #durations: DurationCells;
  readonly #selves: DurationCells;
  /** ` = 4096` with the end of the line, by function and value. */
  readonly #returned = new Map<number, string>();
  readonly #room = new Room();
  readonly #root: Branch;
  /** Of the last tree: the next one is mostly of the same task. */
  #title = { comm: '', pid: -1, tid: -1, root: -1, title: '' };

  constructor(text: Text) {
    this.#text = text;
    const header = treeHeader(text);
    this.#header = text.encode(`${text.dim(header)}\n`);
    this.#blank = ' '.repeat(header.length);
    this.#durations = new DurationCells((ns) => text.encode(printDuration(text, ns)));
    this.#selves = new DurationCells((ns) => text.encode(printSelf(ns)));
    this.#root = new Branch(text, this.#room, '', '');
  }

  /** In the encoding of the text. */
  tree(tree: Tree): string {
    const lines = this.#formatTitle(tree) + this.#header + this.#renderCall(tree.root, this.#root);
    return this.#text.fit(lines);
  }

  #formatTitle({ comm, pid, tid, cpu, root, incomplete, lost }: Tree): string {
    const text = this.#text;
    const last = this.#title;
    if (last.comm !== comm || last.pid !== pid || last.tid !== tid || last.root !== root.function) {
      const name = text.strong(nameOf(text, root.function));
      const title = text.encode(`${name} · ${formatTask({ comm, pid, tid })} · cpu `);
      this.#title = { comm, pid, tid, root: root.function, title };
    }
    const end =
      incomplete === null
        ? ''
        : text.encode(` · ${text.warning(`incomplete: ${formatIncomplete(incomplete, lost)}`)}`);
    return `${this.#title.title}${cpu}${end}\n`;
  }

  /** The call's line and its children's. */
  #renderCall(call: Call, branch: Branch): string {
    const { children } = call;
    let lines =
      call.status === 'returned' && this.#text.values.isBare(call.function)
        ? this.#printCells(call) + branch.bareCall(call.function) + this.#formatReturned(call)
        : this.#renderRich(call, branch);
    const last = children.length - 1;
    for (let place = 0; place <= last; place++) {
      const node = children[place];
      if (node === undefined) continue;
      const inner = place === last ? branch.last : branch.middle;
      lines +=
        node.type === 'call'
          ? this.#renderCall(node, inner)
          : node.type === 'mark'
            ? this.#renderMark(node, inner)
            : this.#renderGap(node, inner);
    }
    return lines;
  }

  /** Of a call that returned. */
  #printCells({ durationNs, selfNs, offNs }: Call): string {
    const cells = this.#durations.print(durationNs) + this.#selves.print(selfNs);
    return this.#text.cpuTime ? cells + this.#text.encode(printOff(offNs)) : cells;
  }

  /** Of a call that has not returned, or has values, which may need lines of their own. */
  #renderRich(call: Call, branch: Branch): string {
    const text = this.#text;
    const isReturned = call.status === 'returned';
    const cells = isReturned ? this.#printCells(call) : this.#blank;
    const end = isReturned
      ? formatReturned(text, call)
      : text.warning(` … ${formatUnreturned(call.status, call.durationNs)}`);
    const { behind, below } = formatCallOutputs(text, call);
    const trunk = call.children.length > 0 ? `${branch.trunk}│` : `${branch.trunk} `;
    const line = `${formatCalled(text, call)}${end}${behind}\n`;
    return cells + branch.own + text.encode(line + this.#formatBelow(below, trunk));
  }

  /** Lines of long values, behind what leads past them. */
  #formatBelow(below: readonly string[], trunk: string): string {
    const inner = below.length > 0 ? this.#text.dim(`${trunk}    `) : '';
    return below.map((line) => `${this.#blank}  ${inner}${line}\n`).join('');
  }

  #formatReturned(call: Call): string {
    const { retvalLow, retvalHigh } = call;
    if (retvalHigh !== 0 || retvalLow >= keptValues) return this.#encodeReturned(call);
    const key = call.function * keptValues + retvalLow;
    let returned = this.#returned.get(key);
    if (returned === undefined) {
      returned = this.#encodeReturned(call);
      if (this.#room.take()) this.#returned.set(key, returned);
    }
    return returned;
  }

  #encodeReturned(call: Call): string {
    return this.#text.encode(`${formatReturned(this.#text, call)}\n`);
  }

  #renderMark(mark: Mark, branch: Branch): string {
    const text = this.#text;
    const { behind, below } = formatMarkOutputs(text, mark);
    const line = `${formatMark(text, mark)}${behind}\n`;
    const more = this.#formatBelow(below, `${branch.trunk} `);
    return this.#blank + branch.own + text.encode(line + more);
  }

  #renderGap({ lost }: Gap, branch: Branch): string {
    const text = this.#text;
    return this.#blank + branch.own + text.encode(`${text.warning(`… ${formatLost(lost)}`)}\n`);
  }
}

/** What leads to a call in its line, kept for all calls at the same place below their roots. */
class Branch {
  /** In the encoding of the text. */
  readonly own: string;
  /** What leads past the call, to its children. */
  readonly trunk: string;
  readonly #text: Text;
  readonly #room: Room;
  readonly #plain: string;
  /** By place in the plan. */
  readonly #bareCalls: string[] = [];
  #middle: Branch | undefined;
  #last: Branch | undefined;

  constructor(text: Text, room: Room, own: string, trunk: string) {
    this.#text = text;
    this.#room = room;
    this.#plain = `  ${text.dim(own)}`;
    this.own = text.encode(this.#plain);
    this.trunk = trunk;
  }

  /** The branch with a call that is shown without values behind it. */
  bareCall(place: number): string {
    const known = this.#bareCalls[place];
    if (known !== undefined) return known;
    const made = this.#text.encode(this.#plain + (this.#text.bareCalls[place] ?? '?()'));
    if (this.#room.take()) this.#bareCalls[place] = made;
    return made;
  }

  /** To a child that others follow. */
  get middle(): Branch {
    if (this.#middle !== undefined) return this.#middle;
    const made = this.#grow('├─ ', '│  ');
    if (this.#room.take()) this.#middle = made;
    return made;
  }

  /** To the last child. */
  get last(): Branch {
    if (this.#last !== undefined) return this.#last;
    const made = this.#grow('└─ ', '   ');
    if (this.#room.take()) this.#last = made;
    return made;
  }

  #grow(own: string, trunk: string): Branch {
    return new Branch(this.#text, this.#room, this.trunk + own, this.trunk + trunk);
  }
}

/** `tracing ended, 3 calls lost`. */
function formatIncomplete(incomplete: Incomplete, lost: number): string {
  if (incomplete === 'records lost') return formatLost(lost);
  if (incomplete === 'root record lost') return `${incomplete}, at least ${formatLost(lost)}`;
  return lost === 0 ? incomplete : `${incomplete}, ${formatLost(lost)}`;
}
