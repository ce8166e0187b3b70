/** bpf/record.h and bpf/cell.h and their mirrors in TypeScript say the same, by the BTF of the objects. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import {
  countersBytes,
  countersLayout,
  encodeRoots,
  encodeSettings,
  frameBytes,
  frameLayout,
  itemsBytes,
  longestRecordBytes,
  recordAlign,
  ringHeadBytes,
  ringMarginBytes,
  ringMaxBytes,
  rootsBytes,
  rootsLayout,
  mostSkipping,
  placeLayout,
  settingsBytes,
  settingsLayout,
  skippingBytes,
  skippingLayout,
  taskSearched,
  taskTraced,
  tidLimit,
} from '../src/attach/shared.js';
import {
  cookieBits,
  mostOps,
  mostPrograms,
  opBytes,
  opLayout,
  programBytes,
  programLayout,
} from '../src/attach/programs.js';
import { countingPath, objectPaths } from '../src/attach/native.js';
import {
  blankMasks,
  countingBytes,
  countingLayout,
  keyNumbers,
  returnBits,
} from '../src/attach/counting.js';
import { cellLayout, cellPages, keyLayout, pageBuckets, pageErrors } from '../src/events/cells.js';
import { limits, opcode, taskField } from '../src/expr/ops.js';
import {
  commBytes,
  placeMask,
  recordBytes,
  recordLayout,
  recordType,
  shapeArgs,
  shapeEntry,
} from '../src/events/record.js';
import { cellBytes, keyBytes, pageBytes } from '../src/plan/counting.js';
import { deepestCounted, deepestPlain, traits } from '../src/plan/method.js';
import { readFileSync } from 'node:fs';

interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly {
    readonly name: string;
    readonly type_id: number;
    readonly bits_offset: number;
  }[];
}

const file = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const header = ['bpf/record.h', 'bpf/cell.h', 'bpf/word.h']
  .map((name) => readFileSync(file(name), 'utf8'))
  .join('\n');
const methodHeader = readFileSync(file('bpf/method.h'), 'utf8');
const interpreter = readFileSync(file('bpf/values.h'), 'utf8');

const typesOf = (path: string) => {
  const dumped = execFileSync('bpftool', ['btf', 'dump', 'file', path, '-j'], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
  return (JSON.parse(dumped) as { types: readonly BtfType[] }).types;
};

const ownTypes = typesOf(objectPaths.multi);

function struct(name: string, types = ownTypes): { size: number; layout: Record<string, number> } {
  const type = types.find((known) => known.kind === 'STRUCT' && known.name === name);
  if (type === undefined) throw new Error(`the object has no struct ${name}`);
  return { size: type.size ?? 0, layout: Object.fromEntries(offsets(type, types)) };
}

/** Names and offsets in bytes, those in anonymous members and in unions too. */
function offsets(
  type: BtfType,
  types: readonly BtfType[],
  base = 0,
): readonly (readonly [string, number])[] {
  return (type.members ?? []).flatMap(({ name, type_id, bits_offset }) => {
    const offset = base + bits_offset / 8;
    const inner = types.find(({ id }) => id === type_id);
    const isPart = name === '(anon)' || inner?.kind === 'UNION';
    if (name === 'both' || name === 'all') return [];
    return isPart && inner ? offsets(inner, types, offset) : [[name, offset] as const];
  });
}

/** The enum that begins with this name: its names in the source, with their numbers. */
function enumerators(first: string): Record<string, number> {
  const [, list = ''] = new RegExp(`enum \\{\\s*(${first}\\b[^}]*)\\}`).exec(interpreter) ?? [];
  const names = list.split(',').map((name) => name.trim());
  return Object.fromEntries(names.filter((name) => name !== '').map((name, at) => [name, at]));
}

/** Which bit a `#define` sets. */
function bit(name: string): number {
  return Math.log2(constant(name));
}

/** The value of a `#define`. */
function constant(name: string): number {
  const [, text = ''] =
    new RegExp(`#define ${name}\\s+(.+?)\\s*(/\\*.*)?$`, 'm').exec(header) ?? [];
  const [, one, shift] = /^\(?(\d+)U?(?:LL)? << (\d+)\)?$/.exec(text) ?? [];
  return one === undefined ? Number(text) : Number(one) * 2 ** Number(shift);
}

test('a record has the same fields at the same places', () => {
  expect(struct('record')).toEqual({
    size: recordBytes,
    layout: recordLayout,
  });
  expect(struct('root_record')).toEqual({
    size: recordBytes + commBytes,
    layout: { record: 0, comm: recordBytes },
  });
  expect(longestRecordBytes.plain).toBe(recordBytes + commBytes + 8 * constant('ARGS_MAX'));
  expect(itemsBytes).toBe(constant('ITEMS_BYTES') + 8 + constant('VALUE_BYTES'));
  expect(longestRecordBytes.withValues).toBe(longestRecordBytes.plain + itemsBytes);
  expect(longestRecordBytes.withValues).toBeLessThanOrEqual(ringMarginBytes);
  expect(shapeArgs).toBe(constant('SHAPE_ARGS'));
  expect(shapeEntry).toBe(constant('SHAPE_ENTRY'));
});

test('settings and counters too', () => {
  const { size, layout } = struct('settings');
  expect({ size, layout }).toEqual({
    size: settingsBytes,
    layout: settingsLayout,
  });
  expect(struct('counters')).toEqual({ size: countersBytes, layout: countersLayout });
  expect(struct('skipping')).toEqual({ size: skippingBytes, layout: skippingLayout });
  expect(struct('roots', typesOf(objectPaths.below))).toEqual({
    size: rootsBytes,
    layout: rootsLayout,
  });
  expect(mostSkipping).toBe(constant('SKIPPING'));
});

test('roots are from the lowest address on, as far as the highest', () => {
  const bytes = encodeRoots([0xa0000000, 0x81000020, 0x81000030]);
  expect(bytes.readBigUInt64LE(rootsLayout.reach)).toBe(0x1effffe0n);
  expect(bytes.readUInt32LE(rootsLayout.low)).toBe(0x81000020);
  expect(encodeRoots([7]).readBigUInt64LE(rootsLayout.reach)).toBe(0n);
});

test('the ring starts and ends where the reader thinks', () => {
  expect(struct('ring').layout['data']).toBe(ringHeadBytes);
  expect(constant('RING_MARGIN')).toBe(ringMarginBytes);
  expect(constant('RING_MAX')).toBe(ringMaxBytes);
  expect(constant('RECORD_ALIGN')).toBe(recordAlign);
});

test('programs, operations and items are what the interpreter takes them for', () => {
  expect(struct('program')).toEqual({ size: programBytes, layout: programLayout });
  const { size, layout } = struct('op');
  expect(size).toBe(opBytes);
  expect(layout).toMatchObject(opLayout);
  expect(constant('PROGRAMS')).toBe(mostPrograms);
  expect(constant('OPS')).toBe(mostOps);
  expect(constant('RANGE_OPS')).toBe(limits.ops);
  expect(constant('STACK_WORDS')).toBe(limits.stackWords);
  expect(constant('VALUE_BYTES')).toBe(limits.valueBytes);
  expect(constant('ITEMS_BYTES')).toBe(limits.recordBytes);
});

test('operations and fields of the task have the same numbers', () => {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  const numbered = (prefix: string, names: object) =>
    Object.fromEntries(
      Object.entries(names).map(([name, number]) => [`${prefix}${snake(name)}`, number as number]),
    );
  expect(enumerators('OP_END')).toEqual(numbered('OP_', opcode));
  expect(enumerators('TASK_PID')).toEqual(numbered('TASK_', taskField));
});

test.each([
  ['multi', 'withCookie'],
  ['below', 'withCookie'],
  ['each', 'withCookie'],
  ['kprobe', 'withArguments'],
  ['kprobeVoid', 'withArguments'],
  ['kprobePair', 'withArguments'],
  ['eachPair', 'withStack'],
] as const)('a frame of the object %s begins with its root and level', (object, kind) => {
  const path = objectPaths[object];
  const recording = struct('frame', typesOf(path));
  const counting = struct('frame', typesOf(countingPath(path)));
  expect(recording.size).toBe(frameBytes.recording[kind]);
  expect(counting.size).toBe(frameBytes.counting[kind]);
  for (const { layout } of [recording, counting]) expect(layout).toMatchObject(frameLayout);
});

test('cells, keys and pages are what the kernel side counts in', () => {
  const types = typesOf(countingPath(objectPaths.multi));
  const cell = struct('cell', types);
  const key = struct('key', types);
  expect(cell.size).toBe(cellBytes);
  expect(cell.layout).toMatchObject(cellLayout);
  expect(key.size).toBe(keyBytes);
  expect(key.layout).toMatchObject(keyLayout);
  expect(struct('page', types).size).toBe(pageBytes);
  expect(struct('counting', types)).toEqual({ size: countingBytes, layout: countingLayout });
  expect(constant('PAGE_BUCKETS')).toBe(pageBuckets);
  expect(constant('PAGE_ERRORS')).toBe(pageErrors);
  expect(constant('CELL_PAGES')).toBe(cellPages);
  expect(cellLayout.pages + 4 * (cellPages + 1)).toBeLessThanOrEqual(cellBytes);
  expect(blankMasks).toEqual({ cells: constant('CELLS_BLANK'), pages: constant('PAGES_BLANK') });
  expect(keyNumbers).toEqual({
    comm: constant('BY_COMM'),
    pid: constant('BY_PID'),
    cpu: constant('BY_NOTHING'),
    cgroup: constant('BY_CGROUP'),
    retval: constant('BY_RETVAL'),
  });
  expect(returnBits).toEqual({
    width: constant('COOKIE_RETURN_SHIFT'),
    errno: bit('COOKIE_ERRNO'),
  });
});

test('a frame of plain calls has them where words say', () => {
  const { size, layout } = struct('frame', typesOf(objectPaths.plain));
  expect(layout).toMatchObject({ ...frameLayout, open: placeLayout.noCall });
  expect(placeLayout).toEqual({
    frame: size,
    call: struct('open_call', typesOf(objectPaths.plain)).size,
    noCall: constant('NO_CALL'),
    last: size - constant('CALL_BYTES'),
  });
  expect(size).toBe(constant('FRAME_BYTES'));
});

test('as deep as frames and cookies are, methods go', () => {
  const [, kept] =
    /defined\(PAIR\)\n#define IS_KEPT 1\n#define OPEN_LEVELS (\d+)/.exec(methodHeader) ?? [];
  expect(traits['kprobe.session'].deepest).toBe(Number(kept) - 1);
  const [, counted] =
    /defined\(STAT\)\n#define IS_KEPT 0\n#define OPEN_LEVELS (\d+)/.exec(methodHeader) ?? [];
  expect(deepestCounted).toBe(Number(counted) - 1);
  const [, plain] = /#define PLAIN_LEVELS (\d+)/.exec(methodHeader) ?? [];
  expect(deepestPlain).toBe(Number(plain) - 1);
  const [, levels] = /#define SESSION_LEVELS (\w+)/.exec(methodHeader) ?? [];
  expect(traits.fsession.deepest).toBeLessThan(Number(levels));
  const [, registers] = /#define REGISTER_ARGS (\d+)/.exec(methodHeader) ?? [];
  expect(traits['kprobe.session'].argSlots).toBe(Number(registers));
});

test('constants agree', () => {
  expect(recordType).toEqual({
    call: constant('RECORD_CALL'),
    entry: constant('RECORD_ENTRY'),
    open: constant('RECORD_OPEN'),
    exit: constant('RECORD_EXIT'),
    drop: constant('RECORD_DROP'),
    mark: constant('RECORD_MARK'),
    away: constant('RECORD_AWAY'),
  });
  expect(constant('COMM_BYTES')).toBe(commBytes);
  expect(constant('TID_LIMIT')).toBe(tidLimit);
  expect(constant('TASK_TRACED')).toBe(taskTraced);
  expect(constant('TASK_SEARCHED')).toBe(taskSearched);
  expect({
    root: bit('COOKIE_ROOT'),
    args: constant('COOKIE_ARGS_SHIFT'),
    guard: bit('COOKIE_GUARD'),
    filter: bit('COOKIE_FILTER'),
    entry: bit('COOKIE_ENTRY'),
    returnFilter: bit('COOKIE_RETURN_FILTER'),
    atReturn: bit('COOKIE_RETURN'),
    program: constant('COOKIE_PROGRAM_SHIFT'),
  }).toEqual(cookieBits);
  expect(placeMask).toBe(2 ** cookieBits.root - 1);
});

test('settings are written where the kernel side reads them', () => {
  const bytes = encodeSettings({
    minDurationNs: 2,
    ringBytes: 4096,
    maxDepth: 5,
    byTask: false,
    follow: true,
    comm: 'cat',
    cgroup: { id: 5n, level: 2 },
    live: true,
    inTrees: true,
    tellDeeper: true,
    tellAway: false,
    accountSkips: true,
    tick: 0xfffffffe,
  });
  const { layout } = struct('settings');
  expect(bytes.readBigUInt64LE(layout['min_duration'])).toBe(2n);
  expect(bytes.readBigUInt64LE(layout['ring_mask'])).toBe(4088n);
  expect(bytes.readUInt32LE(layout['max_level'])).toBe(6);
  expect([...bytes.subarray(layout['by_task'], (layout['by_task'] ?? 0) + 4)]).toEqual([
    0, 1, 1, 1,
  ]);
  expect(bytes.readUInt16LE(layout['in_trees'])).toBe(1);
  expect(bytes.readUInt16LE(layout['tell_deeper'])).toBe(1);
  expect(bytes.readUInt16LE(layout['tell_away'])).toBe(0);
  expect(bytes.readUInt16LE(layout['account_skips'])).toBe(1);
  expect(bytes.readUInt32LE(layout['tick'])).toBe(0xfffffffe);
  expect(bytes.readBigUInt64LE(layout['cgroup'])).toBe(5n);
  expect(bytes.readBigUInt64LE(layout['cgroup_level'])).toBe(2n);
  expect(bytes.toString('utf8', layout['comm'], (layout['comm'] ?? 0) + 4)).toBe('cat\0');
});
