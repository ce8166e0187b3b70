/** Records wait in memory so that the ring is free for more. */
import { expect, test } from 'vitest';
import { Backlog } from '../src/tracing/backlog.js';

/** A source that gives these batches, one a read. */
function sourceOf(batches: string[]) {
  return {
    batches,
    read(into: Uint8Array) {
      const batch = batches.shift() ?? '';
      expect(into.length).toBeGreaterThanOrEqual(batch.length);
      into.set(Buffer.from(batch));
      return batch.length;
    },
  };
}

/** With little room behind it. */
const large = (letter: string) => letter.repeat(62_000);

const takeAll = (backlog: Backlog) => {
  const taken: string[] = [];
  for (let next; (next = backlog.next()) !== undefined;)
    taken.push(next.toString().replace(/(.)\1+/g, '$1'));
  return taken;
};

test('all is taken in before the oldest is given', () => {
  const source = sourceOf([large('1'), large('2'), large('3')]);
  const backlog = new Backlog(source, 1e6, () => 0);
  expect(backlog.next()?.toString()).toBe(large('1'));
  expect(source.batches).toEqual([]);
  source.batches.push(large('4'));
  expect(takeAll(backlog)).toEqual(['2', '3', '4']);
  expect(backlog.next()).toBeUndefined();
});

test('little that comes waits with what came before', () => {
  const source = sourceOf(['a', 'bc', large('1'), 'd', large('2'), 'e']);
  expect(takeAll(new Backlog(source, 1e6, () => 0))).toEqual(['abc1', 'd2', 'e']);
});

test('what is over the limit stays where it is until there is room', () => {
  const source = sourceOf(['1', '2', '3', '4'].map(large));
  const backlog = new Backlog(source, 100_000, () => 0);
  expect(backlog.next()?.toString()).toBe(large('1'));
  expect(source.batches).toEqual([large('3'), large('4')]);
  expect(backlog.fill).toBe(0.62);
  expect(takeAll(backlog)).toEqual(['2', '3', '4']);
});

test('how long the oldest waits is known', () => {
  let nowMs = 1000;
  const source = sourceOf([large('1'), large('2')]);
  const backlog = new Backlog(source, 1e6, () => nowMs);
  expect(backlog.ageMs).toBe(0);
  backlog.next();
  nowMs = 1500;
  expect(backlog.ageMs).toBe(500);
  backlog.next();
  expect(backlog.ageMs).toBe(0);
});

test('what was given does not change when its room is used again', () => {
  const source = sourceOf(['one']);
  const backlog = new Backlog(source, 100, () => 0);
  const given = backlog.next();
  source.batches.push('two');
  expect(backlog.next()?.toString()).toBe('two');
  expect(given?.toString()).toBe('one');
});
