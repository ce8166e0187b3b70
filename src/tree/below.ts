/** Collects which functions are called in trees. */
import type { Call, Tree } from './tree.js';

/**
 * @param skipped whether a call of the function, with all below, does not count
 * @param seen gets the places in the plan of the functions of all calls, the root's too
 */
export function collectCalled(
  tree: Tree,
  skipped: (place: number) => boolean,
  seen: Set<number>,
): void {
  const calls: Call[] = [tree.root];
  for (let call = calls.pop(); call !== undefined; call = calls.pop()) {
    if (skipped(call.function)) continue;
    if (call.status !== 'lost') seen.add(call.function);
    for (const child of call.children) if (child.type === 'call') calls.push(child);
  }
}
