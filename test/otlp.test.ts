/** Recordings sent to a collector of OpenTelemetry, which decodes them by its own definitions. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseEndpoint, parseHeaders } from '../src/words/endpoint.js';
import type { CallRecord } from '../src/events/record.js';
import type { Opening } from '../src/recording/opening.js';
import { sendRecording, type SendRequest } from '../src/recorded/send.js';
import { marked, mixed, read, slow } from './fixtures/reads.js';
import { recordsOf } from './fixtures/records.js';
import { bare, printEnding, record, withMarks } from './fixtures/recordings.js';
import { manyValued, opening as valued } from './fixtures/values.js';
import { rejection, startReceiver, type ReceivedSpan, type Receiver } from './otlp-receiver.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-otlp-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  vi.unstubAllEnvs();
});

interface Outcome {
  readonly status: number | null;
  /** What people are told. */
  readonly notes: string;
  /** The message of the failure, and what to do next. */
  readonly failure: string;
}

/** As `fsnoop export --to otlp` does. The file must be what it was. */
async function send(
  bytes: Uint8Array,
  endpoint: string,
  options: Partial<SendRequest> = {},
): Promise<Outcome> {
  const path = join(folder, 'recording');
  writeFileSync(path, bytes);
  let notes = '';
  let failure = '';
  const status = await sendRecording({
    ...{ path, headers: {}, service: 'fsnoop', version: '0.1.0', onProgress: () => undefined },
    url: parseEndpoint('--endpoint', endpoint),
    onNote: (text) => (notes += text),
    ...options,
  }).catch((error: unknown) => {
    const { message, suggestions = [] } = error as Error & { readonly suggestions?: string[] };
    failure = [message, ...suggestions].join('\n');
    return null;
  });
  expect(readFileSync(path)).toEqual(Buffer.from(bytes));
  return { status, notes, failure };
}

/** What a collector gets of these records. */
async function receive(
  opening: Opening,
  records: readonly CallRecord[],
): Promise<readonly ReceivedSpan[]> {
  await using receiver = await startReceiver();
  const { failure } = await send(record(opening, records), receiver.endpoint);
  expect(failure).toBe('');
  return receiver.spans;
}

/** `startedAt` of the recordings here. */
const epochNs = BigInt(Date.parse('2026-11-28T00:38:14.000Z')) * 1_000_000n;

/** Each span's name, how deep it is by its parents, and when it was. */
function drawTree(spans: readonly ReceivedSpan[]): readonly string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const depthOf = ({ parentSpanId }: ReceivedSpan): number => {
    if (parentSpanId === '') return 0;
    const parent = byId.get(parentSpanId);
    if (parent === undefined) throw new Error(`nobody sent the parent ${parentSpanId}`);
    return depthOf(parent) + 1;
  };
  return spans.map(
    (span) => `${depthOf(span)} ${span.name} ${span.startNs - epochNs} to ${span.endNs - epochNs}`,
  );
}

describe('a tree', () => {
  test('is a trace, and each call a span below that of its caller, by the clock on the wall', async () => {
    const spans = await receive({ ...bare, epochNs: 0n }, recordsOf(read));
    expect(drawTree(spans)).toEqual([
      '0 vfs_read 1000 to 3738',
      '1 rw_verify_area 1100 to 2300',
      '2 security_file_permission 1500 to 1980',
      '1 read_zero 3000 to 3420',
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(4);
    expect(new Set(spans.map(({ kind }) => kind))).toEqual(new Set(['SPAN_KIND_INTERNAL']));
    expect(spans[0]?.traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
    expect(spans[0]?.spanId).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
  });

  test('has no time that goes back, with losses and open calls too', async () => {
    const spans = await receive(bare, mixed);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    expect(byId.size).toBe(spans.length);
    for (const { startNs, endNs, parentSpanId, traceId } of spans) {
      expect(endNs).toBeGreaterThanOrEqual(startNs);
      const parent = byId.get(parentSpanId);
      if (parent === undefined) continue;
      expect(parent.traceId).toBe(traceId);
      expect(startNs).toBeGreaterThanOrEqual(parent.startNs);
      expect(endNs).toBeLessThanOrEqual(parent.endNs);
    }
  });

  test('says what OpenTelemetry has words for in those, and what it has none for', async () => {
    const [first] = await receive(valued, manyValued);
    expect(first?.attributes).toMatchObject({
      'code.function.name': 'vfs_read',
      'process.pid': 200,
      'thread.id': 201,
      'thread.name': 'cat',
      'cpu.logical_number': 1,
      'fsnoop.self_ns': 2738 + 13 - 401,
      'fsnoop.return_value': '4096',
      'fsnoop.output.pos': '1',
    });
    expect(first?.attributes['fsnoop.arguments']).toContain('buf="line x\\n", mode=MODE_READ');
    expect(first?.attributes).not.toHaveProperty('error.type');
    expect(first?.resource).toEqual({
      'service.name': 'fsnoop',
      'os.type': 'linux',
      'os.version': '7.2.13',
      'fsnoop.method': 'fsession.multi',
      'fsnoop.command': ['cat', '/etc/hostname'],
    });
    expect(first?.scope).toBe('fsnoop 0.1.0');
  });

  test('says which calls failed, and of what module a function is', async () => {
    const spans = await receive(bare, recordsOf(slow));
    expect(spans.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'vfs_read STATUS_CODE_ERROR ENOENT',
      'rw_verify_area STATUS_CODE_ERROR EACCES',
      'fsnotify STATUS_CODE_UNSET',
      'do_filp_open STATUS_CODE_ERROR ENOENT',
      'do_filp_open STATUS_CODE_UNSET',
      'do_filp_open STATUS_CODE_UNSET',
      'ext4_readpage STATUS_CODE_UNSET',
    ]);
    expect(spans[0]?.attributes).toMatchObject({
      'error.type': 'ENOENT',
      'fsnoop.return_value': '-ENOENT',
    });
    expect(spans[2]?.attributes).not.toHaveProperty('fsnoop.return_value'); // void
    expect(spans[6]?.attributes).toMatchObject({ 'fsnoop.module': 'ext4' });
  });

  test('says what it lacks', async () => {
    const lossy = recordsOf(read).slice(2); // the root and read_zero
    const [root, ...below] = await receive({ ...bare, epochNs: 0n }, lossy);
    expect(root?.attributes).toMatchObject({
      'fsnoop.incomplete': 'records lost',
      'fsnoop.lost_calls': 2,
    });
    expect(root?.events).toMatchObject([
      { name: 'calls lost', attributes: { 'fsnoop.lost_calls': 2 } },
    ]);
    expect(below.map(({ name }) => name)).toEqual(['read_zero']);
    const spans = await receive(bare, [
      ...mixed,
      ...recordsOf(read, { tree: 9, tid: 109 }).slice(0, -1), // all but the root
    ]);
    const told = spans.flatMap(({ name, attributes }) =>
      attributes['fsnoop.status'] === undefined ? [] : [[name, attributes['fsnoop.status']]],
    );
    expect(told).toContainEqual(['read_zero', 'open']);
    expect(told).toContainEqual(['?', 'lost']);
  });

  test('has tracepoints as events, and how long a call was off the CPU', async () => {
    const opening = { ...withMarks, epochNs: 0n, cpuTime: true };
    const spans = await receive(opening, marked);
    expect(spans[2]?.events).toEqual([
      {
        name: 'jbd2_handle_start',
        atNs: epochNs + 1600n,
        attributes: { 'cpu.logical_number': 0, 'fsnoop.module': 'jbd2' },
      },
    ]);
    expect(spans.map(({ attributes }) => attributes['fsnoop.off_cpu_ns'])).toEqual([
      ...[100, 100, 100, 0],
    ]);
  });
});

describe('ids', () => {
  const idsOf = (spans: readonly ReceivedSpan[]) =>
    spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`);

  test('are the same when a recording is sent again', async () => {
    expect(idsOf(await receive(bare, mixed))).toEqual(idsOf(await receive(bare, mixed)));
  });

  test('are others for any other recording, and for each tree of one', async () => {
    const trees = Array.from({ length: 300 }, (_, tree) => recordsOf(read, { tree })).flat();
    const spans = [
      ...(await receive(bare, trees)),
      ...(await receive({ ...bare, epochNs: bare.epochNs + 1n }, trees)),
    ];
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(600);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(2400);
  });
});

describe('sending', () => {
  const many = Array.from({ length: 2000 }, (_, tree) => recordsOf(read, { tree })).flat();

  test('is a request after the other, of 512 spans at most, and says how many', async () => {
    await using receiver = await startReceiver({ delayMs: 5 });
    const { status, notes } = await send(record(bare, many, 500), receiver.endpoint);
    expect(status).toBe(0);
    expect(notes).toContain('2,000 trees, 8,000 calls');
    expect(notes).toContain(`Sent 8,000 spans to ${receiver.endpoint}/v1/traces.\n`);
    expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(8000);
    expect(receiver.requests.map(({ spans }) => spans.length)).toEqual([
      ...Array.from({ length: 15 }, () => 512),
      320,
    ]);
    expect(receiver.mostAtOnce).toBe(1);
  });

  test('cuts a tree that is longer than a request', async () => {
    const calls = Array.from({ length: 1300 }, (_, place) => ({
      ...{ function: 1, startNs: 10 * place, durationNs: 5 },
    }));
    await using receiver = await startReceiver();
    await send(
      record(
        { ...bare, epochNs: 0n },
        recordsOf({ function: 0, startNs: 0, durationNs: 20_000, calls }),
      ),
      receiver.endpoint,
    );
    expect(receiver.requests.map(({ spans }) => spans.length)).toEqual([512, 512, 277]);
    expect(drawTree(receiver.spans)[1300]).toBe('1 rw_verify_area 12990 to 12995');
  });

  test('carries headers, and the name of the service', async () => {
    await using receiver = await startReceiver();
    const headers = parseHeaders('--header', ['authorization=Bearer a=b', 'x-tenant=7']);
    await send(record(bare, recordsOf(read)), receiver.endpoint, { headers, service: 'kernel' });
    expect(receiver.requests[0]).toMatchObject({
      path: '/v1/traces',
      headers: {
        'content-type': 'application/x-protobuf',
        authorization: 'Bearer a=b',
        'x-tenant': '7',
      },
    });
    expect(receiver.spans[0]?.resource).toMatchObject({ 'service.name': 'kernel' });
  });

  test('tries again where the collector is busy', async () => {
    await using receiver = await startReceiver({
      answer: (place) => ({ status: place === 0 ? 503 : 200 }),
    });
    const { status } = await send(record(bare, recordsOf(read)), receiver.endpoint);
    expect(status).toBe(0);
    expect(receiver.requests).toHaveLength(2);
    expect(receiver.spans).toHaveLength(4);
  });

  test('tells what the collector rejected, and in which words', async () => {
    await using receiver = await startReceiver({
      answer: () => ({ status: 200, body: rejection(3, 'too old\u001b[31m') }),
    });
    const { status, notes } = await send(record(bare, many.slice(0, 4000), 500), receiver.endpoint);
    expect(status).toBe(0);
    expect(notes).toContain(
      [
        `Sent 4,000 spans to ${receiver.endpoint}/v1/traces.`,
        'The collector rejected 24 spans.',
        'It says: too old?[31m',
        '',
      ].join('\n'),
    );
  });
});

describe('a collector that does not take spans', () => {
  /** Which takes the first request alone. */
  const refuse = (status: number, body?: string): Promise<Receiver> =>
    startReceiver({
      answer: (place) => (place === 0 ? { status: 200 } : { status, ...(body && { body }) }),
    });
  const reads = Array.from({ length: 300 }, (_, tree) => recordsOf(read, { tree })).flat();

  test('is told with its answer, what to do, and how much it took before', async () => {
    await using receiver = await refuse(401, 'who are you?\n');
    const { status, notes, failure } = await send(record(bare, reads, 500), receiver.endpoint);
    expect(status).toBeNull();
    expect(notes).toBe(`Sent 512 spans to ${receiver.endpoint}/v1/traces.\n`);
    expect(failure).toBe(
      [
        `${receiver.endpoint}/v1/traces did not take the spans: it answers 401 Unauthorized ("who are you?").`,
        "Say who you are: --header 'authorization=Bearer TOKEN'",
        'The recording is as it was: send it again, all of it; calls keep their ids',
      ].join('\n'),
    );
  });

  test('is told where nobody listens, or nobody answers', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '300');
    const { endpoint, ...closed } = await startReceiver();
    await closed[Symbol.asyncDispose]();
    const gone = await send(record(bare, reads), endpoint);
    expect(gone.notes).toBe(`Sent 0 spans to ${endpoint}/v1/traces.\n`);
    expect(gone.failure).toContain('nobody listens there (ECONNREFUSED).\nIs a collector there?');
    await using silent = await startReceiver({ delayMs: 3000 });
    const waited = await send(record(bare, reads), silent.endpoint);
    expect(waited.failure).toContain('did not take the spans: it does not answer.');
    await using busy = await startReceiver({ answer: () => ({ status: 503 }) });
    const asked = await send(record(bare, reads), busy.endpoint);
    expect(asked.failure).toContain('it says that it is busy, again and again.');
  });

  test('is not told with what was to let us in', async () => {
    await using receiver = await startReceiver({ answer: () => ({ status: 403 }) });
    const endpoint = receiver.endpoint.replace('//', '//me:secret@');
    const { notes, failure } = await send(record(bare, reads), endpoint);
    expect(notes + failure).not.toContain('secret');
    expect(receiver.requests[0]?.headers.authorization).toMatch(/^Basic /);
  });
});

test('of a damaged recording is sent what is before the damage', async () => {
  const reads = Array.from({ length: 2400 }, (_, tree) => recordsOf(read, { tree })).flat();
  const whole = record(bare, reads, 500);
  await using receiver = await startReceiver();
  const { notes, failure } = await send(
    whole.subarray(0, whole.length - printEnding().length),
    receiver.endpoint,
  );
  expect(failure).toContain('is cut off at byte');
  expect(notes).toBe(`Sent 9,600 spans to ${receiver.endpoint}/v1/traces.\n`);
  expect(receiver.spans).toHaveLength(9600);
});

describe('endpoints', () => {
  test.each([
    ['http://localhost:4318', 'http://localhost:4318/v1/traces'],
    ['http://localhost:4318/', 'http://localhost:4318/v1/traces'],
    ['https://collector.example/otlp', 'https://collector.example/otlp/v1/traces'],
    ['https://collector.example/otlp/', 'https://collector.example/otlp/v1/traces'],
    ['http://[::1]:4318/v1/traces', 'http://[::1]:4318/v1/traces'],
  ])('%s', (written, url) => {
    expect(parseEndpoint('--endpoint', written).href).toBe(url);
  });

  test.each(['', 'localhost', 'localhost:4318', ':4318', 'grpc://localhost:4317', 'http://'])(
    "'%s' is none",
    (written) => {
      expect(() => parseEndpoint('--endpoint', written)).toThrow(
        `--endpoint '${written}' is no URL of a collector.`,
      );
    },
  );

  test.each(['authorization', '=x', 'a b=c', 'a=b\nc', 'a=ж'])("'%s' is no header", (written) => {
    expect(() => parseHeaders('--header', [written])).toThrow('--header has no name and value');
  });
});
