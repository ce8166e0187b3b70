/**
 * Folded stacks, as flamegraph.pl and others take them: a line for each way from a task down to a function,
 * and the nanoseconds that were spent in that function itself:
 *
 *	cat;vfs_read;rw_verify_area 720
 */
import { formatComm } from '../render/text.js';
import type { Call } from '../tree/tree.js';
import { Facts } from './call-facts.js';
import type { Exporter, ExportParts } from './exporter.js';

export function makeFoldedExporter(parts: ExportParts): Exporter {
  const facts = new Facts(parts);
  const names = facts.names.map(escape);
  const selfNs = new Map<string, number>();
  const add = (call: Call, above: string): void => {
    const stack = `${above};${names[call.function] ?? '?'}`;
    if (call.selfNs > 0) selfNs.set(stack, (selfNs.get(stack) ?? 0) + call.selfNs);
    for (const node of call.children) if (node.type === 'call') add(node, stack);
  };
  return {
    start: () => '',
    tree: ({ root, comm }) => {
      add(root, escape(formatComm(comm)));
      return '';
    },
    end: () => [Array.from(selfNs, ([stack, ns]) => `${stack} ${ns}\n`).join('')],
  };
}

/** Neither what parts frames nor what parts the number from them may be in a name. */
const escape = (name: string): string => name.replace(/[;\s]/g, '_');
