import { expect, test } from 'vitest';
import {
  formatDuration,
  formatDurationCell,
  formatDurationFtrace,
  markOf,
} from '../src/render/duration.js';
import { errnoName } from '../src/render/errno.js';
import { formatValue, formatValueFtrace, formatValueJson } from '../src/render/value.js';
import type { ValueType } from '../src/symbols/function.js';

const int = (bytes: 1 | 2 | 4 | 8, signed: boolean): ValueType => ({ kind: 'int', bytes, signed });
const pointer: ValueType = { kind: 'pointer' };
const bool: ValueType = { kind: 'bool' };

// The upper bits of small values are whatever the register held.
test.each<[ValueType, bigint, string, string, string]>([
  [{ kind: 'void' }, 7n, '', 'null', ''],
  [bool, 0xabcdef00n, 'false', 'false', '0x0'],
  [bool, 0xabcdef01n, 'true', 'true', '0x1'],
  [int(1, true), 0xffffffffffffff80n, '-128', '-128', '0x80'],
  [int(1, false), 0xffffffffffffff80n, '128', '128', '0x80'],
  [int(2, true), 0xabcd8000n, '-32768', '-32768', '0x8000'],
  [int(2, false), 0xabcd8000n, '32768', '32768', '0x8000'],
  [int(4, true), 0xabcd00000003n, '3', '3', '0x3'],
  [int(4, true), 0xfffffffen, '-ENOENT', '-2', '-2'],
  [int(4, true), 0xfffffffffffffffen, '-ENOENT', '-2', '-2'],
  [int(4, true), 0x80000000n, '-2147483648', '-2147483648', '0x80000000'],
  [int(4, false), 0xfffffffen, '4294967294', '4294967294', '0xfffffffe'],
  [int(1, true), 0xfen, '-2', '-2', '0xfe'],
  [int(8, true), 0xfffffffffffffffen, '-ENOENT', '-2', '-2'],
  [int(8, true), 0xfffffffen, '4294967294', '4294967294', '0xfffffffe'],
  [int(8, true), 0xfffffffffffff000n, '-4096', '-4096', '0xfffffffffffff000'],
  [int(8, true), 0xfffffffffffffc18n, '-1000', '-1000', '0xfffffffffffffc18'],
  [int(8, true), 0xfffffffffffffe00n, '-ERESTARTSYS', '-512', '-512'],
  [int(8, true), 0x1fffffffffffffn, '9007199254740991', '9007199254740991', '0x1fffffffffffff'],
  [int(8, true), 0x20000000000000n, '9007199254740992', '"9007199254740992"', '0x20000000000000'],
  [
    int(8, true),
    0x8000000000000000n,
    '-9223372036854775808',
    '"-9223372036854775808"',
    '0x8000000000000000',
  ],
  [
    int(8, false),
    0xfffffffffffffffen,
    '18446744073709551614',
    '"18446744073709551614"',
    '0xfffffffffffffffe',
  ],
  [pointer, 0n, '0x0', '"0x0"', '0x0'],
  [
    pointer,
    0xffff888000000010n,
    '0xffff888000000010',
    '"0xffff888000000010"',
    '0xffff888000000010',
  ],
  [pointer, 0xfffffffffffffff4n, '-ENOMEM', '"0xfffffffffffffff4"', '-12'],
  [pointer, 0xfffffff4n, '0xfffffff4', '"0xfffffff4"', '0xfffffff4'],
])('%j of %x', (type, raw, text, json, ftrace) => {
  const low = Number(raw & 0xffffffffn);
  const high = Number(raw >> 32n);
  expect(formatValue(type, low, high)).toBe(text);
  expect(formatValueJson(type, low, high)).toBe(json);
  expect(formatValueFtrace(type, low, high)).toBe(ftrace);
});

test('errors have the names of Linux, also those that user space never sees', () => {
  expect([1, 11, 40, 41, 58, 133, 134, 512, 517, 520, 524, 531].map(errnoName)).toEqual([
    'EPERM',
    'EAGAIN',
    'ELOOP',
    null,
    null,
    'EHWPOISON',
    null,
    'ERESTARTSYS',
    'EPROBE_DEFER',
    null,
    'ENOTSUPP',
    'ENOGRACE',
  ]);
});

test.each([
  [0, '0.00 µs', '0.00 µs', '0.000 us    '],
  [7, '0.01 µs', '0.01 µs', '0.007 us    '],
  [2738, '2.74 µs', '2.74 µs', '2.738 us    '],
  [999_994, '999.99 µs', '999.99 µs', '999.994 us  '],
  [999_995, '1.00 ms', '1.00 ms', '999.995 us  '],
  [1_234_567, '1.23 ms', '1.23 ms', '1234.567 us '],
  [12_345_678, '12.35 ms', '12.35 ms', '12345.67 us '],
  [123_456_789, '123.46 ms', '123.46 ms', '123456.7 us '],
  [999_995_000, '1.00 s', '1.00  s', '999995.0 us '],
  [3_200_000_000, '3.20 s', '3.20  s', '3200000 us  '],
  [98_765_432_109_876, '98765.43 s', '98765.43  s', '98765432109 us '],
])('%d ns', (ns, text, cell, ftrace) => {
  expect(formatDuration(ns)).toBe(text);
  expect(formatDurationCell(ns)).toBe(cell);
  expect(formatDurationFtrace(ns)).toBe(ftrace);
});

test("ftrace's marks are for durations above their limit", () => {
  const limits = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
  expect(limits.map(markOf)).toEqual([' ', '+', '!', '#', '*', '@']);
  expect(limits.map((ns) => markOf(ns + 1))).toEqual(['+', '!', '#', '*', '@', '$']);
});
