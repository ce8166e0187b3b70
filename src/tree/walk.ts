/** Goes through a tree in the order of time, so that what is below a call lies within its time, too. */
import type { Call, Mark } from './tree.js';

export interface Visitor {
  /** A call begins. */
  readonly open: (call: Call, atNs: number, depth: number) => void;
  /** The call that began last of those that have not ended ends. */
  readonly close: (call: Call, atNs: number, depth: number) => void;
  /** So many records are lost here. */
  readonly lost: (calls: number, atNs: number) => void;
  readonly mark: (mark: Mark, atNs: number) => void;
}

/**
 * Times never go back: of a lost call it is known only what is below it, and clocks of CPUs may differ.
 * @param fromNs the earliest time, since the epoch of the trace
 * @returns the time of the root's end
 */
export function walk(root: Call, visitor: Visitor, fromNs = -Infinity): number {
  let now = fromNs;
  const visit = (call: Call, depth: number): void => {
    now = Math.max(now, call.startNs);
    visitor.open(call, now, depth);
    for (const node of call.children) {
      if (node.type === 'call') visit(node, depth + 1);
      else if (node.type === 'gap') visitor.lost(node.lost, now);
      else visitor.mark(node, (now = Math.max(now, node.startNs)));
    }
    now = Math.max(now, call.startNs + call.durationNs);
    visitor.close(call, now, depth);
  };
  visit(root, 0);
  return now;
}
