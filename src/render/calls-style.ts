/**
 * One line a call, in the order in which they returned:
 *
 *	   DURATION  CPU  TASK                     CALL
 *	    2.74 µs    0  cat 101:101              vfs_read() = 131072
 */
import type { Call, Tree } from '../tree/tree.js';
import { callColumns, printBlank, printCells, printHeader } from './columns.js';
import {
  formatCalled,
  formatCallOutputs,
  formatLost,
  formatReturned,
  formatUnreturned,
  type Text,
} from './text.js';

const blank = printBlank(callColumns);
/** Of a value with lines of its own: they are many, and should not lie behind the terminal's edge. */
const indent = ' '.repeat(14);

export function renderCallsHeader(text: Text): string {
  return text.line(text.dim(`${printHeader(callColumns)}  CALL`));
}

/**
 * For each call of the tree that has a record its line, with those of long values behind it; one for
 * all that have none.
 */
export function renderCalls(text: Text, tree: Tree): string[] {
  const calls: string[] = [];
  addReturned(text, tree, tree.root, calls);
  if (tree.lost > 0)
    calls.push(text.line(`${blank}  ${text.warning(`… ${formatLost(tree.lost)}`)}`));
  return calls;
}

function addReturned(text: Text, tree: Tree, call: Call, calls: string[]): void {
  for (const node of call.children) {
    if (node.type === 'call') addReturned(text, tree, node, calls);
  }
  const { status } = call;
  if (status === 'lost') return;
  const end =
    status === 'returned'
      ? formatReturned(text, call)
      : text.warning(` … ${formatUnreturned(status, call.durationNs)}`);
  const cells = printCells(callColumns, text, call, tree);
  const { behind, below } = formatCallOutputs(text, call);
  let lines = text.line(`${cells}  ${formatCalled(text, call)}${end}${behind}`);
  for (const line of below) lines += text.line(`${indent}${line}`);
  calls.push(lines);
}
