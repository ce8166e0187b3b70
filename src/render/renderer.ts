/** Chooses how a trace is written: each method returns the text to write next, maybe none. */
import { isLone, recordType, type CallRecord } from '../events/record.js';
import type { RefusedFunction } from '../plan/plan.js';
import { taskKey } from '../tree/builder.js';
import type { Tree } from '../tree/tree.js';
import { renderArrows, renderLive, renderLiveLost } from './arrows-style.js';
import { renderCalls, renderCallsHeader, renderMark, renderMarksHeader } from './calls-style.js';
import { CallValues, entrySource, sourceOf, type ValueSource } from './values/call-values.js';
import { Counting, type Output } from './counting.js';
import { FtraceStyle } from './ftrace-style.js';
import { JsonLines } from './json-lines.js';
import { formatStack } from './stack.js';
import { renderSummaryText, type Summary } from './summary.js';
import { makeText, type Encoding, type Text, type TextOptions } from './text.js';
import { TreeStyle } from './tree-style.js';

export interface StartInfo {
  /** `uname -r`. */
  readonly kernel: string;
  readonly method: string;
  /** How many are attached. */
  readonly functions: number;
  /** Absent where none was asked for. */
  readonly tracepoints?: number | undefined;
  readonly refused: readonly RefusedFunction[];
  readonly attachMs: number;
}

export interface RendererOptions extends TextOptions {
  readonly format: 'text' | 'json';
  /** Of text. */
  readonly style: 'tree' | 'ftrace' | 'arrows';
  /** Trees; without, one line a call. The styles `ftrace` and `arrows` always show trees. */
  readonly graph: boolean;
  /** Records are shown as they come. */
  readonly live: boolean;
  /** How many CPUs there are, for the width of ftrace's first column; 1 if absent. */
  readonly cpus?: number;
}

export interface Renderer {
  /** Of what `tree` and `record` return. */
  readonly encoding: Encoding;
  readonly start: (info: StartInfo) => string;
  /** Of one line a call no more than `most` calls, the first to return; all of them without it. */
  readonly tree: (tree: Tree, most?: number) => string;
  /** A record that came, of any type: nothing unless live. */
  readonly record: (record: CallRecord) => string;
  /** What is told of all trees together. */
  readonly end: () => string;
  /** Text is for stderr, JSON for where the trees go. */
  readonly summary: (summary: Summary) => string;
}

export function makeRenderer(options: RendererOptions): Renderer {
  if (options.format === 'json') return makeJsonRenderer(options);
  return options.live ? makeLiveRenderer(options) : makeTextRenderer(options);
}

function makeJsonRenderer(options: RendererOptions): Renderer {
  const { functions, outputs, addresses, graph, live } = options;
  const values = new CallValues(functions, outputs, addresses);
  const lines = new JsonLines(functions, values, addresses, options);
  const counting = new Counting(functions, outputs, values, addresses);
  const isCountedOnly = countsOnly(outputs);
  const comms = new Comms();
  return {
    encoding: 'latin1', // printJson() makes ASCII
    start: (info) => lines.start(info),
    tree: (tree, most) => {
      counting.add(tree);
      if (isCountedOnly) return '';
      return graph ? lines.tree(tree) : lines.calls(tree).slice(0, most).join('');
    },
    record: (record) => {
      if (isLone(record)) {
        counting.addMark(record);
        return isCountedOnly ? '' : lines.mark(record, record);
      }
      if (!live) return '';
      const comm = comms.of(record);
      return record.type === recordType.entry ? lines.entry(record, comm) : '';
    },
    end: () => counting.json(),
    summary: (summary) => lines.summary(summary),
  };
}

/** Lines stand as the records came; of a tree only its losses are still to be told. */
function makeLiveRenderer(options: RendererOptions): Renderer {
  const text = makeText(options);
  const comms = new Comms();
  const { functions, outputs, addresses } = options;
  const counting = new Counting(functions, outputs, text.values, addresses);
  return {
    encoding: 'utf8',
    start: () => '',
    tree: (tree) => {
      counting.add(tree);
      return tree.lost > 0 ? renderLiveLost(text, tree) : '';
    },
    record: (record) => {
      if (isLone(record)) counting.addMark(record);
      return renderLive(text, record, comms.of(record));
    },
    end: () => counting.text(),
    summary: renderSummaryText,
  };
}

function makeTextRenderer(options: RendererOptions): Renderer {
  const text = makeText(options);
  const { functions, outputs, addresses } = options;
  const counting = new Counting(functions, outputs, text.values, addresses);
  const style = chooseStyle(text, options);
  const isCountedOnly = countsOnly(outputs);
  return {
    encoding: style.encoding,
    start: () => (isCountedOnly ? '' : style.start()),
    tree: (tree, most) => {
      counting.add(tree);
      return isCountedOnly ? '' : style.tree(tree, most);
    },
    record: (record) => {
      if (!isLone(record)) return '';
      counting.addMark(record);
      if (isCountedOnly) return '';
      const source = entrySource(record);
      return renderMark(text, record, record) + renderStack(text, record.function, source);
    },
    end: () => {
      const end = counting.text();
      return end === '' || isCountedOnly ? end : `\n${end}`;
    },
    summary: renderSummaryText,
  };
}

interface Style {
  readonly encoding: Encoding;
  readonly start: () => string;
  readonly tree: Renderer['tree'];
}

function chooseStyle(text: Text, options: RendererOptions): Style {
  const hasTrees = options.functions.some(({ kind }) => kind === undefined);
  if (!hasTrees) return { encoding: 'utf8', start: () => renderMarksHeader(text), tree: () => '' };
  if (options.style === 'ftrace') {
    const style = new FtraceStyle(text, options.cpus ?? 1);
    return {
      encoding: 'utf8',
      start: () => style.header,
      tree: (tree) => style.tree(tree) + renderRootStack(text, tree),
    };
  }
  if (options.style === 'arrows') {
    return {
      encoding: 'utf8',
      start: () => '',
      tree: (tree) => renderArrows(text, tree) + renderRootStack(text, tree),
    };
  }
  if (!options.graph) {
    const tree = (next: Tree, most?: number): string => {
      const calls = renderCalls(text, next);
      // the root's stack is told where its line is, which is the last
      const stack = most === undefined || most >= calls.length ? renderRootStack(text, next) : '';
      return calls.slice(0, most).join('') + stack;
    };
    return { encoding: 'utf8', start: () => renderCallsHeader(text), tree };
  }
  const style = new TreeStyle(text);
  let between = '';
  const tree = (next: Tree): string => {
    const stack = renderRootStack(text, next);
    const out = between + style.tree(next) + (stack === '' ? '' : text.encode(stack));
    between = '\n';
    return out;
  };
  return { encoding: text.encoding, start: () => '', tree };
}

/** Whether nobody is to see single calls, for all that is asked of them is counted. */
function countsOnly(outputs: readonly Output[]): boolean {
  return outputs.length > 0 && outputs.every(({ aggregate }) => aggregate !== null);
}

function renderRootStack(text: Text, { root }: Tree): string {
  return text.values.isBare(root.function) ? '' : renderStack(text, root.function, sourceOf(root));
}

/** The stack that the root was called on, or that a tracepoint was come by on, a frame a line. */
function renderStack(text: Text, place: number, source: ValueSource): string {
  const stack = text.values.stack(place, source);
  return stack === null ? '' : text.dim(formatStack(stack, text.addresses));
}

/** Only roots, and marks in no tree, carry the name of their task; a call below a root has the same. */
class Comms {
  readonly #byTask = new Map<number, string>();

  of(record: CallRecord): string {
    const { depth, type, comm } = record;
    const task = taskKey(record);
    if (depth > 0) return this.#byTask.get(task) ?? '';
    if (type === recordType.entry) this.#byTask.set(task, comm);
    else if (type !== recordType.mark) this.#byTask.delete(task);
    return comm;
  }
}
