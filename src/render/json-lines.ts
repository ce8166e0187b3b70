/** JSON lines, version 1: one object a line, as json-contract.ts has them. */
import type { CallRecord } from '../events/record.js';
import type { PlannedFunction } from '../plan/plan.js';
import type { Addresses } from '../symbols/addresses.js';
import type { Type } from '../symbols/type.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import {
  bareJson,
  entrySource,
  sourceOf,
  type CallValues,
  type ValueSource,
} from './values/call-values.js';
import type { JsonStart, JsonSummary } from './json-contract.js';
import { printJson } from './print-json.js';
import type { RendererOptions, StartInfo } from './renderer.js';
import { formatStackJson } from './stack.js';
import type { Summary } from './summary.js';
import { errnoOf, formatWordJson } from './values/value.js';

const version = 1;

export class JsonLines {
  readonly #epochNs: bigint;
  /** By place in the plan: `"function":"vfs_read","module":null`; of a tracepoint `"tracepoint":…`. */
  readonly #names: readonly string[];
  readonly #cpuTime: boolean;
  readonly #returns: readonly Type[];
  readonly #values: CallValues;
  readonly #addresses: Addresses;

  constructor(
    functions: readonly PlannedFunction[],
    values: CallValues,
    addresses: Addresses,
    { epochNs, cpuTime = false }: Pick<RendererOptions, 'epochNs' | 'cpuTime'>,
  ) {
    this.#epochNs = epochNs;
    this.#cpuTime = cpuTime;
    this.#values = values;
    this.#addresses = addresses;
    this.#names = functions.map(
      ({ kind = 'function', name, module }) =>
        `"${kind}":${printJson(name)},"module":${printJson(module)}`,
    );
    this.#returns = functions.map(({ returns }) => returns);
  }

  start(info: StartInfo): string {
    return renderStart(info);
  }

  summary(summary: Summary): string {
    const { trees, calls, unfinished, marks, lost, detachMs = null, stopped = null } = summary;
    const hot = summary.hot?.map(({ function: name, records }) => ({ function: name, records }));
    const counts = { trees, calls, unfinished, marks, lost };
    return line({ type: 'summary', ...counts, detachMs, stopped, hot: hot ?? [] });
  }

  tree(tree: Tree): string {
    const complete =
      tree.incomplete === null
        ? '"complete":true'
        : `"complete":false,"lost":${tree.lost},"why":"${tree.incomplete}"`;
    return `{"type":"tree",${this.#task(tree)},"cpu":${tree.cpu},"startNs":${this.#start(tree)},${complete}${this.#rootStack(tree.root)},"root":${this.#call(tree.root)}}\n`;
  }

  /**
   * A line for each call that has a record, in the order in which they returned, each mark before the call
   * that it was in; and their gaps.
   */
  calls(tree: Tree): string[] {
    const task = this.#task(tree);
    const lines: string[] = [];
    const visit = (call: Call): void => {
      for (const node of call.children) {
        if (node.type === 'call') visit(node);
        else if (node.type === 'mark') lines.push(this.mark(node, tree));
      }
      if (call.status === 'lost') return;
      const stack = call === tree.root ? this.#rootStack(call) : '';
      lines.push(
        `{"type":"call",${task},"startNs":${this.#start(call)}${stack},${this.#fields(call)}}\n`,
      );
    };
    visit(tree.root);
    if (tree.lost > 0) lines.push(`{"type":"lost",${task},"lost":${tree.lost}}\n`);
    return lines;
  }

  /** A tracepoint that a task came by. */
  mark(mark: Omit<Mark, 'type'>, task: Pick<Tree, 'pid' | 'tid' | 'comm'>): string {
    const stack = this.#stack(mark.function, entrySource(mark));
    return `{"type":"tracepoint",${this.#task(task)},${this.#mark(mark)}${stack}}\n`;
  }

  /** A call that began, in live mode; `comm` is that of its tree's root. */
  entry(record: CallRecord, comm: string): string {
    const task = this.#task({ pid: record.pid, tid: record.tid, comm });
    const values = this.#values.json(record.function, entrySource(record));
    return `{"type":"entry",${task},"cpu":${record.cpu},"startNs":${this.#start(record)},"depth":${record.depth},${this.#name(record.function)},${values}}\n`;
  }

  /** `,"stack":["vfs_read+0x5",…]` of a root of which it was read. */
  #rootStack(root: Call): string {
    return this.#values.isBare(root.function) ? '' : this.#stack(root.function, sourceOf(root));
  }

  #stack(place: number, source: ValueSource): string {
    const stack = this.#values.stack(place, source);
    return stack === null ? '' : `,"stack":${formatStackJson(stack, this.#addresses)}`;
  }

  #task({ pid, tid, comm }: Pick<Tree, 'pid' | 'tid' | 'comm'>): string {
    return `"pid":${pid},"tid":${tid},"comm":${printJson(comm)}`;
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
    let marks = '';
    let before = 0;
    for (const node of children) {
      if (node.type === 'mark') {
        marks += `${marks === '' ? '' : ','}{${this.#mark(node)},"before":${before}}`;
        continue;
      }
      if (out !== '') out += ',';
      out += node.type === 'call' ? this.#call(node) : `{"lost":${node.lost}}`;
      before++;
    }
    const marked = marks === '' ? '' : `,"marks":[${marks}]`;
    return `{${this.#fields(call)}${marked},"children":[${out}]}`;
  }

  #mark(mark: Omit<Mark, 'type'>): string {
    const values = this.#values.json(mark.function, entrySource(mark));
    return `"cpu":${mark.cpu},"startNs":${this.#start(mark)},${this.#name(mark.function)},${values}`;
  }

  /** What a call has with children or without. */
  #fields(call: Call): string {
    const { function: place, durationNs, selfNs, cpu, retvalLow, retvalHigh, status } = call;
    const off = this.#cpuTime && status !== 'lost' ? `,"offCpuNs":${call.offNs}` : '';
    const name = this.#name(place);
    const type = this.#returns[place];
    const values = this.#values.isBare(place) ? bareJson : this.#values.json(place, sourceOf(call));
    if (status !== 'returned' || type === undefined) {
      const openNs = status === 'lost' ? '' : `,"openNs":${durationNs}`;
      return `${name},"durationNs":null${openNs},"selfNs":null${off},"cpu":${cpu},"retval":null,"errno":null,${values}`;
    }
    const errno = errnoOf(type, retvalLow, retvalHigh);
    const value = formatWordJson(type, retvalLow, retvalHigh);
    const error = errno === null ? 'null' : `"${errno}"`;
    return `${name},"durationNs":${durationNs},"selfNs":${selfNs}${off},"cpu":${cpu},"retval":${value},"errno":${error},${values}`;
  }
}

/** The line before all others. */
/** @param more fields at its end */
export function renderStart(info: StartInfo, more: object = {}): string {
  const { kernel, method, functions, tracepoints, refused, attachMs } = info;
  const attached = { functions, tracepoints, refused, attachMs };
  return line({ type: 'start', version, kernel, method, ...attached, ...more });
}

function line(value: JsonStart | JsonSummary): string {
  return `${printJson(value)}\n`;
}
