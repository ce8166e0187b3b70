import { expect, test } from 'vitest';
import { recordType } from '../src/events/record.js';
import { makeRenderer, type RendererOptions } from '../src/render/renderer.js';
import { noAddresses } from '../src/symbols/addresses.js';
import { functions, read, slow, treeOf, unfinished } from './fixtures/reads.js';
import { makeRecord } from './fixtures/records.js';

function make(options: Partial<RendererOptions> = {}) {
  return makeRenderer({
    format: 'json',
    style: 'tree',
    graph: true,
    live: false,
    width: 20,
    color: true,
    functions,
    outputs: [],
    addresses: noAddresses,
    epochNs: 2_954_431_022n,
    ...options,
  });
}

/** The objects of JSON lines: each must be one line, and the last must end. */
function parse(lines: string): unknown[] {
  expect(lines.endsWith('\n')).toBe(true);
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

test('the first line tells what traces', () => {
  const refused = [{ function: 'x', reason: 'variadic' }] as const;
  const info = { kernel: '7.2.13', method: 'fsession.multi', functions: 118, refused };
  expect(make().start({ ...info, attachMs: 93 })).toBe(
    '{"type":"start","version":1,"kernel":"7.2.13","method":"fsession.multi","functions":118,"refused":[{"function":"x","reason":"variadic"}],"attachMs":93}\n',
  );
});

test('the last line counts', () => {
  const counts = { trees: 1, calls: 5, unfinished: 0 };
  const lost = { ring: 0, recursion: 0, entry: 0, user: 0 };
  const hot = [{ function: 'vfs_read', records: 5, root: true }];
  expect(make().summary({ ...counts, lost, detachMs: 90, hot })).toBe(
    '{"type":"summary","trees":1,"calls":5,"unfinished":0,"lost":{"ring":0,"recursion":0,"entry":0,"user":0},"detachMs":90,"stopped":null,"hot":[{"function":"vfs_read","records":5}]}\n',
  );
  const stopped = { reason: 'max-rate', recordsPerSecond: 3120000, maxRate: 2000000 } as const;
  expect(parse(make().summary({ ...counts, lost, stopped }))).toMatchObject([{ stopped }]);
  expect(parse(make().summary({ ...counts, lost }))).toMatchObject([{ detachMs: null }]);
});

test('a tree is one line', () => {
  const lone = { function: 0, startNs: 1, durationNs: 2738, returns: -2 };
  expect(make().tree(treeOf(lone))).toBe(
    '{"type":"tree","pid":101,"tid":101,"comm":"cat","cpu":0,"startNs":"2954431023","complete":true,"root":{"function":"vfs_read","module":null,"durationNs":2738,"selfNs":2738,"cpu":0,"retval":-2,"errno":"ENOENT","args":[],"outputs":[],"children":[]}}\n',
  );
});

test('calls have their children inside', () => {
  expect(parse(make().tree(treeOf(read)))).toMatchObject([
    {
      root: {
        function: 'vfs_read',
        selfNs: 1118,
        retval: 131072,
        errno: null,
        children: [
          {
            function: 'rw_verify_area',
            selfNs: 720,
            children: [{ function: 'security_file_permission', children: [] }],
          },
          { function: 'read_zero', durationNs: 420, children: [] },
        ],
      },
    },
  ]);
});

test('values are of their type, and errors have names', () => {
  expect(parse(make().tree(treeOf(slow)))).toMatchObject([
    {
      root: {
        retval: -2,
        errno: 'ENOENT',
        children: [
          { retval: -13, errno: 'EACCES' },
          { retval: null, errno: null },
          { retval: '0xfffffffffffffffe', errno: 'ENOENT' },
          { retval: '0xffff888003a4c000', errno: null },
          { retval: '0x0', errno: null },
          { retval: true, errno: null, module: 'ext4' },
        ],
      },
    },
  ]);
});

test('open calls have no duration', () => {
  expect(parse(make().tree(treeOf(unfinished())))).toMatchObject([
    {
      complete: false,
      lost: 0,
      why: 'tracing ended',
      root: {
        durationNs: null,
        openNs: 3_200_000_000,
        retval: null,
        children: [
          { function: 'rw_verify_area', durationNs: 1200 },
          { function: 'read_zero', durationNs: null, openNs: 3_199_998_000 },
        ],
      },
    },
  ]);
  expect(parse(make().tree(treeOf(unfinished(recordType.exit))))).toMatchObject([
    { complete: false, why: 'task exited' },
  ]);
});

test('gaps stand where the records are lost', () => {
  const gap = treeOf(read, {}, 'rw_verify_area', 'security_file_permission');
  expect(parse(make().tree(gap))).toMatchObject([
    {
      complete: false,
      lost: 2,
      why: 'records lost',
      root: { children: [{ lost: 2 }, { function: 'read_zero' }] },
    },
  ]);
  expect(parse(make().tree(treeOf(read, {}, 'vfs_read')))).toMatchObject([
    {
      complete: false,
      lost: 1,
      why: 'root record lost',
      comm: '',
      root: {
        function: null,
        durationNs: null,
        children: [{ function: 'rw_verify_area' }, { function: 'read_zero' }],
      },
    },
  ]);
});

test('without a graph each call is a line', () => {
  const renderer = make({ graph: false });
  const [first, ...rest] = renderer.tree(treeOf(read, {}, 'rw_verify_area')).split('\n');
  expect(first).toBe(
    '{"type":"call","pid":101,"tid":101,"comm":"cat","startNs":"2954432522","function":"security_file_permission","module":null,"durationNs":480,"selfNs":480,"cpu":0,"retval":0,"errno":null,"args":[],"outputs":[]}',
  );
  expect(parse(rest.join('\n'))).toMatchObject([
    { type: 'call', function: 'read_zero' },
    { type: 'call', function: 'vfs_read' },
    { type: 'lost', tid: 101, lost: 1 },
  ]);
});

test('live, entries are lines of their own', () => {
  const renderer = make({ live: true });
  const entry = (fields: object) => makeRecord({ type: recordType.entry, ...fields });
  expect(renderer.record(entry({ startNs: 7 }))).toBe(
    '{"type":"entry","pid":101,"tid":101,"comm":"cat","cpu":0,"startNs":"2954431029","depth":0,"function":"vfs_read","module":null,"args":[],"outputs":[]}\n',
  );
  expect(parse(renderer.record(entry({ depth: 1, function: 3 })))).toMatchObject([
    { comm: 'cat', depth: 1, function: 'read_zero' },
  ]);
  expect(renderer.record(makeRecord({}))).toBe('');
});

test('any name of a task is valid JSON', () => {
  const comm = '"\\\n\u001b\ufffd';
  expect(parse(make().tree(treeOf(read, { comm })))).toMatchObject([{ comm }]);
});
