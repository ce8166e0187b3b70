/** Exports, read as the programs that they are for read them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exportRecording, formats, type Format } from '../src/recorded/export.js';
import { recordType, type CallRecord } from '../src/events/record.js';
import type { Opening } from '../src/recording/opening.js';
import { replay } from '../src/recorded/replay.js';
import { functions, lone, marked, mixed, read } from './fixtures/reads.js';
import { makeRecord, recordsOf } from './fixtures/records.js';
import {
  bare as recorded,
  marksAlone,
  printEnding,
  record,
  withMarks,
} from './fixtures/recordings.js';
import { manyValued, opening as valued } from './fixtures/values.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-export-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What the file has that `fsnoop export` writes. */
async function exportBytes(
  to: Format,
  bytes: Uint8Array,
  onNote: (text: string) => void = () => undefined,
): Promise<Buffer> {
  const path = join(folder, 'recording');
  const output = join(folder, 'exported');
  writeFileSync(path, bytes);
  await exportRecording({ path, to, output, onNote });
  return readFileSync(output);
}

const exportText = async (
  to: Format,
  opening: Opening,
  records: readonly CallRecord[],
): Promise<string> => (await exportBytes(to, record(opening, records))).toString();

/** Formats that have all calls of any recording. */
const ofAllCalls = formats.filter((to) => to !== 'off-cpu');

const bare: Opening = { ...recorded, epochNs: 0n };
const timed: Opening = { ...bare, cpuTime: true };

/** A task that chooses a name to break out of a format, in a module that does the same. */
const hostile = '"</sc;\n,';
const hostileOpening: Opening = {
  ...bare,
  functions: functions.map((planned) => ({ ...planned, module: '</script><b>"\';,\n' })),
};
const hostileRecords = recordsOf(read, { comm: hostile });

describe('folded stacks', () => {
  /** As flamegraph.pl parses a line, and no other line. */
  function parse(text: string): Map<string, number> {
    const stacks = new Map<string, number>();
    for (const line of text.trimEnd().split('\n')) {
      const [, stack, count] = /^([^\s;]+(?:;[^\s;]+)*) (\d+)$/.exec(line) ?? [];
      if (stack === undefined || stacks.has(stack)) throw new Error(`no folded stack: ${line}`);
      stacks.set(stack, Number(count));
    }
    return stacks;
  }

  test('are weighted by self time, each once', async () => {
    const twice = [...recordsOf(read), ...recordsOf(read, { tree: 2, tid: 102 })];
    expect(Object.fromEntries(parse(await exportText('folded', bare, twice)))).toEqual({
      'cat;vfs_read': 2 * 1118,
      'cat;vfs_read;rw_verify_area': 2 * 720,
      'cat;vfs_read;rw_verify_area;security_file_permission': 2 * 480,
      'cat;vfs_read;read_zero': 2 * 420,
    });
  });

  test('of the time off the CPU have that where tasks left it', async () => {
    const away = (depth: number, startNs: number, durationNs: number) =>
      makeRecord({ type: recordType.away, depth, startNs, durationNs });
    // in vfs_read, and in what it calls
    const records = [away(1, 1001, 20), away(2, 1650, 100), ...recordsOf(read)];
    expect(Object.fromEntries(parse(await exportText('off-cpu', timed, records)))).toEqual({
      'cat;vfs_read': 20,
      'cat;vfs_read;rw_verify_area;security_file_permission': 100,
    });
    await expect(exportText('off-cpu', bare, recordsOf(read))).rejects.toThrow('--to off-cpu: ');
  });

  test('have no name that could be taken for two', async () => {
    const stacks = parse(await exportText('folded', hostileOpening, hostileRecords));
    expect([...stacks.keys()].every((stack) => stack.startsWith('"</sc_?,;vfs_read'))).toBe(true);
  });
});

describe('CSV', () => {
  /** Strictly by RFC 4180. */
  function parse(text: string): string[][] {
    const rows: string[][] = [];
    const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
    let row: string[] = [];
    while (cell.lastIndex < text.length) {
      const at = cell.lastIndex;
      const [, quoted, plain, end] = cell.exec(text) ?? [];
      if (end === undefined) throw new Error(`no cell at ${at}: ${text.slice(at, at + 40)}`);
      row.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
      if (end === ',') continue;
      rows.push(row);
      row = [];
    }
    return rows;
  }

  const toObjects = ([head = [], ...rows]: string[][]) =>
    rows.map((row) => {
      expect(row).toHaveLength(head.length);
      return Object.fromEntries(head.map((name, at) => [name, row[at]]));
    });

  test('has a row a call, in the order in which they began', async () => {
    const rows = toObjects(parse(await exportText('csv', bare, recordsOf(read))));
    expect(rows.map((row) => `${row['depth']} ${row['function']} ${row['self_ns']}`)).toEqual([
      '0 vfs_read 1118',
      '1 rw_verify_area 720',
      '2 security_file_permission 480',
      '1 read_zero 420',
    ]);
    expect(rows[0]).toMatchObject({
      ...{ tree: '1', pid: '101', tid: '101', comm: 'cat', cpu: '0', start_ns: '1000' },
      ...{ duration_ns: '2738', module: '', status: 'returned', returned: '131072', errno: '' },
    });
  });

  test('has no times of calls that did not return, and names errors', async () => {
    const rows = toObjects(parse(await exportText('csv', bare, mixed)));
    expect(rows.filter(({ status }) => status === 'open')).toMatchObject([
      { function: 'vfs_read', duration_ns: '', returned: '' },
      { function: 'read_zero', duration_ns: '', returned: '' },
    ]);
    expect(rows.filter(({ errno }) => errno === 'ENOENT')).not.toEqual([]);
  });

  test('quotes what would part cells', async () => {
    const rows = toObjects(parse(await exportText('csv', hostileOpening, hostileRecords)));
    expect(rows).toHaveLength(4);
    expect(rows[0]).toMatchObject({ comm: hostile, module: '</script><b>"\';,\n' });
    const calls = toObjects(parse(await exportText('csv', valued, manyValued)));
    expect(calls[0]?.['arguments']).toContain('buf="line x\\n", mode=MODE_READ');
    expect(calls[0]?.['outputs']).toContain('pos = 1');
  });
});

interface ChromeEvent {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, unknown>>;
}

describe("Chrome's Trace Event Format", () => {
  /** Complete events of a thread must nest: Chrome draws nonsense of those that overlap in part. */
  function parse(text: string): ChromeEvent[] {
    const { traceEvents } = JSON.parse(text) as { readonly traceEvents: ChromeEvent[] };
    const ends = new Map<number, number[]>();
    for (const { ph, ts, dur, tid } of traceEvents) {
      expect(['X', 'M', 'i']).toContain(ph);
      if (ph !== 'X') continue;
      const open = ends.get(tid) ?? [];
      ends.set(tid, open);
      while (open.length > 0 && (open.at(-1) ?? 0) <= ts) open.pop();
      if (open.length > 0) expect(ts + dur).toBeLessThanOrEqual((open.at(-1) ?? 0) + 1e-9);
      open.push(ts + dur);
    }
    return traceEvents;
  }

  test('has a complete event a call, in microseconds, and names of tasks', async () => {
    const [process, thread, first, ...others] = parse(
      await exportText('chrome', bare, recordsOf(read)),
    );
    expect(process).toEqual({
      ...{ name: 'process_name', ph: 'M', pid: 101, tid: 101 },
      args: { name: 'cat' },
    });
    expect(thread).toMatchObject({ name: 'thread_name', args: { name: 'cat' } });
    expect(first).toEqual({
      ...{ name: 'vfs_read', cat: 'call', ph: 'X', ts: 1, dur: 2.738, pid: 101, tid: 101 },
      args: { cpu: 0, selfNs: 1118, returned: '131072' },
    });
    expect(others.map(({ name }) => name)).toEqual([
      ...['rw_verify_area', 'security_file_permission', 'read_zero'],
    ]);
  });

  test('nests, with losses and open calls too, and tells arguments', async () => {
    const lossy = [...mixed, ...recordsOf(read, { tree: 7, tid: 107 }).slice(2)];
    const events = parse(await exportText('chrome', bare, lossy));
    expect(events.some(({ name, ph }) => ph === 'i' && name === '2 calls lost')).toBe(true);
    const called = parse(await exportText('chrome', valued, manyValued));
    const call = called.find(({ name }) => name === 'vfs_read');
    expect(call?.args['arguments']).toContain('mode=MODE_READ');
    expect(call?.args['pos']).toBe('1');
  });

  test('is JSON, whatever the names are', async () => {
    const events = parse(await exportText('chrome', hostileOpening, hostileRecords));
    expect(events[0]?.args).toEqual({ name: '"</sc;?,' });
    expect(events[2]?.name).toBe('vfs_read [</script><b>"\';,\n]');
  });
});

interface Profile {
  readonly type: string;
  readonly name: string;
  readonly unit: string;
  readonly startValue: number;
  readonly endValue: number;
  readonly events: readonly {
    readonly type: 'O' | 'C';
    readonly frame: number;
    readonly at: number;
  }[];
}

describe("speedscope's file format", () => {
  interface File {
    readonly $schema: string;
    readonly shared: { readonly frames: readonly { readonly name: string }[] };
    readonly profiles: readonly Profile[];
  }

  /** As speedscope's importer does: what it refuses throws. Returns the self time of each stack. */
  function weigh({ events, startValue, endValue }: Profile, frames: File['shared']['frames']) {
    const stack: number[] = [];
    const weights = new Map<string, number>();
    let last = startValue;
    for (const { type, frame, at } of events) {
      if (at < last) throw new Error(`time goes back from ${last} to ${at}`);
      const key = stack.map((place) => frames[place]?.name).join(';');
      if (stack.length > 0) weights.set(key, (weights.get(key) ?? 0) + at - last);
      last = at;
      if (type === 'O') stack.push(frame);
      else if (stack.pop() !== frame) throw new Error(`${frame} closes what is not open`);
      if (frames[frame] === undefined) throw new Error(`there is no frame ${frame}`);
    }
    if (stack.length > 0 || last !== endValue) throw new Error('it does not end where it should');
    return weights;
  }

  const parse = (text: string) => JSON.parse(text) as File;

  test('weighs each stack as folded stacks do', async () => {
    const { $schema, shared, profiles } = parse(
      await exportText('speedscope', bare, recordsOf(read)),
    );
    expect($schema).toBe('https://www.speedscope.app/file-format-schema.json');
    expect(profiles).toMatchObject([{ type: 'evented', name: 'cat 101', unit: 'nanoseconds' }]);
    const [profile] = profiles;
    if (profile === undefined) throw new Error('no profile');
    const weights = weigh(profile, shared.frames);
    expect(weights.get('vfs_read')).toBe(1118);
    expect(weights.get('vfs_read;rw_verify_area;security_file_permission')).toBe(480);
  });

  test('is balanced, and time goes on, with losses and open calls too', async () => {
    for (const [opening, records] of [
      [bare, mixed],
      [valued, manyValued],
    ] as const) {
      const { shared, profiles } = parse(await exportText('speedscope', opening, records));
      expect(new Set(profiles.map(({ name }) => name)).size).toBe(profiles.length);
      for (const profile of profiles) expect(weigh(profile, shared.frames).size).toBeGreaterThan(0);
    }
  });

  test('is JSON, whatever the names are', async () => {
    const { shared, profiles } = parse(
      await exportText('speedscope', hostileOpening, hostileRecords),
    );
    expect(shared.frames[0]).toEqual({ name: 'vfs_read [</script><b>"\';,\n]' });
    expect(profiles[0]?.name).toBe('"</sc;?, 101');
  });
});

describe("Perfetto's trace", () => {
  const definitions = fileURLToPath(new URL('fixtures/perfetto.proto', import.meta.url));

  interface Packet {
    readonly timestamp?: string;
    readonly internedData?: {
      readonly eventNames: readonly { readonly iid: string; readonly name: string }[];
    };
    readonly trackDescriptor?: {
      readonly uuid: string;
      readonly parentUuid?: string;
      readonly process?: { readonly pid: number; readonly processName: string };
      readonly thread?: { readonly pid: number; readonly tid: number; readonly threadName: string };
    };
    readonly trackEvent?: {
      readonly type: string;
      readonly trackUuid: string;
      readonly nameIid?: string;
      readonly name?: string;
      readonly debugAnnotations?: readonly {
        readonly name: string;
        readonly stringValue?: string;
        readonly intValue?: string;
      }[];
    };
  }

  /** As trace_processor does: each track's slices nest, and what is named was named before. */
  async function decode(bytes: Buffer): Promise<readonly Packet[]> {
    const root = await protobuf.load(definitions);
    const type = root.lookupType('perfetto.protos.Trace');
    const { packet: packets } = type.toObject(type.decode(bytes), {
      longs: String,
      enums: String,
    }) as { readonly packet: readonly Packet[] };
    const tracks = new Set<string>();
    const open = new Map<string, number>();
    const times = new Map<string, bigint>();
    for (const { trackDescriptor, trackEvent, timestamp = '0' } of packets) {
      if (trackDescriptor !== undefined) tracks.add(trackDescriptor.uuid);
      if (trackEvent === undefined) continue;
      const { trackUuid, type: eventType } = trackEvent;
      expect(tracks).toContain(trackUuid);
      expect(BigInt(timestamp)).toBeGreaterThanOrEqual(times.get(trackUuid) ?? 0n);
      times.set(trackUuid, BigInt(timestamp));
      const step = { TYPE_SLICE_BEGIN: 1, TYPE_SLICE_END: -1, TYPE_INSTANT: 0 }[eventType];
      open.set(trackUuid, (open.get(trackUuid) ?? 0) + (step ?? NaN));
      expect(open.get(trackUuid)).toBeGreaterThanOrEqual(0);
    }
    for (const left of open.values()) expect(left).toBe(0);
    return packets;
  }

  test('has a track for each task, with a slice for each call', async () => {
    const packets = await decode(await exportBytes('perfetto', record(bare, recordsOf(read))));
    const names = new Map(packets[0]?.internedData?.eventNames.map(({ iid, name }) => [iid, name]));
    expect(packets[1]?.trackDescriptor?.process).toEqual({ pid: 101, processName: 'cat' });
    expect(packets[2]?.trackDescriptor?.thread).toEqual({
      ...{ pid: 101, tid: 101 },
      threadName: 'cat',
    });
    expect(packets[2]?.trackDescriptor?.parentUuid).toBe(packets[1]?.trackDescriptor?.uuid);
    const events = packets.flatMap(({ trackEvent, timestamp }) =>
      trackEvent === undefined
        ? []
        : [`${timestamp ?? ''} ${names.get(trackEvent.nameIid ?? '') ?? 'end'}`],
    );
    expect(events).toEqual([
      ...['1000 vfs_read', '1100 rw_verify_area', '1500 security_file_permission', '1980 end'],
      ...['2300 end', '3000 read_zero', '3420 end', '3738 end'],
    ]);
  });

  test('has tracepoints that are in no tree as points of their tasks’ tracks', async () => {
    const opening = { ...marksAlone, epochNs: 0n };
    const packets = await decode(await exportBytes('perfetto', record(opening, lone)));
    const events = packets.flatMap(({ trackEvent, timestamp }) =>
      trackEvent === undefined ? [] : [`${timestamp ?? ''} ${trackEvent.type}`],
    );
    expect(events).toEqual(['1600 TYPE_INSTANT', '2700 TYPE_INSTANT']);
    const threads = packets.flatMap(({ trackDescriptor }) => trackDescriptor?.thread ?? []);
    expect(threads.map(({ threadName }) => threadName)).toEqual(['cat', 'dd']);
  });

  test('is balanced with losses and open calls too, and tells what calls took and returned', async () => {
    await decode(await exportBytes('perfetto', record(bare, mixed)));
    const packets = await decode(await exportBytes('perfetto', record(valued, manyValued)));
    const first = packets.find(({ trackEvent }) => trackEvent !== undefined)?.trackEvent;
    const told = Object.fromEntries(
      (first?.debugAnnotations ?? []).map(({ name, stringValue, intValue }) => [
        name,
        stringValue ?? intValue,
      ]),
    );
    expect(told).toMatchObject({ cpu: '1', returned: '4096', pos: '1' });
    expect(told['arguments']).toContain('mode=MODE_READ');
  });
});

describe('the page', () => {
  /** The data as its script finds them. */
  function dataOf(page: string): unknown {
    const [, data = ''] =
      /<script type="application\/json" id="trace">([^<]*)<\/script>/.exec(page) ?? [];
    return JSON.parse(data);
  }

  test('has all calls with what is told of them', async () => {
    expect(dataOf(await exportText('html', bare, recordsOf(read)))).toMatchObject({
      kernel: '7.2.13',
      command: ['cat', '/etc/hostname'],
      trees: [
        {
          ...{ pid: 101, tid: 101, comm: 'cat', lost: 0 },
          calls: [
            [0, 0, 1000, 2738, 1118, 0, 0, '131072', '', ''],
            [1, 1, 1100, 1200, 720, 0, 0, '0', '', ''],
            [2, 2, 1500, 480, 480, 0, 0, '0', '', ''],
            [1, 3, 3000, 420, 420, 0, 0, '131072', '', ''],
          ],
        },
      ],
    });
  });

  test('needs nothing else, and is not to get anything', async () => {
    const page = await exportText('html', valued, manyValued);
    expect(page).toContain("default-src 'none'");
    expect(page).not.toMatch(/(?:src|href)\s*=|@import|url\(|fetch\(|https?:/);
  });

  test('has no name that ends its script', async () => {
    const page = await exportText('html', hostileOpening, hostileRecords);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(dataOf(page)).toMatchObject({ trees: [{ comm: '"</sc;?,' }] });
  });

  test('has a script that can be compiled', async () => {
    const page = await exportText('html', bare, mixed);
    const [, script = ''] = /<script>([^]*)<\/script>/.exec(page) ?? [];
    expect(() => runInNewContext(`() => {${script}}`) as unknown).not.toThrow();
    expect(script).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write/);
  });
});

test('tracepoints are points in time, where the format has such', async () => {
  const opening = { ...withMarks, epochNs: 0n };
  const chrome = JSON.parse(await exportText('chrome', opening, marked)) as {
    readonly traceEvents: readonly ChromeEvent[];
  };
  expect(chrome.traceEvents.find(({ ph }) => ph === 'i')).toMatchObject({
    ...{ name: 'jbd2_handle_start [jbd2]', ts: 1.6 },
  });
  expect(await exportText('csv', opening, marked)).toContain(
    '\r\n1,3,101,101,cat,0,1600,,,jbd2_handle_start,jbd2,mark,,,,\r\n',
  );
  expect(await exportText('html', opening, marked)).toContain('[3,7,1600,null,null,0,0,"","",""]');
  expect(await exportText('folded', opening, marked)).not.toContain('jbd2');
});

test('the time off the CPU is told where it was asked for', async () => {
  const away = makeRecord({ type: recordType.away, depth: 1, startNs: 1001, durationNs: 1500 });
  const records = [away, ...recordsOf(read)];
  const [head = '', first = ''] = (await exportText('csv', timed, records)).split('\r\n');
  expect([head, first].map((row) => row.split(',').at(-1))).toEqual(['off_cpu_ns', '1500']);
  expect(await exportText('csv', bare, recordsOf(read))).not.toContain('off_cpu');
  expect(await exportText('chrome', timed, records)).toContain('"off CPU":"1.50 µs"');
  expect(await exportText('html', timed, records)).toContain('off CPU = 1.50 µs');
});

describe('tracepoints that are in no tree', () => {
  const opening = { ...marksAlone, epochNs: 0n };

  test('are points in time of their tasks', async () => {
    const { traceEvents } = JSON.parse(await exportText('chrome', opening, lone)) as {
      readonly traceEvents: readonly ChromeEvent[];
    };
    const named = { name: 'jbd2_handle_start [jbd2]', ph: 'i' };
    expect(traceEvents.filter(({ ph }) => ph !== 'M')).toMatchObject([
      { ...named, ts: 1.6, tid: 101 },
      { ...named, ts: 2.7, tid: 102 },
    ]);
    expect(traceEvents.map(({ args }) => args['name'])).toContain('dd');
  });

  test('are rows', async () => {
    const [, ...rows] = (await exportText('csv', opening, lone)).split('\r\n');
    expect(rows).toEqual([
      ',,101,101,cat,0,1600,,,jbd2_handle_start,jbd2,mark,,,,',
      ',,102,102,dd,1,2700,,,jbd2_handle_start,jbd2,mark,,,,',
      '',
    ]);
  });

  test.each(ofAllCalls)(
    'are in what is made for %s, or it is told that they are not',
    async (to) => {
      let notes = '';
      const bytes = record(opening, lone);
      const exported = await exportBytes(to, bytes, (text) => (notes += text));
      const untold = `2 hits of tracepoints are left out: ${to} has no place for what is in no call.\n`;
      const isPlaceless = ['speedscope', 'folded', 'html'].includes(to);
      expect(notes.includes(untold)).toBe(isPlaceless);
      if (to !== 'json') expect(notes).toContain('2 hits.\n');
      if (!isPlaceless) expect(exported.toString()).toContain('jbd2_handle_start');
    },
  );
});

test('JSON lines are those of fsnoop tree', async () => {
  const output = join(folder, 'tree');
  const exported = await exportText('json', valued, manyValued);
  await replay({
    ...({ format: 'json', style: 'tree', live: false, width: null, color: false } as const),
    ...{ limitEvents: null, verbose: false, onNote: () => undefined },
    ...{ path: join(folder, 'recording'), output },
  });
  expect(exported).toBe(readFileSync(output, 'utf8'));
});

test.each(ofAllCalls)(
  'of a damaged recording, %s has what is before the damage, and ends well',
  async (to) => {
    const reads = Array.from({ length: 2400 }, (_, tree) => recordsOf(read, { tree })).flat();
    const whole = record(bare, reads, 500);
    await expect(
      exportBytes(to, whole.subarray(0, whole.length - printEnding().length)),
    ).rejects.toThrow('is cut off at byte');
    const exported = readFileSync(join(folder, 'exported'));
    expect(exported.length).toBeGreaterThan(to === 'folded' ? 100 : 10_000);
    if (to === 'chrome' || to === 'speedscope') JSON.parse(exported.toString());
    if (to === 'html') expect(exported.toString().trimEnd().endsWith('</html>')).toBe(true);
  },
);
