/** Serves metrics to Prometheus over HTTP: `GET /metrics`, made anew for each scrape. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exitStatus, Failure } from '../failure.js';
import { formatAddress, type ListenAddress } from '../words/listen-address.js';
import type { MetricsFormat } from '../render/metrics.js';

export interface MetricsServer extends AsyncDisposable {
  /** `http://127.0.0.1:9435/metrics`. */
  readonly url: string;
  /** What scrapes get from now on; null: that there is nothing now. */
  serve(render: RenderMetrics | null): void;
}

type RenderMetrics = (format: MetricsFormat) => string;

const path = '/metrics';

/**
 * Listens until it is disposed. Scrapes are told to come again until there is something to serve.
 * @throws {Failure} when it can't listen there
 */
export async function serveMetrics(address: ListenAddress): Promise<MetricsServer> {
  let render: RenderMetrics | null = null;
  const server = createServer((request, response) => {
    send(request, response, answer(request, render));
  });
  try {
    await once(server.listen(address), 'listening');
  } catch (error) {
    throw cannotListen(address, error as NodeJS.ErrnoException);
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${formatAddress({ ...address, port })}${path}`,
    serve: (next) => {
      render = next;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const plain = 'text/plain; charset=utf-8';

const contentTypes: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

function answer({ method, url, headers }: IncomingMessage, render: RenderMetrics | null): Answer {
  if (url?.split('?')[0] !== path)
    return { status: 404, body: `There is nothing here; metrics are at ${path}\n` };
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, body: 'Metrics can be read: GET\n', headers: { Allow: 'GET, HEAD' } };
  if (render === null)
    return {
      status: 503,
      body: 'fsnoop is attaching, or detaching: try again\n',
      headers: { 'Retry-After': '1' },
    };
  const format = chooseFormat(headers.accept ?? '');
  try {
    return { status: 200, body: render(format), headers: { 'Content-Type': contentTypes[format] } };
  } catch (error) {
    // tracing goes on
    return { status: 500, body: `This is a bug in fsnoop.\n${(error as Error).stack ?? ''}\n` };
  }
}

/** What is said of HEAD is what GET would say; node leaves out its body. */
function send(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, body, headers }: Answer,
): void {
  response.writeHead(status, {
    'Content-Type': plain,
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(method === 'HEAD' ? undefined : body);
}

/** OpenMetrics where it is asked for by name, and nothing else is liked better. */
export function chooseFormat(accept: string): MetricsFormat {
  const ranges = accept.toLowerCase().split(',').map(parseRange);
  const weightOf = (...types: readonly string[]) =>
    Math.max(0, ...ranges.flatMap(({ type, weight }) => (types.includes(type) ? weight : [])));
  const openMetrics = weightOf('application/openmetrics-text');
  return openMetrics > 0 && openMetrics >= weightOf('text/plain') ? 'openmetrics' : 'prometheus';
}

/** `text/plain;version=0.0.4;q=0.3`. */
function parseRange(range: string): { readonly type: string; readonly weight: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
  const [weight] = parameters.flatMap((part) => /^q=([\d.]+)$/.exec(part)?.[1] ?? []);
  return { type, weight: Number(weight ?? 1) };
}

function cannotListen(address: ListenAddress, { code = '' }: NodeJS.ErrnoException): Failure {
  const [why, ...next] = reasons[code] ?? [`it can't be listened on (${code})`];
  return new Failure(
    exitStatus.failed,
    `Metrics can't be served at ${formatAddress(address)}: ${why}.`,
    ...next,
  );
}

/** Why, and what to do. */
const reasons: Readonly<Record<string, readonly [string, ...string[]]>> = {
  EADDRINUSE: [
    'another program listens there',
    'Choose another port, or let the system pick one: --prometheus :0',
    'See which program it is: ss -ltnp',
  ],
  EADDRNOTAVAIL: [
    'this machine has no such address',
    'See which it has: ip address',
    'Or listen on all that it has: --prometheus 0.0.0.0:PORT',
  ],
  EACCES: ['the port is for root alone', 'Choose one above 1023'],
};
