/** Records in, text out, up to a limit. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encode } from '../src/events/encode.js';
import { recordType, type CallRecord } from '../src/events/record.js';
import { makeRenderer, type RendererOptions } from '../src/render/renderer.js';
import { noAddresses } from '../src/symbols/addresses.js';
import { Stream, type StreamOptions } from '../src/tracing/stream.js';
import { functions, read } from './fixtures/reads.js';
import { makeRecord, recordsOf } from './fixtures/records.js';

const graph: RendererOptions = {
  format: 'json',
  style: 'tree',
  functions,
  outputs: [],
  addresses: noAddresses,
  width: null,
  color: false,
  graph: true,
  live: false,
  epochNs: 0n,
};
const noGraph: RendererOptions = { ...graph, format: 'text', graph: false };

/** Three reads of four calls each. */
const reads = [1, 2, 3].flatMap((tree) => recordsOf(read, { tree, tid: 100 + tree }));

interface Run {
  readonly stream: Stream;
  readonly asked: { times: number };
}

function start(options: RendererOptions, fields: Partial<StreamOptions> = {}): Run {
  const asked = { times: 0 };
  const stream = new Stream({
    epochNs: 0n,
    renderer: makeRenderer(options),
    unit: options.graph ? 'tree' : 'line',
    limit: null,
    onLimit: () => asked.times++,
    ...fields,
  });
  return { stream, asked };
}

function add(stream: Stream, records: readonly CallRecord[]): void {
  const bytes = encode(records);
  stream.add(bytes, bytes.length);
}

const linesOf = (text: string) => text.split(/(?<=\n)/);

/** The text of all records in one piece, without a limit. */
function textOf(options: RendererOptions, records: readonly CallRecord[]): string {
  const { stream } = start(options);
  add(stream, records);
  stream.finish();
  return stream.takeText().toString();
}

test('text comes as soon as a tree is complete, and only once', () => {
  const { stream } = start(graph);
  add(stream, reads.slice(0, 3));
  expect(stream.takeText().toString()).toBe('');
  add(stream, reads.slice(3, 5));
  expect(JSON.parse(stream.takeText().toString())).toMatchObject({ tid: 101, complete: true });
  expect(stream.takeText().toString()).toBe('');
});

test('what is open at the end is rendered as it is', () => {
  const { stream } = start(graph);
  add(stream, reads.slice(0, 3));
  stream.finish();
  expect(JSON.parse(stream.takeText().toString())).toMatchObject({ tid: 101, complete: false });
});

test('takes only the first `length` bytes', () => {
  const bytes = encode(reads);
  const { stream } = start(noGraph);
  stream.add(bytes, encode(reads.slice(0, 4)).length);
  stream.finish();
  expect(stream.takeText().toString()).toBe(textOf(noGraph, reads.slice(0, 4)));
});

test('counts the trees and calls it has seen', () => {
  const { stream } = start(graph);
  add(stream, reads);
  expect(stream.counts).toEqual({ trees: 3, calls: 12, unfinished: 0, marks: 0, lostUser: 0 });
});

test('the trees are as many as the limit, and the end is asked for once', () => {
  const { stream, asked } = start(graph, { limit: 2 });
  add(stream, reads.slice(0, 7));
  expect(asked.times).toBe(0);
  add(stream, reads.slice(7));
  expect(asked.times).toBe(1);
  stream.finish();
  expect(stream.takeText().toString()).toBe(linesOf(textOf(graph, reads)).slice(0, 2).join(''));
  expect(asked.times).toBe(1);
});

test('a limit that is not reached asks for nothing', () => {
  const { stream, asked } = start(graph, { limit: 4 });
  add(stream, reads);
  stream.finish();
  expect(stream.takeText().toString()).toBe(textOf(graph, reads));
  expect(asked.times).toBe(0);
});

test.each([1, 2, 3, 4, 5, 8, 11, 12])(
  'the lines are as many as the limit, even in the middle of a tree: %d',
  (limit) => {
    const { stream, asked } = start(noGraph, { limit });
    add(stream, reads);
    stream.finish();
    expect(stream.takeText().toString()).toBe(
      linesOf(textOf(noGraph, reads)).slice(0, limit).join(''),
    );
    expect(stream.counts.calls).toBe(limit);
    expect(asked.times).toBe(1);
  },
);

test('what comes after the limit is neither shown nor counted', () => {
  const { stream } = start(graph, { limit: 1 });
  add(stream, reads);
  add(stream, reads);
  stream.finish();
  expect(linesOf(stream.takeText().toString())).toHaveLength(1);
  expect(stream.counts).toMatchObject({ trees: 1, calls: 4 });
});

test('nor is what was open when the limit was reached', () => {
  const { stream, asked } = start(graph, { limit: 1 });
  add(stream, [makeRecord({ tree: 9, tid: 9, depth: 1 }), ...reads]);
  stream.finish();
  expect(linesOf(stream.takeText().toString())).toHaveLength(1);
  expect(stream.counts).toMatchObject({ trees: 1, calls: 4 });
  expect(asked.times).toBe(1);
});

test('live, records are shown as they come, up to the limit', () => {
  const entry = makeRecord({ type: recordType.entry, tree: 1 });
  const call = makeRecord({ tree: 1, durationNs: 480 });
  const live: RendererOptions = { ...graph, format: 'text', style: 'arrows', live: true };
  const { stream, asked } = start(live, { limit: 1 });
  add(stream, [entry]);
  expect(stream.takeText().toString()).toContain('vfs_read');
  expect(asked.times).toBe(0);
  add(stream, [call]);
  expect(stream.takeText().toString()).toContain('vfs_read');
  expect(asked.times).toBe(1);
  add(stream, [entry, call]);
  expect(stream.takeText().toString()).toBe('');
});

test('the text is the same, in batches of whatever size the records come', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 12, maxLength: 12 });
  const limits = fc.option(fc.integer({ min: 1, max: 14 }));
  fc.assert(
    fc.property(fc.constantFrom(graph, noGraph), limits, sizes, (options, limit, batches) => {
      const whole = start(options, { limit });
      add(whole.stream, reads);
      const parted = start(options, { limit });
      let from = 0;
      let text = '';
      for (const size of batches) {
        add(parted.stream, reads.slice(from, from + size));
        text += parted.stream.takeText().toString();
        from += size;
      }
      expect(text).toBe(whole.stream.takeText().toString());
      expect(parted.stream.counts).toEqual(whole.stream.counts);
      expect(parted.asked).toEqual(whole.asked);
    }),
  );
});
