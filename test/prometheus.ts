/** Debian's prometheus, fetched once into the cache; it is never installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheFolder, writeWhole } from '../src/vm/cache.js';
import { withPackages } from '../src/vm/packages.js';

const suite = 'bookworm';

/**
 * The path of the program.
 * @throws {Failure} when it can't be fetched
 */
async function loadPrometheus(): Promise<string> {
  const path = join(cacheFolder('prometheus'), suite, 'prometheus');
  if (existsSync(path)) return path;
  const options = { architecture: 'x64', report: () => undefined } as const;
  await withPackages('the tests of metrics', options, async (open) => {
    await using unpacked = await (await open()).fetch(['prometheus'], suite);
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, (beside) => cp(join(unpacked.path, 'usr/bin/prometheus'), beside));
  });
  return path;
}

export interface Prometheus extends AsyncDisposable {
  /** The value of each series that the query finds now, by its labels. */
  query(text: string): Promise<ReadonlyMap<string, number>>;
  /** Asks again and again until something is found. */
  find(text: string): Promise<ReadonlyMap<string, number>>;
  /** Why the last scrape failed; '' where it did not. */
  lastError(): Promise<string>;
}

const longestWaitMs = 20_000;

/** Runs on loopback, and scrapes `target` (`127.0.0.1:9435`) each second. */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const program = await loadPrometheus();
  const folder = await mkdtemp(join(tmpdir(), 'fsnoop-prometheus-'));
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [{ job_name: 'fsnoop', static_configs: [{ targets: [target] }] }],
  };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(config)); // which is YAML too
  const address = `127.0.0.1:${await findPort()}`;
  const child = spawn(
    program,
    [
      `--config.file=${folder}/config.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close');

  const ask = async <Data>(path: string): Promise<Data> => {
    const response = await fetch(`http://${address}/api/v1/${path}`);
    const { status, error, data } = (await response.json()) as {
      readonly status: string;
      readonly error?: string;
      readonly data: Data;
    };
    if (status !== 'success') throw new Error(`prometheus says: ${error ?? status}`);
    return data;
  };
  const query = async (text: string) => {
    const { result } = await ask<{
      readonly result: readonly {
        readonly metric: Readonly<Record<string, string>>;
        readonly value: readonly [number, string];
      }[];
    }>(`query?query=${encodeURIComponent(text)}`);
    return new Map(
      result.map(({ metric, value }) => [
        // but for those that say where it was scraped
        JSON.stringify({ ...metric, instance: undefined, job: undefined }),
        Number(value[1]),
      ]),
    );
  };
  const find = async (text: string) => {
    const giveUpAt = performance.now() + longestWaitMs;
    for (;;) {
      const found = await query(text).catch((error: unknown) => {
        if (performance.now() > giveUpAt) throw error;
        return new Map<string, number>();
      });
      if (found.size > 0) return found;
      if (performance.now() > giveUpAt) throw new Error(`prometheus has no ${text}\n${said}`);
      await delay(200);
    }
  };
  return {
    ...{ query, find },
    lastError: async () => {
      const { activeTargets } = await ask<{
        readonly activeTargets: readonly { readonly lastError: string }[];
      }>('targets');
      return activeTargets[0]?.lastError ?? 'there is no target';
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

/** One that nobody listens on. */
async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
