/** bpf/record.h and its mirrors in TypeScript say the same, by the BTF of the object. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  cookieRoot,
  countersBytes,
  countersLayout,
  encodeSettings,
  longestRecordBytes,
  pidLimit,
  recordAlign,
  ringHeadBytes,
  ringMarginBytes,
  ringMaxBytes,
  settingsBytes,
  settingsLayout,
} from '../src/attach/shared.js';
import { commBytes, recordBytes, recordLayout, recordType } from '../src/events/record.js';
import { readFileSync } from 'node:fs';

interface BtfType {
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
}

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const header = readFileSync(file('bpf/record.h'), 'utf8');

const { types } = JSON.parse(
  execFileSync('bpftool', ['btf', 'dump', 'file', file('build/fsnoop.bpf.o'), '-j'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  }),
) as { types: readonly BtfType[] };

function struct(name: string): { size: number; layout: Record<string, number> } {
  const type = types.find((known) => known.kind === 'STRUCT' && known.name === name);
  if (type?.members === undefined) throw new Error(`the object has no struct ${name}`);
  const offsets = type.members.map((member) => [member.name, member.bits_offset / 8] as const);
  return { size: type.size ?? 0, layout: Object.fromEntries(offsets) };
}

/** The value of a `#define`. */
function constant(name: string): number {
  const [, text = ''] =
    new RegExp(`#define ${name}\\s+(.+?)\\s*(/\\*.*)?$`, 'm').exec(header) ?? [];
  const [, one, shift] = /^\(?(\d+)U? << (\d+)\)?$/.exec(text) ?? [];
  return one === undefined ? Number(text) : Number(one) * 2 ** Number(shift);
}

test('a record has the same fields at the same places', () => {
  expect(struct('record')).toEqual({ size: recordBytes, layout: recordLayout });
  expect(struct('root_record')).toEqual({
    size: recordBytes + commBytes,
    layout: { record: 0, comm: recordBytes },
  });
  expect(longestRecordBytes).toBe(recordBytes + commBytes);
});

test('settings and counters too', () => {
  const { size, layout } = struct('settings');
  expect({ size, layout }).toEqual({
    size: settingsBytes,
    layout: { ...settingsLayout, unused: 39 },
  });
  expect(struct('counters')).toEqual({ size: countersBytes, layout: countersLayout });
});

test('the ring starts and ends where the reader thinks', () => {
  expect(struct('ring').layout['data']).toBe(ringHeadBytes);
  expect(constant('RING_MARGIN')).toBe(ringMarginBytes);
  expect(constant('RING_MAX')).toBe(ringMaxBytes);
  expect(constant('RECORD_ALIGN')).toBe(recordAlign);
});

test('constants agree', () => {
  expect(recordType).toEqual({
    call: constant('RECORD_CALL'),
    entry: constant('RECORD_ENTRY'),
    open: constant('RECORD_OPEN'),
    exit: constant('RECORD_EXIT'),
  });
  expect(constant('COMM_BYTES')).toBe(commBytes);
  expect(constant('PID_LIMIT')).toBe(pidLimit);
  expect(constant('COOKIE_ROOT')).toBe(cookieRoot);
});

test('settings are written where the kernel side reads them', () => {
  const bytes = encodeSettings({
    epochNs: 1n,
    minDurationNs: 2,
    ringBytes: 4096,
    ringSlackBytes: 288,
    maxDepth: 5,
    byPid: false,
    comm: 'cat',
    live: true,
  });
  const { layout } = struct('settings');
  expect(bytes.readBigUInt64LE(layout['epoch'])).toBe(1n);
  expect(bytes.readBigUInt64LE(layout['min_duration'])).toBe(2n);
  expect(bytes.readBigUInt64LE(layout['ring_mask'])).toBe(4088n);
  expect(bytes.readBigUInt64LE(layout['ring_limit'])).toBe(3808n);
  expect(bytes.readUInt32LE(layout['max_depth'])).toBe(5);
  expect([...bytes.subarray(layout['by_pid'], (layout['by_pid'] ?? 0) + 3)]).toEqual([0, 1, 1]);
  expect(bytes.toString('utf8', layout['comm'], (layout['comm'] ?? 0) + 4)).toBe('cat\0');
});
