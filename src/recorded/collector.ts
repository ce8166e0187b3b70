/** Sends spans to a collector of OpenTelemetry, by its own exporter: OTLP over HTTP, as Protocol Buffers. */
import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { Span } from '../export/otlp.js';
import { exitStatus, Failure } from '../failure.js';

export interface CollectorOptions {
  /** Where traces go: `http://localhost:4318/v1/traces`. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Collector extends Disposable {
  /**
   * Sends them with one request, again and again while the collector is busy or not there: for ten seconds, or
   * as the exporter's own variables say.
   * @throws {Failure} when it did not take them
   */
  send(spans: Span[]): Promise<void>;
  /** What it said about what it took. */
  readonly remarks: Remarks;
}

interface Remarks {
  /** How many spans it rejected of those that it took. */
  readonly rejected: number;
  /** In its own words. */
  readonly messages: ReadonlySet<string>;
}

/** It may say another thing of each request. */
const mostMessages = 5;

export function openCollector({ url, headers }: CollectorOptions): Collector {
  const remarks = { rejected: 0, messages: new Set<string>() };
  const take = (said: readonly unknown[]): void => {
    const { rejectedSpans = 0, errorMessage = '' } = parseRemark(said);
    remarks.rejected += rejectedSpans;
    if (remarks.messages.size < mostMessages && errorMessage !== '')
      remarks.messages.add(errorMessage);
  };
  // the exporter tells it in no other way
  diag.setLogger(makeLogger(take), DiagLogLevel.WARN);
  const exporter = new OTLPTraceExporter({ url: url.href, headers: { ...headers } });
  return {
    remarks,
    send: (spans) =>
      new Promise((resolve, reject) => {
        exporter.export(spans, ({ error }) => {
          if (error === undefined) resolve();
          else reject(explain(url, error));
        });
      }),
    [Symbol.dispose]: () => {
      diag.disable();
    },
  };
}

/** Without what people write before the host to be let in. */
export function formatUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = '';
  shown.password = '';
  return shown.href;
}

function makeLogger(take: (said: readonly unknown[]) => void): DiagLogger {
  const log = (...said: readonly unknown[]): void => {
    take(said);
  };
  return { error: log, warn: log, info: log, debug: log, verbose: log };
}

interface Remark {
  readonly rejectedSpans?: number;
  readonly errorMessage?: string;
}

/** What the collector answered is the last of it, as JSON; else it is the exporter's own words. */
function parseRemark(said: readonly unknown[]): Remark {
  const last = said.at(-1);
  const isAnswer = typeof last === 'string' && last.startsWith('{');
  return isAnswer ? (JSON.parse(last) as Remark) : { errorMessage: said.join(' ') };
}

/** @param error a network error with its name, or an answer with its HTTP status and body */
function explain(url: URL, error: Error): Failure {
  const { code = '', data = '' } = error as { code?: string | number; data?: string };
  return new Failure(
    exitStatus.failed,
    `${formatUrl(url)} did not take the spans: ${
      typeof code === 'number' ? formatAnswer(code, error.message, data) : formatError(code, error)
    }.`,
    ...[advice[code] ?? []].flat(),
    'The recording is as it was: send it again, all of it; calls keep their ids',
  );
}

/** @param body text, or a message of Protocol Buffers with some in it */
function formatAnswer(status: number, name: string, body: string): string {
  const said = body.replace(/\p{C}/gu, ' ').trim().slice(0, 200);
  return `it answers ${status} ${name}${said === '' ? '' : ` ("${said}")`}`;
}

const formatError = (code: string, { message }: Error): string =>
  code === '' ? (reasons[message] ?? message) : `${reasons[code] ?? message} (${code})`;

/** By the name of a network error, or by what the exporter says. */
const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'it closed the connection',
  ENOTFOUND: 'there is no such host',
  EHOSTUNREACH: 'there is no way to it',
  'Request timed out': 'it does not answer',
  'Export failed with retryable status': 'it says that it is busy, again and again',
};

const isItThere = 'Is a collector there? It takes OTLP over HTTP on port 4318, as a rule';
const notGrpc = 'Port 4317 is for gRPC, as a rule; OTLP over HTTP has 4318';
const letIn = "Say who you are: --header 'authorization=Bearer TOKEN'";
const trusted = 'Name a certificate to trust: OTEL_EXPORTER_OTLP_CERTIFICATE=FILE';

/** By the name of a network error, or the status of an answer. */
const advice: Readonly<Record<string, string>> = {
  ...{ ECONNREFUSED: isItThere, EHOSTUNREACH: isItThere, ENOTFOUND: isItThere },
  ...{ ECONNRESET: notGrpc, HPE_INVALID_CONSTANT: notGrpc },
  ...{ DEPTH_ZERO_SELF_SIGNED_CERT: trusted, UNABLE_TO_VERIFY_LEAF_SIGNATURE: trusted },
  ...{ 401: letIn, 403: letIn },
  404: 'The endpoint is what comes before /v1/traces',
};
