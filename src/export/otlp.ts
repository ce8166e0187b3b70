/**
 * Calls as spans of OpenTelemetry: a tree is a trace, and a call a span below that of its caller. Attributes
 * have the names of OpenTelemetry's semantic conventions, and where those have none begin with `fsnoop.`
 */
import { createHash } from 'node:crypto';
import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { formatComm } from '../render/text.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import { walk } from '../tree/walk.js';
import { Facts, type CallFacts } from './call-facts.js';
import type { ExportParts } from './exporter.js';

/** What OpenTelemetry's exporters take. */
export type Span = Parameters<OTLPTraceExporter['export']>[0][number];

export interface SpanOptions {
  /** What the spans are of, to a collector: `service.name`. */
  readonly service: string;
  /** Of fsnoop. */
  readonly version: string;
  /** The epoch of the trace by the clock on the wall, in ms since 1970. */
  readonly startedMs: number;
}

/** Each before those below it. */
export type SpanMaker = (tree: Tree) => Generator<Span, void>;

/** Makes the same spans of the same recording, with the same ids. */
export function makeSpanMaker(parts: ExportParts, options: SpanOptions): SpanMaker {
  const facts = new Facts(parts);
  const { functions, cpuTime } = parts.opening;
  const identity = identify(parts);
  const fixed = {
    ...{ kind: SpanKind.INTERNAL, ended: true, links: [] },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
    resource: resourceFromAttributes(describeMachine(parts, options.service)),
    instrumentationScope: { name: 'fsnoop', version: options.version },
  };
  const timeOf = (atNs: number): HrTime => {
    const ns = (options.startedMs % 1000) * 1e6 + atNs;
    const seconds = Math.floor(ns / 1e9);
    return [Math.floor(options.startedMs / 1000) + seconds, ns - seconds * 1e9];
  };
  /** '' where the record was lost. */
  const namesOf = ({ function: place }: Call | Mark) => {
    const { name = '', module = null } = functions[place] ?? {};
    return { name, module };
  };

  const describeCall = (call: Call, told: CallFacts, tree: Tree): Attributes => {
    const { name, module } = namesOf(call);
    return {
      ...(name !== '' && { 'code.function.name': name }),
      ...(module !== null && { 'fsnoop.module': module }),
      'process.pid': tree.pid,
      'thread.id': tree.tid,
      'thread.name': formatComm(tree.comm),
      'cpu.logical_number': call.cpu,
      ...(told.errno !== null && { 'error.type': told.errno }),
      'fsnoop.self_ns': call.selfNs,
      ...(cpuTime && { 'fsnoop.off_cpu_ns': call.offNs }),
      ...(call.status === 'returned'
        ? told.returned !== '' && { 'fsnoop.return_value': told.returned }
        : { 'fsnoop.status': call.status }),
      ...describeValues(told),
      ...(call === tree.root &&
        tree.incomplete !== null && {
          'fsnoop.incomplete': tree.incomplete,
          'fsnoop.lost_calls': tree.lost,
        }),
    };
  };

  const makeEvent = ({ node, atNs }: Moment): Span['events'][number] => {
    const time = timeOf(atNs);
    if (typeof node === 'number')
      return { time, name: 'calls lost', attributes: { 'fsnoop.lost_calls': node } };
    const { name, module } = namesOf(node);
    const attributes = {
      'cpu.logical_number': node.cpu,
      ...(module !== null && { 'fsnoop.module': module }),
      ...describeValues(facts.ofMark(node)),
    };
    return { time, name, attributes };
  };

  return function* (tree) {
    const ids = makeIds(identity, tree);
    for (const [place, { call, startNs, endNs, parent, moments }] of listCalls(tree).entries()) {
      const told = facts.of(call);
      const context = ids(place);
      yield {
        ...fixed,
        name: namesOf(call).name || '?',
        spanContext: () => context,
        ...(parent !== null && { parentSpanContext: ids(parent) }),
        startTime: timeOf(startNs),
        endTime: timeOf(endNs),
        duration: [Math.floor((endNs - startNs) / 1e9), (endNs - startNs) % 1e9],
        status:
          told.errno === null
            ? { code: SpanStatusCode.UNSET }
            : { code: SpanStatusCode.ERROR, message: told.errno },
        attributes: describeCall(call, told, tree),
        events: moments?.map(makeEvent) ?? [],
      };
    }
  };
}

/** A tracepoint in a call, or so many lost calls. */
interface Moment {
  readonly node: Mark | number;
  readonly atNs: number;
}

interface Timed {
  readonly call: Call;
  readonly startNs: number;
  endNs: number;
  /** Place in the list; null: the root. */
  readonly parent: number | null;
  /** Null for none. */
  moments: Moment[] | null;
}

/** In the order in which they began. */
function listCalls({ root }: Tree): readonly Timed[] {
  const calls: Timed[] = [];
  const open: number[] = [];
  const last = () => calls[open.at(-1) ?? -1];
  const add = (node: Moment['node'], atNs: number): void => {
    const call = last();
    if (call !== undefined) (call.moments ??= []).push({ node, atNs });
  };
  walk(root, {
    open: (call, atNs) => {
      const parent = open.at(-1) ?? null;
      open.push(calls.length);
      calls.push({ call, startNs: atNs, endNs: atNs, parent, moments: null });
    },
    close: (_, atNs) => {
      const call = last();
      if (call !== undefined) call.endNs = atNs;
      open.pop();
    },
    lost: add,
    mark: add,
  });
  return calls;
}

function describeValues({ arguments: args, outputs }: CallFacts): Attributes {
  return {
    ...(args !== '' && { 'fsnoop.arguments': args }),
    ...Object.fromEntries(outputs.map(({ label, text }) => [`fsnoop.output.${label}`, text])),
  };
}

function describeMachine({ opening, attached }: ExportParts, service: string): Attributes {
  const { kernel, method, hostname } = attached;
  return {
    'service.name': service,
    ...(hostname !== undefined && { 'host.name': hostname }),
    'os.type': 'linux',
    'os.version': kernel,
    'fsnoop.method': method,
    ...(opening.command !== null && { 'fsnoop.command': [...opening.command] }),
  };
}

/** No two recordings have all of this alike. */
function identify({ opening, attached }: ExportParts): string {
  const { epochNs, startedAt, command } = opening;
  const { hostname, kernel, method, attachMs } = attached;
  return JSON.stringify([`${epochNs}`, startedAt, hostname, kernel, method, attachMs, command]);
}

/** An odd number times 0, 1, 2, …: no two are alike in their lower 64 bits. */
const step = 0x9e37_79b9_7f4a_7c15n;

/** By the place of a call in its tree. */
function makeIds(identity: string, tree: Tree): (place: number) => SpanContext {
  const hash = createHash('sha256')
    .update(`${identity} ${tree.tree} ${tree.tid} ${tree.startNs}`)
    .digest('hex');
  const traceId = hash.slice(0, 32);
  const first = BigInt(`0x${hash.slice(32, 48)}`);
  return (place) => ({
    traceId,
    spanId: BigInt.asUintN(64, first + BigInt(place) * step)
      .toString(16)
      .padStart(16, '0'),
    traceFlags: TraceFlags.SAMPLED,
  });
}
