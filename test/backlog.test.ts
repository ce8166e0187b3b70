/** Records wait in memory so that the ring is free for more. */
import { expect, test } from 'vitest';
import { Backlog } from '../src/backlog.js';

/** A source that gives these batches, one a read. */
function sourceOf(batches: string[]) {
  return {
    batches,
    read(into: Uint8Array) {
      const batch = batches.shift() ?? '';
      into.set(Buffer.from(batch));
      return batch.length;
    },
  };
}

const takeAll = (backlog: Backlog) => {
  const taken: string[] = [];
  for (let next; (next = backlog.next()) !== undefined;) taken.push(next.toString());
  return taken;
};

test('all is taken in before the oldest is given', () => {
  const source = sourceOf(['one', 'two', 'three']);
  const backlog = new Backlog(source, 100, () => 0);
  expect(backlog.next()?.toString()).toBe('one');
  expect(source.batches).toEqual([]);
  source.batches.push('four');
  expect(takeAll(backlog)).toEqual(['two', 'three', 'four']);
  expect(backlog.next()).toBeUndefined();
});

test('what is over the limit stays where it is until there is room', () => {
  const source = sourceOf(['12345', '67890', 'abcde', 'fghij']);
  const backlog = new Backlog(source, 8, () => 0);
  expect(backlog.next()?.toString()).toBe('12345');
  expect(source.batches).toEqual(['abcde', 'fghij']);
  expect(backlog.fill).toBe(5 / 8);
  expect(takeAll(backlog)).toEqual(['67890', 'abcde', 'fghij']);
});

test('how long the oldest waits is known', () => {
  let nowMs = 1000;
  const source = sourceOf(['one', 'two']);
  const backlog = new Backlog(source, 100, () => nowMs);
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
