/**
 * A line where a call begins and one where it returns; live, they are printed as they come:
 *
 *	cat 101             → vfs_read()
 *	cat 101               → rw_verify_area()
 *	cat 101               ← rw_verify_area = 0  1.20 µs
 *	cat 101             ← vfs_read = 131072  2.74 µs
 */
import { recordType, type CallRecord } from '../events/record.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import { entrySource, sourceOf, type Shown, type ValueSource } from './values/call-values.js';
import { formatDuration, markOf } from './duration.js';
import {
  formatCalled,
  formatComm,
  formatLost,
  formatMark,
  formatOutputs,
  formatReturned,
  formatUnreturned,
  nameOf,
  type Text,
} from './text.js';

const taskWidth = 20;

type Task = Pick<Tree, 'comm' | 'tid'>;
type End = Pick<Call, 'function' | 'durationNs' | 'retvalLow' | 'retvalHigh' | 'status'> &
  Partial<Pick<Call, 'offNs'>>;

export function renderArrows(text: Text, tree: Tree): string {
  const prefix = formatPrefix(text, tree);
  const renderCall = (call: Call, indent: string): string => {
    const { args, entry, returned } = sourceOf(call);
    const begun = text.values.outputs(call.function, { args, entry, returned: null });
    let out = formatLines(text, `${prefix}${indent}`, `→ ${formatCalled(text, call)}`, begun);
    for (const node of call.children) {
      out +=
        node.type === 'call'
          ? renderCall(node, `${indent}  `)
          : node.type === 'mark'
            ? renderMarkLines(text, `${prefix}${indent}  `, node)
            : text.line(`${prefix}${indent}  ${text.warning(`… ${formatLost(node.lost)}`)}`);
    }
    return out + formatEndLines(text, `${prefix}${indent}`, call, { args, entry: null, returned });
  };
  return renderCall(tree.root, '');
}

/** A record's line: its comm is that of its tree's root. */
export function renderLive(text: Text, record: CallRecord, comm: string): string {
  const prefix = formatPrefix(text, { comm, tid: record.tid }) + '  '.repeat(record.depth);
  if (record.type === recordType.drop || record.type === recordType.away) return '';
  if (record.type === recordType.mark) return renderMarkLines(text, prefix, record);
  if (record.type === recordType.entry) {
    const source = entrySource(record);
    const args = text.values.arguments(record.function, source);
    const called =
      args === ''
        ? (text.bareCalls[record.function] ?? '?()')
        : `${text.heads[record.function] ?? '?'}(${args})`;
    return formatLines(text, prefix, `→ ${called}`, text.values.outputs(record.function, source));
  }
  const status = record.type === recordType.call ? 'returned' : unreturned[record.type];
  const returned = record.type === recordType.call ? record : null;
  const source: ValueSource = { args: null, entry: null, returned };
  return formatEndLines(text, prefix, { ...record, status }, source);
}

function renderMarkLines(text: Text, prefix: string, mark: Omit<Mark, 'type'>): string {
  const outputs = text.values.outputs(mark.function, entrySource(mark));
  return formatLines(text, prefix, formatMark(text, mark), outputs);
}

/** What the live lines of a tree lack. */
export function renderLiveLost(text: Text, tree: Tree): string {
  return text.line(`${formatPrefix(text, tree)}${text.warning(`… ${formatLost(tree.lost)}`)}`);
}

const unreturned = { [recordType.open]: 'open', [recordType.exit]: 'exited' } as const;

function formatPrefix(text: Text, { comm, tid }: Task): string {
  return text.dim(`${formatComm(comm)} ${tid}`.padEnd(taskWidth));
}

function formatEndLines(text: Text, prefix: string, end: End, source: ValueSource): string {
  return formatLines(text, prefix, formatEnd(text, end), text.values.outputs(end.function, source));
}

function formatLines(text: Text, prefix: string, line: string, outputs: readonly Shown[]): string {
  const { behind, below } = formatOutputs(text, outputs);
  let out = text.line(`${prefix}${line}${behind}`);
  for (const more of below) out += text.line(`${prefix}    ${more}`);
  return out;
}

function formatEnd(text: Text, end: End): string {
  const name = nameOf(text, end.function);
  if (end.status !== 'returned') {
    return text.warning(`… ${name} ${formatUnreturned(end.status, end.durationNs)}`);
  }
  const mark = markOf(end.durationNs);
  const marked = mark === ' ' ? '' : `${mark} `;
  const duration = text.slow[mark](`${marked}${formatDuration(end.durationNs)}`);
  const { offNs = 0 } = end;
  const off = text.cpuTime && offNs > 0 ? `, off CPU ${formatDuration(offNs)}` : '';
  return `← ${name}${formatReturned(text, end)}  ${duration}${off}`;
}
