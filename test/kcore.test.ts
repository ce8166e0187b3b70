/** The kernel's memory as a core file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../src/failure.js';
import { openKcore, parseCoreHeaders, parseNotes } from '../src/symbols/kcore.js';

const note = 4;
const memory = 1;

/** `[type, offset, address, bytes]` of each program header; what is behind them. */
function makeCore(headers: readonly [number, bigint, bigint, bigint][], contents = ''): Buffer {
  const head = Buffer.alloc(64 + headers.length * 56);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(headers.length, 56);
  for (const [place, [type, offset, address, bytes]] of headers.entries()) {
    const at = 64 + place * 56;
    head.writeUInt32LE(type, at);
    head.writeBigUInt64LE(offset, at + 8);
    head.writeBigUInt64LE(address, at + 16);
    head.writeBigUInt64LE(bytes, at + 32);
  }
  return Buffer.concat([head, Buffer.from(contents, 'latin1')]);
}

function makeNote(name: string, type: number, contents: string): Buffer {
  const padded = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '\0');
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(contents.length, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, Buffer.from(padded(`${name}\0`) + padded(contents), 'latin1')]);
}

const text = 0xffffffff81000000n;

describe('program headers', () => {
  test('of Linux 7.2: notes, and memory in the order of its addresses', () => {
    const core = makeCore([
      [note, 0x200n, 0n, 0x31b8n],
      [memory, 0xffffffa0e04000n, 0xffffffffa0e00000n, 0x3230000n],
      [memory, 0x69b74240004000n, 0xff69b74240000000n, 0x31ffffffffffffn],
    ]);
    expect(parseCoreHeaders(core)).toEqual({
      notes: [{ offset: 0x200, bytes: 0x31b8 }],
      segments: [
        { address: 0xff69b74240000000n, bytes: 0x31ffffffffffffn, offset: 0x69b74240004000n },
        { address: 0xffffffffa0e00000n, bytes: 0x3230000n, offset: 0xffffffa0e04000n },
      ],
    });
  });

  test.each([
    ['of nothing', Buffer.alloc(0), 'no ELF64'],
    ['of another file', Buffer.alloc(4096, 'x'), 'no ELF64'],
    ['of 32 bits', Buffer.from('\x7fELF\x01\x01\x01'.padEnd(64, '\0'), 'latin1'), 'no ELF64'],
    ['cut short', makeCore([[memory, 0n, text, 1n]]).subarray(0, 100), 'cut short'],
  ])('%s are refused', (_, bytes, why) => {
    expect(() => parseCoreHeaders(bytes)).toThrow(why);
  });
});

describe('notes', () => {
  test('have a name, a type and contents', () => {
    const bytes = Buffer.concat([makeNote('CORE', 4, 'abcde'), makeNote('VMCOREINFO', 0, 'A=1\n')]);
    expect(parseNotes(bytes)).toEqual([
      { name: 'CORE', type: 4, contents: Buffer.from('abcde') },
      { name: 'VMCOREINFO', type: 0, contents: Buffer.from('A=1\n') },
    ]);
  });

  test('end where one is cut short', () => {
    const bytes = Buffer.concat([makeNote('CORE', 4, 'abcd'), makeNote('CORE', 4, 'efgh')]);
    expect(parseNotes(bytes.subarray(0, bytes.length - 1)).length).toBe(1);
    expect(parseNotes(bytes.subarray(0, 5))).toEqual([]);
  });
});

describe('a core file', () => {
  let folder = '';
  const write = (name: string, bytes: Buffer) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fsnoop-kcore-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test('is read by address', () => {
    const at = BigInt(makeCore([[memory, 0n, 0n, 0n]]).length);
    using kcore = openKcore(write('core', makeCore([[memory, at, text, 12n]], 'kernel text!')));
    expect(kcore.read(text, 6).toString()).toBe('kernel');
    expect(kcore.read(text + 7n, 5).toString()).toBe('text!');
  });

  test.each([
    [text + 7n, 6],
    [text - 1n, 1],
    [0n, 8],
  ])('does not have what is not in it: %s', (address, bytes) => {
    using kcore = openKcore(write('core', makeCore([[memory, 120n, text, 12n]], 'kernel text!')));
    expect(() => kcore.read(address, bytes)).toThrow(/\/proc\/kcore can't be read \(0x\w+ is not/);
  });

  test('that is shorter than it says is refused', () => {
    using kcore = openKcore(write('core', makeCore([[memory, 120n, text, 99n]], 'kernel text!')));
    expect(() => kcore.read(text, 99)).toThrow(/it ends before 0xffffffff81000000/);
  });

  test.each([
    ['that is not there', () => join(folder, 'none'), 'there is none'],
    ['that is another file', () => write('other', Buffer.from('text')), 'it is no ELF64 file'],
  ])('%s is refused, with what to do instead', (_, path, why) => {
    let failure: unknown;
    try {
      openKcore(path());
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(Failure);
    const { message, suggestions, oclif } = failure as Failure;
    expect(message).toContain(`/proc/kcore can't be read (${why})`);
    expect(suggestions.join('\n')).toMatch(/--fgraph-include.*\n.*lockdown/);
    expect(oclif.exit).toBe(5);
  });
});
