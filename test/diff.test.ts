/** Two runs held against each other, as people and programs get it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diff, type DiffRequest } from '../src/recorded/diff.js';
import { Failure } from '../src/failure.js';
import { report } from '../src/recorded/report.js';
import { parseCondition } from '../src/tree/condition.js';
import { recordsOf, type Sketch } from './fixtures/records.js';
import { bare, ending, printEnding, record } from './fixtures/recordings.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-diff-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const noLosses = { ring: 0, recursion: 0, entry: 0 };

/** So many reads, each a little longer than the one before. */
function readMany(count: number, sketch: (at: number) => Sketch, losses = noLosses): Buffer {
  const records = Array.from({ length: count }, (_, tree) =>
    recordsOf(sketch(tree), { tree, tid: 100 + tree }),
  ).flat();
  return record(bare, records, 500, { ...ending, losses });
}

const verify: Sketch = { function: 1, startNs: 1100, durationNs: 1200 };

const plain = (at: number): Sketch => ({
  ...{ function: 0, startNs: 1000, durationNs: 3000 + at },
  calls: [verify, { function: 3, startNs: 3000, durationNs: 420 }],
});

/** Every tenth waits for something else. */
const waiting = (at: number): Sketch => ({
  ...{ function: 0, startNs: 1000, durationNs: 3000 + at + (at % 10 === 0 ? 500_000 : 0) },
  ...{ returns: at % 4 === 0 ? -11 : 1 },
  calls: [verify, { function: at % 10 === 0 ? 6 : 3, startNs: 3000, durationNs: 420 }],
});

interface Found {
  readonly text: string;
  readonly notes: string;
  readonly status: number;
}

const keep = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

async function compare(
  before: string,
  after: string,
  options: Partial<DiffRequest> & { readonly failOn?: readonly string[] } = {},
): Promise<Found> {
  const { failOn = [], ...others } = options;
  const output = join(folder, 'output');
  let notes = '';
  const status = await diff({
    ...{
      before,
      after,
      output,
      tolerance: 0.05,
      steady: false,
      show: 'significant',
      sort: 'change',
    },
    ...{ top: null, format: 'text', width: null, color: false },
    conditions: failOn.map(parseCondition),
    onNote: (note) => (notes += note),
    ...others,
  });
  return { text: readFileSync(output, 'utf8'), notes: notes.replaceAll(`${folder}/`, ''), status };
}

const objects = ({ text }: Found) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);

let before: string;
let after: string;
let waited: string;
beforeAll(() => {
  before = keep('before', readMany(200, plain));
  after = keep('after', readMany(400, plain));
  waited = keep('waited', readMany(200, waiting));
});

describe('the table', () => {
  test('has what changed', async () => {
    const { text, notes, status } = await compare(before, waited);
    expect(`\n${text}`).toMatchInlineSnapshot(`
      "
      FUNCTION               CALLS                      TOTAL                   P50                    P99            SLOWER  ALSO
      ext4_readpage [ext4]  0 → 20  new     0.00 µs → 8.40 µs           – → 0.42 µs            – → 0.42 µs
      vfs_read                 200       619.90 µs → 10.62 ms  +1,613%      3.10 µs    3.17 µs → 503.19 µs  +15,784%    ~55%  errors 0 → 50, self 295.90 µs → 10.30 ms, mean 3.10 µs → 53.10 µs, max 3.20 µs → 503.19 µs

      new   vfs_read → ext4_readpage [ext4]  20 calls
      "
    `);
    expect(`\n${notes}`).toMatchInlineSnapshot(`
      "
      4 functions compared: 1 changed, 1 new, 0 gone.
      ~ marks what may be none: times up to 5% apart, and what chance explains (p of 0.00025 or more).
      "
    `);
    expect(status).toBe(0);
  });

  test('has all that there is on request', async () => {
    const { text } = await compare(before, after, { show: 'all' });
    expect(`\n${text}`).toMatchInlineSnapshot(`
      "
      FUNCTION            CALLS                           TOTAL                         P50                        P99          SLOWER  ALSO
      vfs_read        200 → 400  +100.0%    619.90 µs → 1.28 ms  +106.5%  3.10 µs → 3.17 µs  ~+2.1%  3.17 µs → 3.40 µs  ~+7.3%    ~75%  self 295.90 µs → 631.80 µs
      read_zero       200 → 400  +100.0%   84.00 µs → 168.00 µs  +100.0%            0.42 µs                    0.42 µs            ~50%  self 84.00 µs → 168.00 µs
      rw_verify_area  200 → 400  +100.0%  240.00 µs → 480.00 µs  +100.0%            1.20 µs                    1.20 µs            ~50%  self 240.00 µs → 480.00 µs
      "
    `);
  });

  test('is nothing where nothing changed', async () => {
    const { text, notes } = await compare(before, keep('again', readMany(200, plain)));
    expect(text).toBe('');
    expect(notes).toContain('3 functions compared: 0 changed, 0 new, 0 gone.');
  });

  test('can be shorter, and is cut to a terminal', async () => {
    const { text } = await compare(before, waited, { top: 1, width: 60, color: true });
    // a head, a function, a blank line and an edge
    expect(text.split('\n')).toHaveLength(5);
    // eslint-disable-next-line no-control-regex
    for (const line of text.replaceAll(/\u001b\[\d+m/g, '').split('\n'))
      expect(line.length).toBeLessThanOrEqual(60);
  });
});

describe('JSON', () => {
  test('has an object a function, an edge and a condition, and a summary', async () => {
    const lines = objects(
      await compare(before, waited, { format: 'json', failOn: ['p99 > +10%', 'new of ext4_*'] }),
    );
    expect(lines.map(({ type }) => type)).toEqual([
      ...['diff', 'diff', 'structure', 'condition', 'condition', 'summary'],
    ]);
    expect(lines.find((line) => line['function'] === 'vfs_read')).toMatchObject({
      ...{ module: null, status: 'both', significant: true },
      calls: { before: 200, after: 200, change: 0, p: 1, significant: false },
      errors: { before: 0, after: 50, change: null, significant: true },
      p99: { before: 3168, significant: true },
      slower: { share: expect.closeTo(0.55, 2) as number },
    });
    expect(lines[2]).toMatchObject({
      ...{ type: 'structure', status: 'new', caller: 'vfs_read', significant: true },
      ...{ callee: 'ext4_readpage [ext4]', calls: 20 },
    });
    expect(lines[3]).toMatchObject({
      ...{ type: 'condition', condition: 'p99 > +10%', functions: 4, unclear: [] },
      holds: [{ function: 'vfs_read', module: null }],
    });
    expect(lines.at(-1)).toMatchObject({
      ...{ functions: 4, changed: 1, new: 1, gone: 0, unknown: 0, tolerance: 0.05 },
      ...{ level: 0.00025, status: 3 },
      lost: { before: { ...noLosses, user: 0 }, after: { ...noLosses, user: 0 } },
    });
  });
});

describe('the exit status', () => {
  const status = async (...of: Parameters<typeof compare>) => (await compare(...of)).status;

  test('is 3 where a condition holds', async () => {
    expect(await status(before, after, { failOn: ['gone', 'calls > +10%'] })).toBe(3);
    const { notes } = await compare(before, after, { failOn: ['calls > +10% of vfs_read'] });
    expect(notes).toMatch(
      /calls > \+10% of vfs_read: holds for 1 of 1 function: vfs_read \(200 → 400, p = \d+e-\d+\)\.\n/,
    );
  });

  test('is 0 where none does', async () => {
    expect(await status(before, after, { failOn: ['calls > +120%', 'p50 > +25%'] })).toBe(0);
  });

  test('is 4 where none does, and something was lost', async () => {
    const lossy = keep('lossy', readMany(200, plain, { ...noLosses, ring: 3 }));
    expect(await status(before, lossy)).toBe(0);
    const { notes, status: failed } = await compare(before, lossy, { failOn: ['calls > +10%'] });
    expect(failed).toBe(4);
    expect(notes).toContain('lossy: Lost 3 records: ring 3.\n');
    expect(notes).toContain('No condition holds; whether one would');
    expect(await status(lossy, after, { failOn: ['calls > +10%'] })).toBe(3);
  });
});

describe('files', () => {
  const makeReport = async (path: string, name: string): Promise<string> => {
    const output = join(folder, name);
    await report({
      ...{ path, output, format: 'json', show: 'functions', sort: 'total', top: null },
      ...{ edges: new Set(), width: null, color: false, onNote: () => undefined },
    });
    return output;
  };

  test('may be what report wrote of a recording', async () => {
    const direct = await compare(before, waited, { show: 'all', format: 'json' });
    const json = [await makeReport(before, 'before.json'), await makeReport(waited, 'after.json')];
    const read = await compare(json[0] ?? '', json[1] ?? '', { show: 'all', format: 'json' });
    expect(objects(read)).toEqual(objects(direct));
    const mixed = await compare(before, json[1] ?? '', { show: 'all', format: 'json' });
    expect(objects(mixed)).toEqual(objects(direct));
  });

  test('tell how fast the machine was', async () => {
    const text = readFileSync(await makeReport(before, 'before.json'), 'utf8');
    const at = (lowestNs: number) => {
      const ticks = JSON.stringify([[lowestNs, 200]]);
      return keep(`at ${lowestNs}`, text.replace(/\}\n$/, `,"ticks":${ticks}}\n`));
    };
    const { notes } = await compare(at(90112), at(180224));
    expect(notes).toContain(
      "The kernel's tick took 91.14 µs before, 182.27 µs after: the machine alone may have made times 2.05 times as long, and up to 1% of calls before and 1% after longer still. ~ marks that, too.\n",
    );
    const back = await compare(at(180224), at(90112));
    expect(back.notes).toContain('may have made times 2.05 times as short, and');
    const json = await compare(at(90112), at(180224), { format: 'json' });
    expect(objects(json).at(-1)).toMatchObject({
      tickNs: { before: 91136, after: 182272 },
      drift: { longer: expect.closeTo(2.05, 2) as number, shorter: 1 },
      slowShare: {
        before: expect.closeTo(0.015, 3) as number,
        after: expect.closeTo(0.015, 3) as number,
      },
    });
    const steady = await compare(at(90112), at(180224), { steady: true });
    expect(steady.notes).not.toContain('tick');
    const unknown = await compare(before, at(90112), { format: 'json' });
    expect(objects(unknown).at(-1)).toMatchObject({
      tickNs: { before: null, after: 91136 },
      drift: { longer: 1, shorter: 1 },
      slowShare: { before: 0, after: 0 },
    });
  });

  const refusal = async (path: string): Promise<string> => {
    const failed = await compare(before, path).catch((error: unknown) => error);
    if (!(failed instanceof Failure)) throw new Error('it was compared');
    return `${failed.oclif.exit}: ${failed.message.replaceAll(`${folder}/`, '')}\n${failed.suggestions.join('\n')}`;
  };

  test('that are no such thing are refused', async () => {
    const whole = readMany(20, plain);
    const cut = keep('cut', whole.subarray(0, whole.length - printEnding().length));
    expect(await refusal(cut)).toMatch(
      /^1: cut is cut off at byte \d+.*\nCopy it again, or record/,
    );
    const newer = Buffer.from(whole);
    newer.writeUInt32LE(2, 8);
    newer.writeUInt32LE(crc32(newer.subarray(0, 12)), 12);
    expect(await refusal(keep('newer', newer))).toMatch(
      /^2: newer was recorded by a newer version/,
    );
    expect(await refusal(keep('text', 'hello\n'))).toMatch(/^2: text is neither a recording/);
    expect(await refusal(join(folder, 'nonesuch'))).toMatch(/^2: nonesuch could not be read/);
    expect(await refusal(folder)).toMatch(/could not be read \(EISDIR\)/);
  });

  test('are to be measured alike', async () => {
    const json = readFileSync(await makeReport(before, 'before.json'), 'utf8');
    const start = (fields: object) =>
      `${JSON.stringify({ type: 'start', version: 1, ...fields })}\n`;
    const instructions = keep('instructions', start({ runs: 5, unit: 'instructions' }) + json);
    expect(await refusal(instructions)).toContain(
      "is of 1 run in ns, instructions of 5 runs in instructions: they can't be compared.",
    );
    const same = compare(instructions, instructions, { failOn: ['calls > +10', 'p50 > +10%'] });
    expect((await same).status).toBe(0);
    const inTime = compare(instructions, instructions, { failOn: ['p50 > +10us'] });
    await expect(inTime).rejects.toThrow(
      "'p50 > +10us': the runs are in instructions, not in time.",
    );
    const { text } = await compare(instructions, instructions, { show: 'all', top: 1 });
    expect(text).toMatch(/^\w+ +200 +[\d,]+ +[\d,]+ +[\d,]+ +~50%$/m);
  });

  test('can not both be standard input', async () => {
    await expect(compare('-', '-')).rejects.toThrow('Standard input can be one of the two only.');
  });
});
