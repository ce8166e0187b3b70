// @ts-check
/**
 * Fails where a read of one byte takes the kernel more calls than it may: after an update of the kernel, with another
 * security policy. As root: node --test examples/read-budget.test.mjs
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trace } from 'fsnoop';

/** How many calls a read of /dev/zero may be, with all that is below it. */
const budget = Number(process.env['READ_BUDGET'] ?? 20);

test(`a read of /dev/zero is no more than ${budget} calls`, async () => {
  const reads = trace({
    kfunc: 'ksys_read',
    outputFgraph: true,
    args: 'off',
    comm: 'dd',
    command: 'dd if=/dev/zero of=/dev/null bs=1 count=10',
  });
  /** @type {string[][]} */
  const drawn = [];
  for await (const { complete, root } of reads) if (complete) drawn.push(draw(root));
  assert.equal(await reads.status, 0, 'dd failed');

  // an interrupt makes more of some reads
  const [least] = drawn.sort((a, b) => a.length - b.length);
  assert.ok(least !== undefined, 'no read was seen');
  assert.ok(least.length <= budget, `${least.length} calls:\n${least.join('\n')}`);
});

/**
 * A line a call.
 * @param {import('fsnoop').JsonCall | import('fsnoop').JsonGap} call
 * @returns {string[]}
 */
function draw(call, indent = '') {
  if (!('function' in call)) return [];
  const below = call.children.flatMap((child) => draw(child, `${indent}  `));
  return [`${indent}${call.function} ${call.durationNs} ns`, ...below];
}
