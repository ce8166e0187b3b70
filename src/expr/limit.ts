/** Whether the kernel side has room for a program. */
import { limits } from './ops.js';
import type { Op, Opcode } from './ops.js';

/** What the kernel side has no room for, or null. */
export function describeLimit(ops: readonly Op[]): string | null {
  if (ops.length > limits.ops)
    return `This takes ${ops.length} operations, and there is room for ${limits.ops}.`;
  const words = stackWords(ops);
  if (words > limits.stackWords)
    return `This takes ${words} words of stack, and there is room for ${limits.stackWords}.`;
  return null;
}

/** How the depth changes; jumps only go forward, so one pass sees all. */
function stackWords(ops: readonly Op[]): number {
  const atTarget = new Map<number, number>();
  let depth = 0;
  let deepest = 0;
  ops.forEach(({ op, n }, at) => {
    depth = atTarget.get(at) ?? depth;
    depth += effects[op] ?? 0;
    deepest = Math.max(deepest, depth);
    if (op === 'jump' || op === 'jumpZero' || op === 'jumpNonzero') atTarget.set(at + n + 1, depth);
  });
  return deepest;
}

const effects: Readonly<Partial<Record<Opcode, number>>> = {
  push: 1,
  arg: 1,
  retval: 1,
  task: 1,
  dup: 1,
  drop: -1,
  add: -1,
  sub: -1,
  mul: -1,
  divU: -1,
  divS: -1,
  modU: -1,
  modS: -1,
  and: -1,
  or: -1,
  xor: -1,
  shl: -1,
  shrU: -1,
  shrS: -1,
  eq: -1,
  ne: -1,
  ltU: -1,
  leU: -1,
  ltS: -1,
  leS: -1,
  jumpZero: -1,
  jumpNonzero: -1,
  endWord: -1,
  endBytes: -1,
  endString: -1,
  filter: -1,
};
