/** Debian's own prometheus scrapes what is served, on loopback, and answers from it. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { decodeCells } from '../src/events/cells.js';
import { serveMetrics, type MetricsServer } from '../src/tracing/metrics-server.js';
import { planCounting } from '../src/plan/counting.js';
import { Metrics } from '../src/render/metrics.js';
import { noAddresses } from '../src/symbols/addresses.js';
import { sumCells } from '../src/tree/function-stats.js';
import { commKey, countInMemory, type CountedCalls } from './cells.js';
import { functions } from './fixtures/reads.js';
import { startPrometheus, type Prometheus } from './prometheus.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 300_000 }); // it may have to be fetched first

const [vfsRead, ext4Readpage] = [0, 6];

/** Of a thousand calls, from 300 ns to 3 ms, most of them short. */
const durationsNs = Array.from({ length: 1000 }, (_, place) =>
  Math.floor(300 * 10 ** (place / 250)),
);

const hostile = 'a"b\\c';

const calls: readonly CountedCalls[] = [
  {
    ...{ function: vfsRead, key: { slot: 1, ...commKey('cat') }, durationsNs },
    ...{ belowNs: 5000, errors: { 2: 7, 11: 3 } },
  },
  { function: ext4Readpage, key: { slot: 2, ...commKey(hostile) }, durationsNs: [500, 600] },
];

let server: MetricsServer;
let prometheus: Prometheus;

beforeAll(async () => {
  server = await serveMetrics({ host: '127.0.0.1', port: 0 });
  const counting = planCounting(functions.length, 2, 'comm');
  const stats = sumCells(decodeCells(countInMemory(counting, calls), counting), 'comm');
  const metrics = new Metrics({
    ...{ version: '0.1.0', kernel: '7.2.13', method: 'fsession.multi', attached: 7 },
    ...{ by: 'comm', functions, addresses: noAddresses },
  });
  server.serve((format) => metrics.render({ stats, lost: { recursion: 5, entry: 0 } }, format));
  prometheus = await startPrometheus(new URL(server.url).host);
});

afterAll(async () => {
  await prometheus[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const ofCat = '{"comm":"cat","function":"vfs_read"}';
const sorted = durationsNs.toSorted((a, b) => a - b);

describe('histogram_quantile', () => {
  /** As Prometheus reckons: by the line from one border of the bucket to the other. */
  function interpolate(q: number): number {
    const rank = q * sorted.length;
    const within = (ns: number) => sorted.filter((one) => one <= ns).length;
    let power = 7;
    while (within(2 ** power - 1) < rank) power++;
    const [low, high] = [2 ** (power - 1) - 1, 2 ** power - 1];
    const part = (rank - within(low)) / (within(high) - within(low));
    return (low + (high - low) * part) / 1e9;
  }

  test.each([0.5, 0.9, 0.99])(
    'of %d is what the calls took, but for the width of a bucket',
    async (q) => {
      const text = `histogram_quantile(${q}, fsnoop_call_duration_seconds_bucket{comm="cat"})`;
      const answer = (await prometheus.find(text)).get(ofCat) ?? NaN;
      expect(answer).toBeCloseTo(interpolate(q), 12);
      const truth = (sorted[Math.ceil(q * sorted.length) - 1] ?? NaN) / 1e9;
      expect(answer / truth).toBeGreaterThan(0.5);
      expect(answer / truth).toBeLessThan(2);
    },
  );
});

test('the rest is there as well, with its labels as they are', async () => {
  const valueOf = async (text: string) => Object.fromEntries(await prometheus.find(text));
  expect(await valueOf('fsnoop_call_duration_seconds_count')).toEqual({
    [withName('fsnoop_call_duration_seconds_count', 'cat', 'vfs_read')]: 1000,
    [withName('fsnoop_call_duration_seconds_count', hostile, 'ext4_readpage', 'ext4')]: 2,
  });
  const total = durationsNs.reduce((sum, ns) => sum + ns, 0);
  expect(await valueOf('sum(fsnoop_call_duration_seconds_sum{comm="cat"})')).toEqual({
    '{}': total / 1e9,
  });
  expect(await valueOf('sum(fsnoop_self_seconds_total{comm="cat"})')).toEqual({
    '{}': (total - 5000) / 1e9,
  });
  expect(await valueOf('sum by (errno) (fsnoop_errors_total)')).toEqual({
    '{"errno":"ENOENT"}': 7,
    '{"errno":"EAGAIN"}': 3,
  });
  expect(await valueOf('sum by (reason) (fsnoop_lost_total)')).toEqual({
    '{"reason":"recursion"}': 5,
    '{"reason":"entry"}': 0,
  });
  expect(await valueOf('sum(fsnoop_functions)')).toEqual({ '{}': 7 });
  expect(await valueOf('sum by (kernel) (fsnoop_build_info)')).toEqual({
    '{"kernel":"7.2.13"}': 1,
  });
});

const withName = (name: string, comm: string, of: string, module?: string) =>
  JSON.stringify({ __name__: name, comm, function: of, ...(module !== undefined && { module }) });

test('no scrape fails', async () => {
  await prometheus.find('up == 1');
  expect(await prometheus.lastError()).toBe('');
  expect((await prometheus.find('scrape_samples_scraped')).values().next().value).toBeGreaterThan(
    60,
  );
});
