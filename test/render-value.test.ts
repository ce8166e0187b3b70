import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatDuration,
  formatDurationCell,
  formatDurationFtrace,
  markOf,
} from '../src/render/duration.js';
import { errnoName } from '../src/symbols/errno.js';
import {
  errnoOf,
  formatReturn,
  formatReturnFtrace,
  formatWord,
  formatWordJson,
} from '../src/render/values/value.js';
import type { Addresses } from '../src/symbols/addresses.js';
import { noAddresses } from '../src/symbols/addresses.js';
import type { Type } from '../src/symbols/type.js';
import {
  bool,
  char,
  enumOf,
  field,
  int,
  pointer,
  pointerToFunction,
  structOf,
} from './fixtures/types.js';

const lowOf = (raw: bigint) => Number(raw & 0xffffffffn);
const highOf = (raw: bigint) => Number(raw >> 32n);

// The upper bits of small values are whatever the register held.
test.each<[Type, bigint, string, string, string]>([
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
  [pointer, 0n, 'NULL', '"0x0"', '0x0'],
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
  const low = lowOf(raw);
  const high = highOf(raw);
  expect(formatReturn(type, low, high, noAddresses)).toBe(text);
  expect(formatWordJson(type, low, high)).toBe(json);
  expect(formatReturnFtrace(type, low, high)).toBe(ftrace);
});

const word = (type: Type, raw: bigint, addresses: Addresses = noAddresses) =>
  formatWord(type, lowOf(raw), highOf(raw), addresses);
const wordJson = (type: Type, raw: bigint) => formatWordJson(type, lowOf(raw), highOf(raw));

test.each(
  ([1, 2, 4, 8] as const).flatMap((bytes) => [
    { bytes, signed: true },
    { bytes, signed: false },
  ]),
)('an integer is its lower bits, as BigInt reads them: %j', ({ bytes, signed }) => {
  const type = int(bytes, signed);
  fc.assert(
    fc.property(
      fc.bigInt(0n, 0xffffffffffffffffn),
      fc.constantFrom(0n, 31n, 32n, 53n),
      (any, by) => {
        const raw = any >> by;
        const value = signed ? BigInt.asIntN(8 * bytes, raw) : BigInt.asUintN(8 * bytes, raw);
        const isSafe = Number.isSafeInteger(Number(value));
        expect(word(type, raw)).toBe(`${value}`);
        expect(BigInt(JSON.parse(wordJson(type, raw)) as string | number)).toBe(value);
        if (!isSafe) expect(wordJson(type, raw)).toBe(`"${value}"`);
      },
    ),
  );
});

test('arguments are numbers where they are integers, and errors where they are pointers', () => {
  expect(word(int(4, true), 0xfffffffen)).toBe('-2');
  expect(word(pointer, 0xfffffffffffffffen)).toBe('-ENOENT');
  expect(wordJson(pointer, 0xfffffffffffffffen)).toBe('"0xfffffffffffffffe"');
});

test.each<[bigint, string]>([
  [0x61n, "97 'a'"],
  [0x20n, "32 ' '"],
  [0x0an, "10 '\\n'"],
  [0x27n, "39 '\\''"],
  [0x00n, '0'],
  [0x1bn, '27'],
  [0xff80n, '-128'],
])('a char is a number, and a letter where there is one: %x', (raw, text) => {
  expect(word(char, raw)).toBe(text);
  expect(wordJson(char, raw)).toBe(text.split(' ')[0]);
});

const pids = enumOf({ PIDTYPE_PID: 0, PIDTYPE_TGID: 1, PIDTYPE_PGID: 2, PIDTYPE_MAX: 4 });
const pidsWithoutGap = enumOf({ PID: 0, TGID: 1, PGID: 2, SID: 3, MAX: 4 });
const modes = enumOf({ READ: 1, WRITE: 2, EXEC: 4, RDWR: 3, SYNC: 0x80000000 });
const levels = enumOf({ LOW: -1, NONE: 0, HIGH: 1 });
const wide = enumOf({ LEFT: 1, FAR: 2 ** 40, FARTHER: 2 ** 41 }, 8);

test.each<[Type, bigint, string, string]>([
  [pids, 0xabcd00000001n, 'PIDTYPE_TGID', '"PIDTYPE_TGID"'],
  [pidsWithoutGap, 5n, '5', '5'],
  [modes, 0n, '0', '0'],
  [modes, 3n, 'RDWR', '"RDWR"'],
  [modes, 6n, 'WRITE|EXEC', '"WRITE|EXEC"'],
  [modes, 0x80000044n, 'EXEC|SYNC|0x40', '"EXEC|SYNC|0x40"'],
  [modes, 0x40n, '64', '64'],
  [levels, 0xffffffffn, 'LOW', '"LOW"'],
  [levels, 0xfffffffen, '-2', '-2'],
  [wide, 0x10000000000n, 'FAR', '"FAR"'],
  [wide, 0x30000000001n, 'LEFT|FAR|FARTHER', '"LEFT|FAR|FARTHER"'],
  [wide, 0x8000000000000000n, '9223372036854775808', '"9223372036854775808"'],
])('an enum has the names of its values, and of its flags: %j %x', (type, raw, text, json) => {
  expect(word(type, raw)).toBe(text);
  expect(wordJson(type, raw)).toBe(json);
});

test('an enum that a function returns is an error where it has no such value', () => {
  expect(errnoOf(levels, 0xffffffff, 0)).toBeNull();
  expect(errnoOf(levels, 0xfffffffe, 0)).toBe('ENOENT');
  expect(formatReturn(levels, 0xfffffffe, 0, noAddresses)).toBe('-ENOENT');
  expect(formatReturnFtrace(levels, 0xfffffffe, 0)).toBe('-2');
  expect(formatReturnFtrace(levels, 0xffffffff, 0)).toBe('0xffffffff');
});

test('pointers to functions have names', () => {
  const addresses: Addresses = {
    nameOf: (low, high) =>
      high === 0xffffffff && low >= 0xc0001000 && low < 0xc0002000
        ? { name: 'ext4_file_open', offset: low - 0xc0001000, module: 'ext4' }
        : null,
  };
  expect(word(pointerToFunction, 0xffffffffc0001000n, addresses)).toBe('ext4_file_open [ext4]');
  expect(word(pointerToFunction, 0xffffffffc0001010n, addresses)).toBe(
    'ext4_file_open+0x10 [ext4]',
  );
  expect(word(pointerToFunction, 0xffffffff81000000n, addresses)).toBe('0xffffffff81000000');
  expect(word(pointerToFunction, 0n, addresses)).toBe('NULL');
  expect(word(pointer, 0xffffffffc0001000n, addresses)).toBe('0xffffffffc0001000');
});

test('a struct in a slot has fields', () => {
  const version = structOf('kuid_pair', [field('a', int(4, true), 0), field('b', int(4, true), 4)]);
  expect(word(version, 0xffffffff00000001n)).toBe('{a=1, b=-1}');
  expect(wordJson(version, 0xffffffff00000001n)).toBe('{"a":1,"b":-1}');
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
  expect(formatDurationCell(ns)).toBe(cell.padStart(10));
  expect(formatDurationCell(ns)).toBe(cell.padStart(10)); // again: short ones are kept
  expect(formatDurationFtrace(ns)).toBe(ftrace);
});

test("ftrace's marks are for durations above their limit", () => {
  const limits = [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
  expect(limits.map(markOf)).toEqual([' ', '+', '!', '#', '*', '@']);
  expect(limits.map((ns) => markOf(ns + 1))).toEqual(['+', '!', '#', '*', '@', '$']);
});
