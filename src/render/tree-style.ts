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
import type { Call, Tree } from '../tree/tree.js';
import { printBlank, printCells, printHeader, treeColumns } from './columns.js';
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

const header = printHeader(treeColumns);
const blank = printBlank(treeColumns);

export function renderTree(text: Text, tree: Tree): string {
  return (
    text.line(formatTitle(text, tree)) +
    text.line(text.dim(header)) +
    renderCall(text, tree, tree.root, '', '')
  );
}

function formatTitle(text: Text, tree: Tree): string {
  const name = text.strong(nameOf(text, tree.root.function));
  const title = `${name} · ${formatTask(tree)} · cpu ${tree.cpu}`;
  if (tree.incomplete === null) return title;
  return `${title} · ${text.warning(`incomplete: ${formatIncomplete(tree)}`)}`;
}

/** `tracing ended, 3 calls lost`. */
function formatIncomplete({ incomplete, lost }: Tree): string {
  if (incomplete === null) return '';
  if (incomplete === 'records lost') return formatLost(lost);
  if (incomplete === 'root record lost') return `${incomplete}, at least ${formatLost(lost)}`;
  return lost === 0 ? incomplete : `${incomplete}, ${formatLost(lost)}`;
}

/** The call's line, behind `branch`, and its children's, behind `trunk`. */
function renderCall(text: Text, tree: Tree, call: Call, branch: string, trunk: string): string {
  const { children, status } = call;
  const cells = printCells(treeColumns, text, call, tree);
  const end =
    status === 'returned'
      ? formatReturned(text, call)
      : text.warning(` … ${formatUnreturned(status, call.durationNs)}`);
  const { behind, below } = formatCallOutputs(text, call);
  let out = text.line(`${cells}  ${text.dim(branch)}${formatCalled(text, call)}${end}${behind}`);
  const inner =
    below.length > 0 ? text.dim(children.length > 0 ? `${trunk}│    ` : `${trunk}     `) : '';
  for (const line of below) out += text.line(`${blank}  ${inner}${line}`);
  const last = children.length - 1;
  for (let place = 0; place <= last; place++) {
    const node = children[place];
    if (node === undefined) continue;
    const nextBranch = trunk + (place === last ? '└─ ' : '├─ ');
    out +=
      node.type === 'call'
        ? renderCall(text, tree, node, nextBranch, trunk + (place === last ? '   ' : '│  '))
        : text.line(
            `${blank}  ${text.dim(nextBranch)}${text.warning(`… ${formatLost(node.lost)}`)}`,
          );
  }
  return out;
}
