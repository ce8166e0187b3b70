/** What was counted, as Prometheus is served it. */
import {
  createServer,
  request as ask,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cellLayout, decodeCells } from '../src/events/cells.js';
import { parseListenAddress } from '../src/words/listen-address.js';
import { chooseFormat, serveMetrics, type MetricsServer } from '../src/tracing/metrics-server.js';
import { cellBytes, planCounting, type KeyKind } from '../src/plan/counting.js';
import { Metrics, type MetricsOptions } from '../src/render/metrics.js';
import { noAddresses } from '../src/symbols/addresses.js';
import { sumCells } from '../src/tree/function-stats.js';
import { commKey, countInMemory, takePageAway, type CountedCalls } from './cells.js';
import { fallen, parseExposition, valuesOf } from './exposition.js';
import { functions } from './fixtures/reads.js';

const [vfsRead, rwVerifyArea, ext4Readpage] = [0, 1, 6];

const options: MetricsOptions = {
  ...{ version: '0.1.0', kernel: '7.2.13', method: 'fsession.multi', attached: 7, by: null },
  ...{ functions, addresses: noAddresses },
};
const nothingLost = { recursion: 0, entry: 0 };

function countedOf(all: readonly CountedCalls[], by: KeyKind | null = null) {
  const counting = planCounting(functions.length, 2, by);
  const stats = sumCells(decodeCells(countInMemory(counting, all), counting), by);
  return { stats, lost: nothingLost };
}

const render = (all: readonly CountedCalls[], by: KeyKind | null = null) =>
  new Metrics({ ...options, by }).render(countedOf(all, by), 'prometheus');

const reads: readonly CountedCalls[] = [
  { function: vfsRead, durationsNs: [1000, 3000, 2000], belowNs: 2500, errors: { 11: 1, 4: 1 } },
  { function: vfsRead, cpu: 1, durationsNs: [500_000], belowNs: 100, errors: { 11: 1 } },
  { function: ext4Readpage, durationsNs: [60, 70, 71] },
];

describe('the text format', () => {
  test('has all that was counted, and each line where it must be', () => {
    const lines = render(reads).split('\n');
    const isInside = (line: string) => !/[{,]le="(?!1\.27e-07|1\.023e-06|\+Inf)/.test(line);
    expect(`\n${lines.filter(isInside).join('\n')}`).toMatchInlineSnapshot(`
      "
      # HELP fsnoop_call_duration_seconds Time from entry to return of calls, of each function.
      # TYPE fsnoop_call_duration_seconds histogram
      fsnoop_call_duration_seconds_bucket{function="vfs_read",le="1.27e-07"} 0
      fsnoop_call_duration_seconds_bucket{function="vfs_read",le="1.023e-06"} 1
      fsnoop_call_duration_seconds_bucket{function="vfs_read",le="+Inf"} 4
      fsnoop_call_duration_seconds_sum{function="vfs_read"} 0.000506
      fsnoop_call_duration_seconds_count{function="vfs_read"} 4
      fsnoop_call_duration_seconds_bucket{function="ext4_readpage",module="ext4",le="1.27e-07"} 3
      fsnoop_call_duration_seconds_bucket{function="ext4_readpage",module="ext4",le="1.023e-06"} 3
      fsnoop_call_duration_seconds_bucket{function="ext4_readpage",module="ext4",le="+Inf"} 3
      fsnoop_call_duration_seconds_sum{function="ext4_readpage",module="ext4"} 2.01e-7
      fsnoop_call_duration_seconds_count{function="ext4_readpage",module="ext4"} 3
      # HELP fsnoop_self_seconds_total The same less the time of counted calls directly below.
      # TYPE fsnoop_self_seconds_total counter
      fsnoop_self_seconds_total{function="vfs_read"} 0.0005034
      fsnoop_self_seconds_total{function="ext4_readpage",module="ext4"} 2.01e-7
      # HELP fsnoop_errors_total Calls that returned an error, by its name.
      # TYPE fsnoop_errors_total counter
      fsnoop_errors_total{function="vfs_read",errno="EINTR"} 1
      fsnoop_errors_total{function="vfs_read",errno="EAGAIN"} 2
      # HELP fsnoop_lost_total Calls that are in no count, by why.
      # TYPE fsnoop_lost_total counter
      fsnoop_lost_total{reason="recursion"} 0
      fsnoop_lost_total{reason="entry"} 0
      # HELP fsnoop_uncounted_total Calls that are in the count of a histogram, and maybe in no bucket but +Inf.
      # TYPE fsnoop_uncounted_total counter
      fsnoop_uncounted_total 0
      # HELP fsnoop_functions Functions that are attached.
      # TYPE fsnoop_functions gauge
      fsnoop_functions 7
      # HELP fsnoop_build_info What counts.
      # TYPE fsnoop_build_info gauge
      fsnoop_build_info{version="0.1.0",kernel="7.2.13",method="fsession.multi"} 1
      "
    `);
  });

  const exactly = (durationsNs: readonly number[]) => {
    const samples = parseExposition(render([{ function: vfsRead, durationsNs }]));
    const buckets = samples.filter(({ name }) => name.endsWith('_bucket'));
    expect(buckets).toHaveLength(29);
    for (const { labels, value } of buckets) {
      const border = labels['le'] === '+Inf' ? Infinity : Number(labels['le']);
      expect(value).toBe(durationsNs.filter((ns) => ns / 1e9 <= border).length);
    }
  };

  test('has in a bucket what takes no longer than its border says, and nothing else', () => {
    const atBorders = [7, 8, 20, 34].flatMap((power) => [2 ** power - 1, 2 ** power]);
    exactly([0, 1, ...atBorders, 3600e9]);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 43, noNaN: true }), { minLength: 1, maxLength: 30 }),
        (powers) => {
          exactly(powers.map((power) => Math.floor(2 ** power)));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('escapes what labels are made of', () => {
    const named = { ...functions[0], name: 'a"b\\c\nd', module: 'm{}' } as (typeof functions)[0];
    const metrics = new Metrics({ ...options, functions: [named, ...functions.slice(1)] });
    const out = metrics.render(countedOf(reads), 'prometheus');
    expect(out).toContain('{function="a\\"b\\\\c\\nd",module="m{}",le="+Inf"} 4');
    const [sample] = parseExposition(out);
    expect(sample?.labels).toMatchObject({ function: 'a"b\\c\nd', module: 'm{}' });
  });

  test('has a label for what calls are told apart by, and one for what found no room', () => {
    const samples = parseExposition(
      render(
        [
          { function: vfsRead, key: { slot: 7, ...commKey('cat') }, durationsNs: [100] },
          { function: vfsRead, key: { slot: 9, ...commKey('other') }, durationsNs: [200, 200] },
          { function: vfsRead, durationsNs: [300, 300, 300] },
        ],
        'comm',
      ),
    );
    const counts = samples.filter(({ name }) => name.endsWith('_count'));
    expect(counts.map(({ labels, value }) => [labels, value])).toEqual([
      [{ function: 'vfs_read', other: 'true' }, 3],
      [{ function: 'vfs_read', comm: 'cat' }, 1],
      [{ function: 'vfs_read', comm: 'other' }, 2],
    ]);
  });

  test('has one series of keys that read the same', () => {
    const samples = parseExposition(
      render(
        [
          { function: vfsRead, key: { slot: 7, ...commKey('a\u0001') }, durationsNs: [100] },
          { function: vfsRead, key: { slot: 9, ...commKey('a\u0002') }, durationsNs: [300] },
        ],
        'comm',
      ),
    );
    expect(valuesOf(samples, 'fsnoop_call_duration_seconds_count', { comm: 'a?' })).toEqual([2]);
    expect(valuesOf(samples, 'fsnoop_call_duration_seconds_sum')).toEqual([400e-9]);
  });

  test('names errors, and has no name for all that are more than can be told apart', () => {
    const errors = { 2: 3, 0: 4, 4000: 1 };
    const samples = parseExposition(render([{ function: vfsRead, durationsNs: [1], errors }]));
    const told = samples.filter(({ name }) => name === 'fsnoop_errors_total');
    expect(told.map(({ labels, value }) => [labels['errno'], value])).toEqual(
      expect.arrayContaining([
        ['ENOENT', 3],
        ['other', 4],
        ['4000', 1],
      ]),
    );
  });
});

describe('OpenMetrics', () => {
  const out = new Metrics(options).render(countedOf(reads), 'openmetrics');

  test('says the same', () => {
    expect(parseExposition(out)).toEqual(parseExposition(render(reads)));
  });

  test('names families as it wants them, and ends', () => {
    expect(out).toContain(
      '# TYPE fsnoop_self_seconds counter\n# UNIT fsnoop_self_seconds seconds\n',
    );
    expect(out).toContain('# TYPE fsnoop_build info\nfsnoop_build_info{version="0.1.0"');
    expect(out).toMatch(/\n# EOF\n$/);
  });

  test.each<[string, ReturnType<typeof chooseFormat>]>([
    ['', 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/plain', 'prometheus'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0; q=0', 'prometheus'],
    [
      'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      'openmetrics',
    ],
    ['application/openmetrics-text;q=0.2,text/plain;q=0.5', 'prometheus'],
  ])('is for who asks for it: %s', (accept, format) => {
    expect(chooseFormat(accept)).toBe(format);
  });
});

describe('calls in no bucket', () => {
  /** Three calls, of which those of 100 ns have found no page. */
  function withoutPage(longestNs: number) {
    const counting = planCounting(functions.length, 1, null);
    const durationsNs = [100, 100, longestNs];
    const bytes = countInMemory(counting, [{ function: vfsRead, durationsNs }]);
    takePageAway(bytes, vfsRead, 100, 2);
    const stats = sumCells(decodeCells(bytes, counting), null);
    const out = new Metrics(options).render({ stats, lost: nothingLost }, 'prometheus');
    const samples = parseExposition(out);
    return {
      within: (le: string) => valuesOf(samples, 'fsnoop_call_duration_seconds_bucket', { le })[0],
      uncounted: valuesOf(samples, 'fsnoop_uncounted_total'),
      count: valuesOf(samples, 'fsnoop_call_duration_seconds_count'),
    };
  }

  test('are in those that end beyond the longest call, and counted', () => {
    const { within, uncounted, count } = withoutPage(9000);
    expect(within('1.27e-07')).toBe(0);
    expect(within('8.191e-06')).toBe(0);
    expect(within('1.6383e-05')).toBe(3);
    expect(within('+Inf')).toBe(3);
    expect({ uncounted, count }).toEqual({ uncounted: [2], count: [3] });
  });

  test('are in the last alone where a call is longer than any other ends', () => {
    const { within } = withoutPage(2 ** 35);
    expect(within('17.179869183')).toBe(0);
    expect(within('+Inf')).toBe(3);
  });
});

test('what is told never goes back, though it was guessed in the middle of a call', () => {
  const counting = planCounting(functions.length, 1, null);
  const bytes = countInMemory(counting, [{ function: vfsRead, durationsNs: [1000] }]);
  const write = (name: keyof typeof cellLayout, value: bigint) =>
    bytes.cells.writeBigUInt64LE(value, vfsRead * cellBytes + cellLayout[name]);
  const metrics = new Metrics(options);
  const scrape = () => {
    const stats = sumCells(decodeCells(bytes, counting), null);
    return parseExposition(metrics.render({ stats, lost: nothingLost }, 'prometheus'));
  };
  write('pageless', 1n); // a second call, not in the total yet: it is taken to be as long as the first
  const before = scrape();
  expect(valuesOf(before, 'fsnoop_call_duration_seconds_sum')).toEqual([2000e-9]);
  write('total', 1500n);
  write('least', 500n);
  const after = scrape();
  expect(valuesOf(after, 'fsnoop_call_duration_seconds_sum')).toEqual([2000e-9]);
  expect(fallen(before, after)).toEqual([]);
});

describe('addresses to listen on', () => {
  test.each([
    [':9435', '127.0.0.1', 9435],
    [':0', '127.0.0.1', 0],
    ['localhost:80', '127.0.0.1', 80],
    ['0.0.0.0:65535', '0.0.0.0', 65535],
    ['[::1]:9435', '::1', 9435],
    ['[::]:9435', '::', 9435],
  ])('%s', (written, host, port) => {
    expect(parseListenAddress('--prometheus', written)).toEqual({ host, port });
  });

  test.each([
    ...['', '9435', ':', ':x', ':65536', ':-1', '127.0.0.1', '127.0.0.1:', '1.2.3:9435'],
    ...['::1:9435', '[127.0.0.1]:9435', '[]:9435', 'example.org:9435', 'http://:9435'],
  ])("'%s' is none", (written) => {
    expect(() => parseListenAddress('--prometheus', written)).toThrow(
      `--prometheus '${written}' is no address to listen on.`,
    );
  });
});

describe('the server', () => {
  const anyPort = { host: '127.0.0.1', port: 0 };

  interface Answer {
    readonly status: number | undefined;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }

  async function get(url: string, method = 'GET', accept = '*/*'): Promise<Answer> {
    const request = ask(url, { method, headers: { accept } }).end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return {
      status: response.statusCode,
      headers: response.headers,
      body: await text(response),
    };
  }

  async function withServer(work: (server: MetricsServer) => Promise<void>): Promise<void> {
    await using server = await serveMetrics(anyPort);
    await work(server);
  }

  test('answers each scrape anew, in the format that is asked for', () =>
    withServer(async (server) => {
      let scrapes = 0;
      server.serve((format) => `${format} ${++scrapes}\n`);
      expect(await get(server.url)).toMatchObject({
        status: 200,
        body: 'prometheus 1\n',
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
      });
      expect(await get(`${server.url}?x=1`, 'GET', 'application/openmetrics-text')).toMatchObject({
        status: 200,
        body: 'openmetrics 2\n',
        headers: { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' },
      });
    }));

  test('answers HEAD with what GET would say of itself', () =>
    withServer(async (server) => {
      server.serve(() => 'föö\n');
      expect(await get(server.url, 'HEAD')).toMatchObject({
        status: 200,
        body: '',
        headers: { 'content-length': '6' },
      });
    }));

  test('says where metrics are, how they are read, and when there are none', () =>
    withServer(async (server) => {
      const root = server.url.replace('/metrics', '/');
      expect(await get(root)).toMatchObject({
        status: 404,
        body: 'There is nothing here; metrics are at /metrics\n',
      });
      expect(await get(server.url, 'POST')).toMatchObject({
        status: 405,
        headers: { allow: 'GET, HEAD' },
      });
      expect(await get(server.url)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    }));

  test('outlives what fails when it renders', () =>
    withServer(async (server) => {
      server.serve(() => {
        throw new Error('as it does not');
      });
      const { status, body } = await get(server.url);
      expect(status).toBe(500);
      expect(body).toContain('Error: as it does not\n    at ');
      server.serve(() => 'again\n');
      expect(await get(server.url)).toMatchObject({ status: 200, body: 'again\n' });
    }));

  test('listens on IPv6 too, and says so as URLs do', async () => {
    await using server = await serveMetrics({ host: '::1', port: 0 });
    expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+\/metrics$/);
    expect((await get(server.url)).status).toBe(503);
  });

  test('ends at once, with connections that are kept open', async () => {
    const server = await serveMetrics(anyPort);
    const { port, hostname } = new URL(server.url);
    server.serve(() => 'x\n');
    await (await fetch(server.url)).text();
    await server[Symbol.asyncDispose]();
    await using next = await serveMetrics({ host: hostname, port: Number(port) });
    expect(next.url).toBe(server.url);
  });

  test('says what to do where it can not listen', async () => {
    const other = createServer();
    await once(other.listen(anyPort), 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(serveMetrics({ host: '127.0.0.1', port })).rejects.toMatchObject({
      message: `Metrics can't be served at 127.0.0.1:${port}: another program listens there.`,
      suggestions: [
        'Choose another port, or let the system pick one: --prometheus :0',
        'See which program it is: ss -ltnp',
      ],
      oclif: { exit: 1 },
    });
    other.close();
    await expect(serveMetrics({ host: '192.0.2.1', port: 0 })).rejects.toThrow(
      "Metrics can't be served at 192.0.2.1:0: this machine has no such address.",
    );
  });
});

test('a function that was not called says nothing', () => {
  expect(render(reads)).not.toContain(functions[rwVerifyArea]?.name ?? '');
});
