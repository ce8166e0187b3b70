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

export function renderCallsHeader(text: Text): string {
  return text.line(text.dim(`${printHeader(callColumns)}  CALL`));
}

/** A line for each call of the tree that has a record, one for all that have none. */
export function renderCalls(text: Text, tree: Tree): string {
  const lines = renderReturned(text, tree, tree.root);
  if (tree.lost === 0) return lines;
  return lines + text.line(`${blank}  ${text.warning(`… ${formatLost(tree.lost)}`)}`);
}

function renderReturned(text: Text, tree: Tree, call: Call): string {
  let out = '';
  for (const node of call.children) {
    if (node.type === 'call') out += renderReturned(text, tree, node);
  }
  const { status } = call;
  if (status === 'lost') return out;
  const end =
    status === 'returned'
      ? formatReturned(text, call)
      : text.warning(` … ${formatUnreturned(status, call.durationNs)}`);
  const cells = printCells(callColumns, text, call, tree);
  const { behind, below } = formatCallOutputs(text, call);
  out += text.line(`${cells}  ${formatCalled(text, call)}${end}${behind}`);
  for (const line of below) out += text.line(`${blank}    ${line}`);
  return out;
}
