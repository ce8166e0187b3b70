/** Recordings, printed: as the trace was, up to what is damaged. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode } from '../src/events/encode.js';
import type { CallRecord } from '../src/events/record.js';
import { Failure } from '../src/failure.js';
import { Printer, type PrinterOptions } from '../src/tracing/printer.js';
import type { Opening } from '../src/recording/opening.js';
import { replay } from '../src/recorded/replay.js';
import { lone, marked, mixed, read, treesOf } from './fixtures/reads.js';
import { recordsOf } from './fixtures/records.js';
import {
  attached,
  bare,
  ending,
  marksAlone,
  partsOf,
  printEnding,
  record,
  recordsIn,
  withMarks,
} from './fixtures/recordings.js';
import { addresses, manyValued, opening as valued } from './fixtures/values.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-recording-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const plain: PrinterOptions = {
  format: 'text',
  style: 'tree',
  live: false,
  width: null,
  color: false,
  limitEvents: null,
  verbose: true,
  onNote: () => undefined,
};

interface Printed {
  readonly text: string;
  readonly notes: string;
}

/** What a trace of these records prints. */
async function trace(
  opening: Opening,
  records: readonly CallRecord[],
  options: Partial<PrinterOptions>,
): Promise<Printed> {
  let text = '';
  let notes = '';
  const parts = {
    ...{ opening, addresses, refused: [] },
    write: (more: string | Uint8Array) => {
      text += more.toString();
      return Promise.resolve();
    },
    onLimit: () => undefined,
  };
  const onNote = (note: string) => (notes += note);
  const limitEvents = opening.limitEvents;
  const printer = new Printer(parts, { ...plain, limitEvents, ...options, onNote });
  await printer.start(attached);
  await printer.take(encode(records));
  await printer.end(ending);
  return { text, notes };
}

/** What `fsnoop tree` prints of a file with these bytes. */
async function print(bytes: Uint8Array, options: Partial<PrinterOptions>): Promise<Printed> {
  const path = join(folder, 'recording');
  const output = join(folder, 'printed');
  writeFileSync(path, bytes);
  let notes = '';
  const onNote = (note: string) => (notes += note);
  await replay({ ...plain, ...options, onNote, path, output });
  return { text: readFileSync(output, 'utf8'), notes };
}

/** As users see it: the error and what to try. */
async function complaint(
  bytes: Uint8Array,
  options: Partial<PrinterOptions> = {},
): Promise<string> {
  const error = await print(bytes, options).then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw error as Error;
  return [`exit ${error.oclif.exit}`, error.message, ...error.suggestions]
    .join('\n')
    .replaceAll(folder, '/tmp/folder');
}

describe('what is printed of a recording is what trace prints', () => {
  const looks: [string, Partial<PrinterOptions>][] = [
    ['trees', {}],
    [
      'trees in colour, cut to a terminal, with prototypes',
      { color: true, width: 60, prototypes: true },
    ],
    ["ftrace's style", { style: 'ftrace' }],
    ['arrows', { style: 'arrows' }],
    ['JSON lines', { format: 'json' }],
  ];
  const traces: [string, Opening, readonly CallRecord[]][] = [
    ['calls without values', bare, mixed],
    ['tracepoints and time off the CPU', { ...withMarks, cpuTime: true }, marked],
    ['tracepoints alone', marksAlone, lone],
    ['one line a call', { ...bare, graph: false }, mixed],
    ['arguments, strings, structs, outputs and stacks', valued, manyValued],
    ['as manyValued trees as were asked for', { ...valued, limitEvents: 4 }, manyValued],
    ['as manyValued lines', { ...valued, limitEvents: 5, graph: false }, manyValued],
    [
      'trees of which it was learnt what is in them',
      {
        ...bare,
        learnt: {
          ...({ type: 'learnt', version: 1, kernel: '7.2.13' } as const),
          ...{ roots: ['vfs_read'], maxDepth: 5, calls: 1, lost: 0, functions: ['read_zero'] },
        },
      },
      mixed,
    ],
  ];
  const cases = traces.flatMap(([name, opening, records]) =>
    looks.map(([look, options]) => [name, look, opening, records, options] as const),
  );

  test.each(cases)('%s, as %s', async (_name, _look, opening, records, options) => {
    const expected = await trace(opening, records, options);
    const printed = await print(record(opening, records), options);
    expect(printed.text).toBe(expected.text);
    const refused = 'Left out: x (variadic).\n';
    expect(printed.notes).toBe(options.format === 'json' ? '' : refused + expected.notes);
  });

  test('live', async () => {
    const opening = { ...valued, live: true };
    for (const options of [
      { live: true, style: 'arrows' },
      { live: true, format: 'json' },
    ] as const) {
      const expected = await trace(opening, manyValued, options);
      expect((await print(record(opening, manyValued), options)).text).toBe(expected.text);
    }
  });

  test('with names of addresses, as the kernel had them', async () => {
    const { text } = await print(record(valued, manyValued), { format: 'json' });
    // of a return address, the symbol of the byte before it
    expect(text).toContain(
      '"stack":["ksys_read+0x5","read_iter_zero+0x1000","0xffffffffc0000010"]',
    );
    expect(text).toContain(
      '"type":"filldir_t","value":"0xffffffff81002001","symbol":"read_iter_zero"',
    );
  });
});

test('--live is refused where no entries were recorded', async () => {
  await expect(print(record(bare, mixed), { live: true, style: 'arrows' })).rejects.toThrow(
    'tells no entries of calls',
  );
});

describe('no more trees are printed than are asked for, and what was lost in all', () => {
  const limits = [1, 2, treesOf(mixed).length];

  test.each(limits)('%d, as text', async (limitEvents) => {
    const options = { limitEvents, verbose: false };
    const { text, notes } = await print(record(bare, mixed), options);
    expect(text.match(/^[\w?]+ · /gm)).toHaveLength(limitEvents);
    expect(notes).toMatch(new RegExp(`\\n${limitEvents} trees?, .*\\nLost 4 records: ring 3 `));
    expect(notes).toBe(`Left out: x (variadic).\n${(await trace(bare, mixed, options)).notes}`);
  });

  test.each(limits)('%d, as JSON', async (limitEvents) => {
    const options: Partial<PrinterOptions> = { limitEvents, format: 'json' };
    const { text } = await print(record(bare, mixed), options);
    expect(text).toBe((await trace(bare, mixed, options)).text);
    expect(JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      ...{ type: 'summary', trees: limitEvents, lost: ending.losses },
    });
  });
});

describe('of a damaged recording', () => {
  const reads = Array.from({ length: 2400 }, (_, tree) => recordsOf(read, { tree })).flat();
  const whole = record(bare, reads, 500);

  test('trees are printed up to it, and then it is told', async () => {
    const blocks = (await partsOf(whole)).filter(({ type }) => type === 'records');
    expect(blocks.length).toBeGreaterThan(1);
    const cut = whole.subarray(0, whole.length - printEnding().length - 10);
    expect(await complaint(cut)).toMatch(
      /^exit 1\n\/tmp\/folder\/recording is cut off at byte \d+: fsnoop was killed while it recorded, or not all was copied\./,
    );
    const printed = readFileSync(join(folder, 'printed'), 'utf8');
    expect(printed.match(/^vfs_read · /gm)?.length).toBeGreaterThan(500);
  });

  test('a recording without its ending is cut off, though its blocks are whole', async () => {
    const cut = whole.subarray(0, whole.length - printEnding().length);
    expect(await complaint(cut)).toContain(`is cut off at byte ${cut.length}: `);
    expect(recordsIn(await partsOf(cut)).equals(encode(reads))).toBe(true);
  });

  test('what is behind the end is not shown, and told when all else is', async () => {
    const two = Buffer.concat([record(bare, mixed), whole]);
    const at = two.length - whole.length;
    expect(await complaint(two, { format: 'json' })).toBe(
      `\
exit 1
/tmp/folder/recording goes on behind the end of its recording, at byte ${at}: only what is before is shown.
If another recording follows, read it by itself: tail -c +${at + 1} FILE | fsnoop tree -`,
    );
    const { text } = await trace(bare, mixed, { format: 'json' });
    expect(readFileSync(join(folder, 'printed'), 'utf8')).toBe(text);
  });

  test('a byte that is wrong', async () => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt8(bytes.readUInt8(whole.length - 100) ^ 1, whole.length - 100);
    expect(await complaint(bytes)).toMatch(
      /is damaged: what byte \d+ begins is not what was written \(checksum\)\.\nWhat was recorded before is shown;/,
    );
  });

  test('a newer version', async () => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
    expect(await complaint(bytes)).toBe(
      `\
exit 2
/tmp/folder/recording was recorded by a newer version of fsnoop.
Read it with that version, or with a later one`,
    );
  });

  test('another file, or an empty one', async () => {
    for (const text of ['', 'vfs_read · cat 101:101'])
      expect(await complaint(Buffer.from(text))).toBe(
        `\
exit 2
/tmp/folder/recording is no recording of fsnoop.
Make a recording with: fsnoop record -k vfs_read -o FILE`,
      );
  });
});
