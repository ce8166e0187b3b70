import { expect, test } from 'vitest';
import fc from 'fast-check';
import { decode } from '../src/events/decode.js';
import { encode } from '../src/events/encode.js';
import { placeMask, recordLayout, recordType, type CallRecord } from '../src/events/record.js';
import { makeRecord } from './fixtures/records.js';

/** With the bytes that it carries in place of where they are. */
function withBytes({ view, argsAt, itemsAt, end, slots, ...fields }: CallRecord) {
  const bytesOf = (from: number, to: number) => [
    ...new Uint8Array(view.buffer, view.byteOffset + from, to - from),
  ];
  return { ...fields, args: bytesOf(argsAt, argsAt + 8 * slots), items: bytesOf(itemsAt, end) };
}

function decodeAll(bytes: Uint8Array, length = bytes.length): CallRecord[] {
  const records: CallRecord[] = [];
  decode(bytes, length, (record) => records.push({ ...record }));
  return records;
}

const u32 = fc.nat(0xffffffff);
const ns = fc.nat(Number.MAX_SAFE_INTEGER);
const anyRecord = fc
  .record({
    type: fc.constantFrom(...Object.values(recordType)),
    depth: fc.nat(0xffff),
    function: fc.nat(placeMask),
    tree: u32,
    tid: u32,
    pid: u32,
    cpu: u32,
    index: u32,
    startNs: ns,
    durationNs: ns,
    retvalLow: u32,
    retvalHigh: u32,
    comm: fc.stringMatching(/^[ -~]{0,15}$/),
    hasEntry: fc.boolean(),
    slots: fc.nat(12),
    items: fc.nat(20),
  })
  .map(({ slots, items, ...record }) => {
    const bytes = new Uint8Array(8 * slots + 8 * items).map((_, at) => at);
    return makeRecord({
      ...record,
      comm: record.depth === 0 ? record.comm : '',
      view: new DataView(bytes.buffer),
      slots,
      itemsAt: 8 * slots,
      end: bytes.length,
    });
  });

test('what was encoded is decoded', () => {
  fc.assert(
    fc.property(fc.array(anyRecord), (records) => {
      expect(decodeAll(encode(records)).map(withBytes)).toEqual(records.map(withBytes));
    }),
  );
});

test('the bit that marks a root is no part of its place in the plan', () => {
  const bytes = encode([makeRecord({ function: 7 })]);
  new DataView(bytes.buffer).setUint8(recordLayout.function + 3, 0x80);
  expect(decodeAll(bytes)).toMatchObject([{ function: 7 }]);
});

test('a start is told from the epoch on, to the nanosecond, whatever the uptime', () => {
  const bytes = encode([makeRecord({ startNs: 0 })]);
  const epochNs = 2n ** 62n + 2n ** 32n - 1n;
  new DataView(bytes.buffer).setBigUint64(recordLayout.start, epochNs + 5n, true);
  const starts: number[] = [];
  decode(bytes, bytes.length, ({ startNs }) => starts.push(startNs), epochNs);
  expect(starts).toEqual([5]);
});

test('a root carries the name of its task, up to 15 bytes, other calls none', () => {
  const records = [
    makeRecord({ depth: 1, comm: '' }),
    makeRecord({ depth: 0, comm: 'a-very-long-name-of-a-task' }),
    makeRecord({ depth: 0, comm: 'żółw' }),
  ];
  expect(decodeAll(encode(records)).map((record) => record.comm)).toEqual([
    '',
    'a-very-long-nam',
    'żółw',
  ]);
});

test('only the first bytes of a larger buffer are records', () => {
  const bytes = new Uint8Array(1000).fill(0xff);
  const one = encode([makeRecord({ depth: 1 })]);
  bytes.set(one, 8);
  expect(decodeAll(bytes.subarray(8), one.length)).toHaveLength(1);
  expect(decodeAll(bytes, 0)).toEqual([]);
});

const twoRecords = encode([makeRecord({ depth: 1 }), makeRecord({ depth: 0 })]);

function changed(offset: number, value: number): Uint8Array {
  const bytes = twoRecords.slice();
  new DataView(bytes.buffer).setUint16(offset, value, true);
  return bytes;
}

test.each([
  ['a record cut in its head', twoRecords, 60, 'record at byte 56: only 4 bytes are left of it'],
  ['a record without comm', twoRecords, 120, 'record at byte 56: only 64 bytes are left of it'],
  ['size 0', changed(0, 0), 128, 'record at byte 0: size 0, where depth 1 and shape 0 have 56'],
  [
    'a size too small',
    changed(56, 64),
    128,
    'record at byte 56: size 64, where depth 0 and shape 0 have 72',
  ],
  [
    'a size that is not aligned',
    changed(56, 73),
    128,
    'record at byte 56: size 73, where depth 0 and shape 0 have 72',
  ],
  ['a size too large', changed(56, 80), 128, 'record at byte 56: only 72 bytes are left of it'],
  ['type 0', changed(4, 0), 128, 'record at byte 0: type 0 is unknown'],
  ['a type of the future', changed(60, 9), 128, 'record at byte 56: type 9 is unknown'],
  ['more than there is', twoRecords, 200, '200 bytes of records in 128'],
])('fails on %s', (_, bytes, length, message) => {
  expect(() => decodeAll(bytes, length)).toThrow(new RangeError(message));
});
