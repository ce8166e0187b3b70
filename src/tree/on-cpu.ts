/** A tree as if its task had never been off the CPU. */
import type { Call, Node, Tree } from './tree.js';

/** For trees that tell how long calls were off it; durations of a call are no less than those below it. */
export const withoutOffCpu = (tree: Tree): Tree => ({ ...tree, root: withoutOff(tree.root) });

function withoutOff(call: Call): Call {
  const children = call.children.map((node): Node =>
    node.type === 'call' ? withoutOff(node) : node,
  );
  const below = (nodes: readonly Node[]) =>
    nodes.reduce((sum, node) => (node.type === 'call' ? sum + node.durationNs : sum), 0);
  const durationNs = Math.max(call.durationNs - call.offNs, below(children));
  return { ...call, children, durationNs, selfNs: durationNs - below(children), offNs: 0 };
}
