/** JSON lines, version 1: one object a line, as DESIGN.md specifies them. */
import type { CallRecord } from '../events/record.js';
import type { PlannedFunction } from '../plan/plan.js';
import type { Addresses } from '../symbols/addresses.js';
import type { Type } from '../symbols/type.js';
import type { Call, Tree } from '../tree/tree.js';
import { bareJson, sourceOf, type CallValues, type ValueSource } from './call-values.js';
import type { StartInfo } from './renderer.js';
import { formatStackJson } from './stack.js';
import type { Summary } from './summary.js';
import { errnoOf, formatWordJson } from './value.js';

const version = 1;

export class JsonLines {
  readonly #epochNs: bigint;
  /** By place in the plan: `"function":"vfs_read","module":null`. */
  readonly #names: readonly string[];
  readonly #returns: readonly Type[];
  readonly #values: CallValues;
  readonly #addresses: Addresses;

  constructor(
    functions: readonly PlannedFunction[],
    values: CallValues,
    addresses: Addresses,
    epochNs: bigint,
  ) {
    this.#epochNs = epochNs;
    this.#values = values;
    this.#addresses = addresses;
    this.#names = functions.map(
      ({ name, module }) => `"function":${JSON.stringify(name)},"module":${JSON.stringify(module)}`,
    );
    this.#returns = functions.map(({ returns }) => returns);
  }

  start({ kernel, method, functions, refused, attachMs }: StartInfo): string {
    return line({ type: 'start', version, kernel, method, functions, refused, attachMs });
  }

  summary(summary: Summary): string {
    const { trees, calls, unfinished, lost, detachMs = null, stopped = null } = summary;
    const hot = summary.hot?.map(({ function: name, records }) => ({ function: name, records }));
    const counts = { trees, calls, unfinished, lost };
    return line({ type: 'summary', ...counts, detachMs, stopped, hot: hot ?? [] });
  }

  tree(tree: Tree): string {
    const complete =
      tree.incomplete === null
        ? '"complete":true'
        : `"complete":false,"lost":${tree.lost},"why":"${tree.incomplete}"`;
    return `{"type":"tree",${this.#task(tree)},"cpu":${tree.cpu},"startNs":${this.#start(tree)},${complete}${this.#stack(tree.root)},"root":${this.#call(tree.root)}}\n`;
  }

  /** A line for each call that has a record, in the order in which they returned, and their gaps. */
  calls(tree: Tree): string[] {
    const task = this.#task(tree);
    const lines: string[] = [];
    const visit = (call: Call): void => {
      for (const node of call.children) if (node.type === 'call') visit(node);
      if (call.status === 'lost') return;
      const stack = call === tree.root ? this.#stack(call) : '';
      lines.push(
        `{"type":"call",${task},"startNs":${this.#start(call)}${stack},${this.#fields(call)}}\n`,
      );
    };
    visit(tree.root);
    if (tree.lost > 0) lines.push(`{"type":"lost",${task},"lost":${tree.lost}}\n`);
    return lines;
  }

  /** A call that began, in live mode; `comm` is that of its tree's root. */
  entry(record: CallRecord, comm: string): string {
    const task = this.#task({ pid: record.pid, tid: record.tid, comm });
    const source: ValueSource = { args: record, entry: record, returned: null };
    const values = this.#values.json(record.function, source);
    return `{"type":"entry",${task},"cpu":${record.cpu},"startNs":${this.#start(record)},"depth":${record.depth},${this.#name(record.function)},${values}}\n`;
  }

  /** `,"stack":["vfs_read+0x5",…]` of a root of which it was read. */
  #stack(root: Call): string {
    if (this.#values.isBare(root.function)) return '';
    const stack = this.#values.stack(root.function, sourceOf(root));
    return stack === null ? '' : `,"stack":${formatStackJson(stack, this.#addresses)}`;
  }

  #task({ pid, tid, comm }: Pick<Tree, 'pid' | 'tid' | 'comm'>): string {
    return `"pid":${pid},"tid":${tid},"comm":${JSON.stringify(comm)}`;
  }

  #start({ startNs }: { readonly startNs: number }): string {
    return `"${this.#epochNs + BigInt(startNs)}"`;
  }

  #name(place: number): string {
    return this.#names[place] ?? '"function":null,"module":null';
  }

  #call(call: Call): string {
    const { children } = call;
    let out = '';
    for (const node of children) {
      if (out !== '') out += ',';
      out += node.type === 'call' ? this.#call(node) : `{"lost":${node.lost}}`;
    }
    return `{${this.#fields(call)},"children":[${out}]}`;
  }

  /** What a call has with children or without. */
  #fields(call: Call): string {
    const { function: place, durationNs, selfNs, cpu, retvalLow, retvalHigh, status } = call;
    const name = this.#name(place);
    const type = this.#returns[place];
    const values = this.#values.isBare(place) ? bareJson : this.#values.json(place, sourceOf(call));
    if (status !== 'returned' || type === undefined) {
      const openNs = status === 'lost' ? '' : `,"openNs":${durationNs}`;
      return `${name},"durationNs":null${openNs},"selfNs":null,"cpu":${cpu},"retval":null,"errno":null,${values}`;
    }
    const errno = errnoOf(type, retvalLow, retvalHigh);
    const value = formatWordJson(type, retvalLow, retvalHigh);
    const error = errno === null ? 'null' : `"${errno}"`;
    return `${name},"durationNs":${durationNs},"selfNs":${selfNs},"cpu":${cpu},"retval":${value},"errno":${error},${values}`;
  }
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
