/** The search for the functions that the kernel refuses, against a kernel that refuses some. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findRefused } from '../src/attach/bisect.js';
import { NativeError } from '../src/attach/native.js';

/** Attaches sets without culprits, and counts what it is asked to do. */
class FakeKernel {
  tries = 0;
  linked = 0;
  detached = 0;
  readonly #refuses: (some: readonly number[]) => boolean;

  constructor(refuses: (some: readonly number[]) => boolean) {
    this.#refuses = refuses;
  }

  readonly attach = async (some: readonly number[]) => {
    await Promise.resolve();
    this.tries++;
    if (this.#refuses(some)) throw new NativeError(22, 'EINVAL', 'bpf(BPF_LINK_CREATE)', '');
    expect(this.linked, 'one link at a time').toBe(this.detached);
    this.linked++;
    return {
      detach: async () => {
        await Promise.resolve();
        this.detached++;
      },
    };
  };
}

const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);
const refusing = (culprits: readonly number[]) =>
  new FakeKernel((some) => some.some((member) => culprits.includes(member)));
const silent = () => undefined;

const sets = fc
  .uniqueArray(fc.nat(9999), { minLength: 1, maxLength: 200 })
  .chain((all) => fc.tuple(fc.constant(all), fc.subarray(all, { minLength: 1 })));

test('finds exactly the culprits, in their order, and leaves nothing attached', async () => {
  await fc.assert(
    fc.asyncProperty(sets, async ([all, culprits]) => {
      const kernel = refusing(culprits);
      expect(await findRefused(all, kernel.attach, silent)).toEqual(culprits);
      expect(kernel.detached).toBe(kernel.linked);
    }),
  );
});

test('takes about 2k log2(n) tries', async () => {
  await fc.assert(
    fc.asyncProperty(sets, async ([all, culprits]) => {
      const kernel = refusing(culprits);
      await findRefused(all, kernel.attach, silent);
      expect(kernel.tries).toBeLessThanOrEqual(
        2 * culprits.length * Math.ceil(Math.log2(all.length)),
      );
    }),
  );
});

test('tells how many are left to look at', async () => {
  const told: string[] = [];
  await findRefused(upTo(5), refusing([3]).attach, (text) => told.push(text));
  expect(told).toEqual([
    'the kernel refused a set of 5 functions, looking for the culprit',
    'the kernel refused a set of 3 functions, looking for the culprit',
    'the kernel refused a set of 2 functions, looking for the culprit',
  ]);
});

test('a set of one is its own culprit, and is not tried again', async () => {
  const kernel = refusing([7]);
  expect(await findRefused([7], kernel.attach, silent)).toEqual([7]);
  expect(await findRefused([], kernel.attach, silent)).toEqual([]);
  expect(kernel.tries).toBe(0);
});

test('blames nobody for a set that is refused only as a whole', async () => {
  const kernel = new FakeKernel((some) => some.length > 4);
  expect(await findRefused(upTo(8), kernel.attach, silent)).toEqual([]);
  expect(kernel.detached).toBe(2);
});

test('an error that is not the kernel’s ends the search', async () => {
  const bug = new TypeError('members is not iterable');
  const fails = () => Promise.reject(bug);
  await expect(findRefused(upTo(4), fails, silent)).rejects.toBe(bug);
});

test('so does a link that can not be detached', async () => {
  const bug = new TypeError('detach is not a function');
  const attach = () =>
    Promise.resolve({ detach: () => Promise.reject(bug), close: () => undefined });
  await expect(findRefused(upTo(4), attach, silent)).rejects.toBe(bug);
});
