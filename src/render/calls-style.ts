/**
 * One line a call, in the order in which they returned:
 *
 *	   DURATION  CPU  TASK                     CALL
 *	    2.74 µs    0  cat 101:101              vfs_read() = 131072
 */
import type { Call, Mark, Tree } from '../tree/tree.js';
import { callColumns, markColumns, printBlank, printCells, printHeader, rowOf } from './columns.js';
import {
  formatCalled,
  formatCallOutputs,
  formatLost,
  formatMark,
  formatMarkOutputs,
  formatReturned,
  formatUnreturned,
  type Outputs,
  type Text,
} from './text.js';

/** Of a value with lines of its own: they are many, and should not lie behind the terminal's edge. */
const indent = ' '.repeat(14);

export function renderCallsHeader(text: Text): string {
  return text.line(text.dim(`${printHeader(callColumns(text))}  CALL`));
}

export function renderMarksHeader(text: Text): string {
  return text.line(text.dim(`${printHeader(markColumns)}  TRACEPOINT`));
}

/** A tracepoint that is in no tree. */
export function renderMark(
  text: Text,
  mark: Omit<Mark, 'type'>,
  task: Pick<Tree, 'comm' | 'pid' | 'tid'>,
): string {
  return renderMarkIn(markColumns, text, mark, task);
}

/**
 * For each call of the tree that has a record its line, with those of long values behind it, and for each
 * mark one before the call that it was in; one for all that are lost.
 */
export function renderCalls(text: Text, tree: Tree): string[] {
  const calls: string[] = [];
  addReturned(text, tree, tree.root, calls);
  if (tree.lost > 0)
    calls.push(
      text.line(`${printBlank(callColumns(text))}  ${text.warning(`… ${formatLost(tree.lost)}`)}`),
    );
  return calls;
}

function addReturned(text: Text, tree: Tree, call: Call, calls: string[]): void {
  for (const node of call.children) {
    if (node.type === 'call') addReturned(text, tree, node, calls);
    else if (node.type === 'mark') calls.push(renderMarkIn(callColumns(text), text, node, tree));
  }
  const { status } = call;
  if (status === 'lost') return;
  const end =
    status === 'returned'
      ? formatReturned(text, call)
      : text.warning(` … ${formatUnreturned(status, call.durationNs)}`);
  const cells = printCells(callColumns(text), text, rowOf(call), tree);
  calls.push(
    renderLines(text, `${cells}  ${formatCalled(text, call)}${end}`, formatCallOutputs(text, call)),
  );
}

function renderMarkIn(
  columns: ReturnType<typeof callColumns>,
  text: Text,
  mark: Omit<Mark, 'type'>,
  task: Pick<Tree, 'comm' | 'pid' | 'tid'>,
): string {
  const cells = printCells(columns, text, { ...mark, durationNs: null, offNs: null }, task);
  const outputs = formatMarkOutputs(text, mark);
  return renderLines(text, `${cells}  ${formatMark(text, mark)}`, outputs);
}

function renderLines(text: Text, line: string, { behind, below }: Outputs): string {
  let lines = text.line(line + behind);
  for (const more of below) lines += text.line(`${indent}${more}`);
  return lines;
}
