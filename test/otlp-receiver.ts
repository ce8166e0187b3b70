/** A collector of OpenTelemetry, as far as it takes traces: decodes them by OpenTelemetry's own definitions. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import definitions from 'opentelemetry-definitions/build/src/generated/root.js';

/** What protobufjs makes of a message's definition. */
interface Codec {
  readonly encode: (message: object) => { readonly finish: () => Uint8Array };
  readonly decode: (bytes: Uint8Array) => object;
  readonly toObject: (message: object, options: object) => object;
}

/** As the package's types don't say. */
interface Definitions {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly trace: {
          readonly v1: Readonly<
            Record<'ExportTraceServiceRequest' | 'ExportTraceServiceResponse', Codec>
          >;
        };
      };
    };
  };
}

const { ExportTraceServiceRequest: Request, ExportTraceServiceResponse: Response } = (
  definitions as unknown as Definitions
).opentelemetry.proto.collector.trace.v1;

/** With numbers of 64 bits as bigint, and ids as hexadecimal text. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' of a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly {
    readonly name: string;
    readonly atNs: bigint;
    readonly attributes: Attributes;
  }[];
  /** `STATUS_CODE_ERROR ENOENT`. */
  readonly status: string;
  /** Of what it is a part. */
  readonly resource: Attributes;
  readonly scope: string;
}

type Attributes = Readonly<Record<string, unknown>>;

export interface ReceiverOptions {
  /** What to answer the request of this number, from 0; 200 and all taken without it. */
  readonly answer?: (place: number) => Answer;
  /** How long each takes. */
  readonly delayMs?: number;
}

interface Answer {
  readonly status: number;
  readonly body?: string | Uint8Array;
}

export interface Receiver extends AsyncDisposable {
  readonly endpoint: string;
  readonly requests: readonly {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly spans: readonly ReceivedSpan[];
  }[];
  /** How many requests were there at a time, at most. */
  readonly mostAtOnce: number;
  /** Of all requests that were taken. */
  readonly spans: readonly ReceivedSpan[];
}

export async function startReceiver({
  answer = () => ({ status: 200 }),
  delayMs = 0,
}: ReceiverOptions = {}): Promise<Receiver> {
  const requests: Receiver['requests'][number][] = [];
  const spans: ReceivedSpan[] = [];
  let now = 0;
  let mostAtOnce = 0;
  const server = createServer((request, response) => {
    mostAtOnce = Math.max(mostAtOnce, ++now);
    void (async () => {
      const { url: path = '', headers } = request;
      const received = decode(await buffer(request));
      const { status, body = Response.encode({}).finish() } = answer(requests.length);
      requests.push({ path, headers, spans: received });
      if (status === 200) spans.push(...received);
      await delay(delayMs);
      now--;
      response.writeHead(status, { 'Content-Type': 'application/x-protobuf' }).end(body);
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    ...{ requests, spans },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get mostAtOnce() {
      return mostAtOnce;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** What a collector says that took all but some. */
export const rejection = (rejectedSpans: number, errorMessage: string): Uint8Array =>
  Response.encode({ partialSuccess: { rejectedSpans, errorMessage } }).finish();

interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string;
  readonly boolValue?: boolean;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
}

interface DecodedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly {
    readonly name: string;
    readonly timeUnixNano: string;
    readonly attributes: readonly KeyValue[];
  }[];
  readonly status: { readonly code: string; readonly message: string };
}

interface Decoded {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly spans: readonly DecodedSpan[];
    }[];
  }[];
}

/** @throws {Error} when the bytes are no such request */
function decode(bytes: Uint8Array): ReceivedSpan[] {
  const { resourceSpans } = Request.toObject(Request.decode(bytes), {
    ...{ longs: String, enums: String, bytes: String, defaults: true },
  }) as Decoded;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({
        ...toSpan(span),
        resource: toAttributes(resource.attributes),
        scope: `${scope.name} ${scope.version}`,
      })),
    ),
  );
}

function toSpan(span: DecodedSpan): Omit<ReceivedSpan, 'resource' | 'scope'> {
  const { name, kind, attributes, events, status } = span;
  return {
    ...{ name, kind },
    traceId: toHex(span.traceId),
    spanId: toHex(span.spanId),
    parentSpanId: toHex(span.parentSpanId),
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    attributes: toAttributes(attributes),
    events: events.map((event) => ({
      name: event.name,
      atNs: BigInt(event.timeUnixNano),
      attributes: toAttributes(event.attributes),
    })),
    status: `${status.code} ${status.message}`.trim(),
  };
}

const toHex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex');

const toAttributes = (list: readonly KeyValue[]): Attributes =>
  Object.fromEntries(list.map(({ key, value }) => [key, toValue(value)]));

function toValue(value: AnyValue): unknown {
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(toValue);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}
