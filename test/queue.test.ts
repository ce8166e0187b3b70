/** Items on their way to who takes them. */
import { expect, test } from 'vitest';
import { Queue } from '../src/library/queue.js';

/** Whether it is settled by now. */
async function isDone(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

const item = (value: string) => ({ done: false, value });
const none = { done: true, value: undefined };

test('items are taken one by one, in their order', async () => {
  const queue = new Queue<string>();
  void queue.put(['a', 'b']);
  void queue.put(['c']);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(
    ['a', 'b', 'c'].map(item),
  );
});

test('a put is done when the last of its items is taken', async () => {
  const queue = new Queue<string>();
  const put = queue.put(['a', 'b']);
  await queue.take();
  expect(await isDone(put)).toBe(false);
  await queue.take();
  expect(await isDone(put)).toBe(true);
  expect(await isDone(queue.put([]))).toBe(true);
});

test('those who wait get what comes, the first of them first', async () => {
  const queue = new Queue<string>();
  const takers = [queue.take(), queue.take(), queue.take()];
  expect(await isDone(queue.put(['a', 'b']))).toBe(true);
  queue.end();
  expect(await Promise.all(takers)).toEqual([item('a'), item('b'), none]);
});

test('the end is behind what waits, and stays', async () => {
  const queue = new Queue<string>();
  void queue.put(['a']);
  queue.end();
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual([
    item('a'),
    none,
    none,
  ]);
});

test('an error is behind what waits, and is told once', async () => {
  const queue = new Queue<string>();
  void queue.put(['a']);
  queue.fail(new Error('no more'));
  expect(await queue.take()).toEqual(item('a'));
  await expect(queue.take()).rejects.toThrow('no more');
  expect(await queue.take()).toEqual(none);
});

test('of those who wait one is told the error', async () => {
  const queue = new Queue<string>();
  const takers = [queue.take(), queue.take()];
  queue.fail(new Error('no more'));
  await expect(takers[0]).rejects.toThrow('no more');
  expect(await takers[1]).toEqual(none);
});

test('undefined is an item like others', async () => {
  const queue = new Queue<undefined>();
  void queue.put([undefined, undefined]);
  queue.end();
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual([
    { done: false, value: undefined },
    { done: false, value: undefined },
    none,
  ]);
});

test('where nobody takes any more, nothing waits for them', async () => {
  const queue = new Queue<string>();
  const put = queue.put(['a']);
  queue.leave();
  expect(await isDone(put)).toBe(true);
  expect(await isDone(queue.put(['b']))).toBe(true);
  queue.end();
  expect(await queue.take()).toEqual(none);
});

test('what is newer takes the place of what waits', async () => {
  const queue = new Queue<string>();
  const put = queue.put(['a', 'b']);
  queue.replace('c');
  expect(await isDone(put)).toBe(true);
  expect(await queue.take()).toEqual(item('c'));
  const taker = queue.take();
  queue.replace('d');
  expect(await taker).toEqual(item('d'));
});
