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
import type { Call, Gap, Incomplete, Tree } from '../tree/tree.js';
import { printDuration, printSelf, treeHeader } from './columns.js';
import { DurationCells } from './duration.js';
import {
  formatCalled,
  formatCallOutputs,
  formatLost,
  formatReturned,
  formatTask,
  formatUnreturned,
  nameOf,
  type Text,
} from './text.js';

const blank = ' '.repeat(treeHeader.length);
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
    this.#header = text.encode(`${text.dim(treeHeader)}\n`);
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
        ? this.#durations.print(call.durationNs) +
          this.#selves.print(call.selfNs) +
          branch.bareCall(call.function) +
          this.#formatReturned(call)
        : this.#renderRich(call, branch);
    const last = children.length - 1;
    for (let place = 0; place <= last; place++) {
      const node = children[place];
      if (node === undefined) continue;
      const inner = place === last ? branch.last : branch.middle;
      lines += node.type === 'call' ? this.#renderCall(node, inner) : this.#renderGap(node, inner);
    }
    return lines;
  }

  /** Of a call that has not returned, or has values, which may need lines of their own. */
  #renderRich(call: Call, branch: Branch): string {
    const text = this.#text;
    const isReturned = call.status === 'returned';
    const cells = isReturned
      ? this.#durations.print(call.durationNs) + this.#selves.print(call.selfNs)
      : blank;
    const end = isReturned
      ? formatReturned(text, call)
      : text.warning(` … ${formatUnreturned(call.status, call.durationNs)}`);
    const { behind, below } = formatCallOutputs(text, call);
    const inner =
      below.length > 0
        ? text.dim(call.children.length > 0 ? `${branch.trunk}│    ` : `${branch.trunk}     `)
        : '';
    const more = below.map((line) => `${blank}  ${inner}${line}\n`).join('');
    return cells + branch.own + text.encode(`${formatCalled(text, call)}${end}${behind}\n${more}`);
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

  #renderGap({ lost }: Gap, branch: Branch): string {
    const text = this.#text;
    return blank + branch.own + text.encode(`${text.warning(`… ${formatLost(lost)}`)}\n`);
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
