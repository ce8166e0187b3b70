/** What the running kernel denies, out of its memory. */
import { expect, test } from 'vitest';
import { exitStatus, Failure } from '../src/failure.js';
import { readKernelDenied } from '../src/symbols/kernel-deny.js';

const address = 0xffffffff8a872554n;
/** Memory that has these words at the address. */
const memoryOf = (...words: number[]) => ({
  read(from: bigint, bytes: number) {
    const at = Number(from - address);
    return Buffer.from(Uint32Array.from(words).buffer).subarray(at, at + bytes);
  },
});

test('the ids of the set are read', () => {
  expect(readKernelDenied(address, memoryOf(3, 17, 40, 99, 1))).toEqual(new Set([17, 40, 99]));
});

test('functions that the kernel was built without have no id', () => {
  expect(readKernelDenied(address, memoryOf(3, 0, 0, 99))).toEqual(new Set([99]));
});

test.each([
  ['what is no such set', memoryOf(2, 99, 17)],
  ['what is far too large', memoryOf(2 ** 31, 17)],
  [
    'memory that nobody may read',
    {
      read: () => {
        throw new Failure(exitStatus.cannotTrace, 'EPERM');
      },
    },
  ],
])('%s denies nothing', (_, memory) => {
  expect(readKernelDenied(address, memory)).toEqual(new Set());
});
