/** Recordings: records go into a file, and come out of it as they were, or not at all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode } from '../src/events/encode.js';
import { recordType } from '../src/events/record.js';
import { printBlock } from '../src/recording/block.js';
import { Packer } from '../src/recording/pack.js';
import { unpack } from '../src/recording/unpack.js';
import { mixed, read } from './fixtures/reads.js';
import { makeRecord, recordsOf } from './fixtures/records.js';
import { attached, bare, partsOf, printEnding, record, recordsIn } from './fixtures/recordings.js';
import { manyValued, opening as valued } from './fixtures/values.js';

describe('columns', () => {
  const u8 = fc.integer({ min: 0, max: 255 });
  const u32 = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
  const word = fc.oneof(
    fc.bigInt(0n, 9n),
    fc.bigInt(0n, 2n ** 40n),
    fc.bigInt(2n ** 64n - 4096n, 2n ** 64n - 1n),
    fc.bigInt(0n, 2n ** 64n - 1n),
  );

  /** Any record that the size of which makes sense, of any type. */
  const anyRecord = fc
    .record({
      type: fc.oneof(fc.integer({ min: 1, max: 7 }), u8),
      shape: fc.oneof(fc.integer({ min: 0, max: 3 }), u8),
      depth: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 0xffff })),
      numbers: fc.array(u32, { minLength: 6, maxLength: 6 }),
      times: fc.array(word, { minLength: 3, maxLength: 3 }),
      behind: fc.array(word, { maxLength: 20 }),
    })
    .map(({ type, shape, depth, numbers, times, behind }) => {
      const bytes = Buffer.alloc(56 + 8 * behind.length);
      bytes.writeUInt32LE(bytes.length, 0);
      bytes.writeUInt8(type, 4);
      bytes.writeUInt8(shape, 5);
      bytes.writeUInt16LE(depth, 6);
      numbers.forEach((number, at) => bytes.writeUInt32LE(number, 8 + 4 * at));
      [...times, ...behind].forEach((time, at) => bytes.writeBigUInt64LE(time, 32 + 8 * at));
      return bytes;
    });

  const toWords = (bytes: Buffer): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer);

  test('hold any records, byte for byte, those of types that are not known too', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 30 }), (records) => {
        const bytes = Buffer.concat(records);
        expect(unpack(new Packer().pack(toWords(bytes))).equals(bytes)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('of calls take few bytes, before they are compressed', () => {
    const reads = Array.from({ length: 500 }, (_, tree) =>
      recordsOf(read, { tree, startNs: 0 }),
    ).flat();
    expect(
      new Packer().pack(toWords(Buffer.from(encode(reads)))).length / reads.length,
    ).toBeLessThan(15);
  });

  test('that end too early, or go on too long, are refused', () => {
    const packed = new Packer().pack(toWords(Buffer.from(encode(mixed))));
    for (let length = 0; length < packed.length; length++)
      expect(() => unpack(packed.subarray(0, length))).toThrow(RangeError);
  });
});

describe('a recording', () => {
  test('is read in pieces of whatever size', async () => {
    const bytes = record(valued, manyValued);
    const expected = Buffer.from(encode(manyValued));
    for (const size of [1, 19, 20, 21, 4096, bytes.length])
      expect(recordsIn(await partsOf(bytes, size)).equals(expected)).toBe(true);
  });

  test('of many records is of many blocks', async () => {
    const reads = Array.from({ length: 3000 }, (_, tree) => recordsOf(read, { tree })).flat();
    const parts = await partsOf(record(bare, reads, 1000));
    expect(parts.map(({ type }) => type)).toEqual([
      ...['opening', 'records', 'records', 'records', 'ending'],
    ]);
    expect(recordsIn(parts).equals(encode(reads))).toBe(true);
  });

  test('has all that its functions are shown by, and nothing of the kernel that ran', async () => {
    const [first] = await partsOf(record(valued, []));
    if (first?.type !== 'opening') throw new Error('no opening');
    expect(first.attached).toEqual(attached);
    const known = valued.functions.map((planned) => ({
      ...planned,
      ...{ btfId: 0, program: null },
      parameters: planned.parameters.map((parameter) => ({ ...parameter, typeId: 0 })),
    }));
    expect(first.opening).toEqual({ ...valued, functions: known });
  });

  test('may have blocks that are not known yet', async () => {
    const bytes = record(bare, mixed);
    const start = record(bare, []).length - printEnding().length;
    const unknown = printBlock(77, Buffer.from('of later'));
    const parts = await partsOf(
      Buffer.concat([bytes.subarray(0, start), unknown, bytes.subarray(start)]),
    );
    expect(parts.map(({ type }) => type)).toEqual(['opening', 'records', 'ending']);
  });

  test('carries records of types that are not known yet', async () => {
    const mark = makeRecord({ type: 9 as typeof recordType.call, depth: 3 });
    const parts = await partsOf(record(bare, [...mixed, mark]));
    expect(recordsIn(parts).equals(encode([...mixed, mark]))).toBe(true);
  });
});

describe('damage', () => {
  const reads = Array.from({ length: 2400 }, (_, tree) => recordsOf(read, { tree })).flat();
  const whole = record(bare, reads, 500);
  const wholeRecords = Buffer.from(encode(reads));

  /** What can be read must be what was written first, and the rest be told as damage. */
  async function expectHonest(bytes: Buffer): Promise<void> {
    const parts = await partsOf(bytes, 64 * 1024);
    const found = recordsIn(parts);
    expect(wholeRecords.subarray(0, found.length).equals(found)).toBe(true);
    expect(parts.filter(({ type }) => type === 'damage')).toEqual([parts.at(-1)]);
  }

  test('a recording that is cut anywhere is read up to its last whole block', async () => {
    for (let length = 0; length < whole.length; length += 1000)
      await expectHonest(whole.subarray(0, length));
    for (let length = whole.length - 100; length < whole.length; length++)
      await expectHonest(whole.subarray(0, length));
  });

  test('bytes that are not what they were are found, and what is before them is read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const bytes = Buffer.from(whole);
          bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at);
          await expectHonest(bytes);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('anything at all is no recording', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const parts = await partsOf(bytes);
        expect(parts).toMatchObject([{ type: 'damage', at: 0 }]);
      }),
    );
  });
});
