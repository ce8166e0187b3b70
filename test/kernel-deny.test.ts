/** What the running kernel denies, out of its memory. */
import { expect, test } from 'vitest';
import { exitStatus, Failure } from '../src/failure.js';
import { loadKernelDenied } from '../src/symbols/kernel-deny.js';

const address = 0xffffffff8a872554n;
const kallsyms = Buffer.from(`\
ffffffff8a872540 r something_else
ffffffff8a872554 r btf_id_deny
ffffffff8a872554 r __BTF_ID__set__btf_id_deny
`);

/** Memory that has these words at the address. */
const memoryOf =
  (...words: number[]) =>
  () => ({
    read(from: bigint, bytes: number) {
      const at = Number(from - address);
      return Buffer.from(Uint32Array.from(words).buffer).subarray(at, at + bytes);
    },
    close: () => undefined,
  });

test('the ids of the set are read', () => {
  expect(loadKernelDenied(kallsyms, memoryOf(3, 17, 40, 99, 1))).toEqual(new Set([17, 40, 99]));
});

test('functions that the kernel was built without have no id', () => {
  expect(loadKernelDenied(kallsyms, memoryOf(3, 0, 0, 99))).toEqual(new Set([99]));
});

test.each([
  ['what is no such set', kallsyms, memoryOf(2, 99, 17)],
  ['what is far too large', kallsyms, memoryOf(2 ** 31, 17)],
  ['a kernel without the symbol', Buffer.from('ffffffff8a872540 r another\n'), memoryOf(1, 17)],
  [
    'a kernel that hides addresses',
    Buffer.from('0000000000000000 r btf_id_deny\n'),
    memoryOf(1, 17),
  ],
  [
    'memory that nobody may read',
    kallsyms,
    () => {
      throw new Failure(exitStatus.cannotTrace, 'EPERM');
    },
  ],
])('%s denies nothing', (_, symbols, open) => {
  expect(loadKernelDenied(symbols, open)).toEqual(new Set());
});
