/** Trees as if their tasks had never been off the CPU. */
import { expect, test } from 'vitest';
import { withoutOffCpu } from '../src/tree/on-cpu.js';
import type { Call } from '../src/tree/tree.js';
import { read, treeOf } from './fixtures/reads.js';

/** Calls in the order in which they began. */
const all = (call: Call): Call[] => [
  call,
  ...call.children.flatMap((node) => (node.type === 'call' ? all(node) : [])),
];

/** Of vfs_read, rw_verify_area, security_file_permission, read_zero. */
const timesOf = ({ root }: { readonly root: Call }) =>
  all(root).map(({ durationNs, selfNs }) => [durationNs, selfNs]);

const tree = treeOf(read);

/** The same tree, whose calls were off the CPU for so long, in that order. */
function withOff(offs: readonly number[]) {
  let at = 0;
  const visit = (call: Call): Call => {
    const offNs = offs[at++] ?? 0;
    const children = call.children.map((node) => (node.type === 'call' ? visit(node) : node));
    return { ...call, offNs, children };
  };
  return withoutOffCpu({ ...tree, root: visit(tree.root) });
}

test('a task that was not off the CPU took as long', () => {
  expect(timesOf(withOff([0, 0, 0, 0]))).toEqual(timesOf(tree));
  expect(timesOf(tree)).toEqual([
    [2738, 1118],
    [1200, 720],
    [480, 480],
    [420, 420],
  ]);
});

test('what it was off for is in no time: in that of its callers neither', () => {
  expect(timesOf(withOff([100, 100, 100, 0]))).toEqual([
    [2638, 1118],
    [1100, 720],
    [380, 380],
    [420, 420],
  ]);
  expect(timesOf(withOff([500, 0, 0, 0]))[0]).toEqual([2238, 618]);
});

test('a caller took no less than what it called', () => {
  expect(timesOf(withOff([5000, 0, 0, 0]))[0]).toEqual([1620, 0]);
});
