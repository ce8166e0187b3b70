/**
 * A line where a call begins and one where it returns; live, they are printed as they come:
 *
 *	cat 101             → vfs_read()
 *	cat 101               → rw_verify_area()
 *	cat 101               ← rw_verify_area = 0  1.20 µs
 *	cat 101             ← vfs_read = 131072  2.74 µs
 */
import { recordType, type CallRecord } from '../events/record.js';
import type { Call, Tree } from '../tree/tree.js';
import { formatDuration, markOf } from './duration.js';
import {
  formatComm,
  formatLost,
  formatReturned,
  formatUnreturned,
  nameOf,
  type Text,
} from './text.js';

const taskWidth = 20;

type Task = Pick<Tree, 'comm' | 'tid'>;
type End = Pick<Call, 'function' | 'durationNs' | 'retvalLow' | 'retvalHigh' | 'status'>;

export function renderArrows(text: Text, tree: Tree): string {
  const prefix = formatPrefix(text, tree);
  const renderCall = (call: Call, indent: string): string => {
    let out = text.line(`${prefix}${indent}${formatEntry(text, call)}`);
    for (const node of call.children) {
      out +=
        node.type === 'call'
          ? renderCall(node, `${indent}  `)
          : text.line(`${prefix}${indent}  ${text.warning(`… ${formatLost(node.lost)}`)}`);
    }
    return out + text.line(`${prefix}${indent}${formatEnd(text, call)}`);
  };
  return renderCall(tree.root, '');
}

/** A record's line: its comm is that of its tree's root. */
export function renderLive(text: Text, record: CallRecord, comm: string): string {
  const prefix = formatPrefix(text, { comm, tid: record.tid }) + '  '.repeat(record.depth);
  if (record.type === recordType.entry) return text.line(prefix + formatEntry(text, record));
  const status = record.type === recordType.call ? 'returned' : unreturned[record.type];
  return text.line(prefix + formatEnd(text, { ...record, status }));
}

/** What the live lines of a tree lack. */
export function renderLiveLost(text: Text, tree: Tree): string {
  return text.line(`${formatPrefix(text, tree)}${text.warning(`… ${formatLost(tree.lost)}`)}`);
}

const unreturned = { [recordType.open]: 'open', [recordType.exit]: 'exited' } as const;

function formatPrefix(text: Text, { comm, tid }: Task): string {
  return text.dim(`${formatComm(comm)} ${tid}`.padEnd(taskWidth));
}

function formatEntry(text: Text, { function: place }: { readonly function: number }): string {
  return `→ ${nameOf(text, place)}()`;
}

function formatEnd(text: Text, end: End): string {
  const name = nameOf(text, end.function);
  if (end.status !== 'returned') {
    return text.warning(`… ${name} ${formatUnreturned(end.status, end.durationNs)}`);
  }
  const mark = markOf(end.durationNs);
  const marked = mark === ' ' ? '' : `${mark} `;
  const duration = text.slow[mark](`${marked}${formatDuration(end.durationNs)}`);
  return `← ${name}${formatReturned(text, end)}  ${duration}`;
}
