/**
 * Folded stacks, as flamegraph.pl and others take them: a line for each way from a task down to a function,
 * and the nanoseconds that were spent in that function itself, or that the task was off the CPU in it:
 *
 *	cat;vfs_read;rw_verify_area 720
 */
import { formatComm } from '../render/text.js';
import type { Call } from '../tree/tree.js';
import { Facts } from './call-facts.js';
import type { Exporter, ExportParts } from './exporter.js';

/** @param weigh the nanoseconds of a call without those of the calls below it */
export function makeFoldedExporter(parts: ExportParts, weigh: (call: Call) => number): Exporter {
  const facts = new Facts(parts);
  const names = facts.names.map(escape);
  const weights = new Map<string, number>();
  const add = (call: Call, above: string): void => {
    const stack = `${above};${names[call.function] ?? '?'}`;
    const ns = weigh(call);
    if (ns > 0) weights.set(stack, (weights.get(stack) ?? 0) + ns);
    for (const node of call.children) if (node.type === 'call') add(node, stack);
  };
  return {
    start: () => '',
    tree: ({ root, comm }) => {
      add(root, escape(formatComm(comm)));
      return '';
    },
    end: () => [Array.from(weights, ([stack, ns]) => `${stack} ${ns}\n`).join('')],
  };
}

export const ownNs = ({ selfNs }: Call): number => selfNs;

export function ownOffNs({ offNs, children }: Call): number {
  return children.reduce((ns, node) => (node.type === 'call' ? ns - node.offNs : ns), offNs);
}

/** Neither what parts frames nor what parts the number from them may be in a name. */
const escape = (name: string): string => name.replace(/[;\s]/g, '_');
