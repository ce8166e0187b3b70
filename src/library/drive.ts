/** Runs a trace whose output a program reads, as objects, and that the program ends. */
import { Deferred } from '../deferred.js';
import { exitStatus, Failure } from '../failure.js';
import type { Output } from '../tracing/output.js';
import type {
  JsonInterval,
  JsonStart,
  JsonStat,
  JsonStatSummary,
  JsonSummary,
} from '../render/json-contract.js';
import type { ProgramEnd } from '../tracing/stop.js';
import { Queue } from './queue.js';
import type {
  FunctionStat,
  Stat,
  StatSnapshot,
  Trace,
  TraceAggregate,
  TraceEvent,
} from './trace-object.js';

/** Writes whole lines of JSON until it is to end; resolves to an exit status. */
export type Run = (output: Output, endBy: ProgramEnd) => Promise<number>;

/** They are what `fsnoop trace --format json` writes. */
type TraceLine =
  JsonStart | TraceEvent | TraceAggregate | JsonSummary | { readonly type: 'learnt' };

/** They are what `fsnoop stat --json` writes. */
type StatLine = JsonStart | JsonInterval | JsonStat | JsonStatSummary | { readonly type: 'learnt' };

export function driveTrace(run: Run, signal?: AbortSignal): Trace<TraceEvent> {
  const start = new Deferred<JsonStart>();
  const aggregates = new Deferred<readonly TraceAggregate[]>();
  const summary = new Deferred<JsonSummary>();
  const queue = new Queue<TraceEvent>();
  const counted: TraceAggregate[] = [];
  const take = (lines: readonly TraceLine[]): Promise<void> => {
    const events: TraceEvent[] = [];
    for (const line of lines) {
      switch (line.type) {
        case 'learnt':
          break;
        case 'start':
          start.resolve(line);
          break;
        case 'hist':
        case 'tdigest':
        case 'stack':
          counted.push(line);
          break;
        case 'summary':
          aggregates.resolve(counted);
          summary.resolve(line);
          break;
        default:
          events.push(line);
      }
    }
    return queue.put(events);
  };
  const going = drive({ run, signal, queue, take, awaited: [start, aggregates, summary] });
  return {
    ...going,
    ...{ start: start.promise, aggregates: aggregates.promise, summary: summary.promise },
  };
}

export function driveStat(run: Run, signal?: AbortSignal): Stat {
  const start = new Deferred<JsonStart>();
  const functions = new Deferred<readonly FunctionStat[]>();
  const summary = new Deferred<JsonStatSummary>();
  const queue = new Queue<StatSnapshot>();
  let last: readonly FunctionStat[] = [];
  const take = (lines: readonly StatLine[]): Promise<void> => {
    const [first] = lines;
    const counted = lines.flatMap((line) => (line.type === 'stat' ? toStat(line) : []));
    switch (first?.type) {
      case 'start':
        start.resolve(first);
        break;
      case 'interval':
        queue.replace({ elapsedMs: first.elapsedMs, functions: counted });
        break;
      case 'stat':
        last = counted;
        break;
      case 'summary':
        queue.replace({ elapsedMs: null, functions: last });
        functions.resolve(last);
        summary.resolve(first);
    }
    return Promise.resolve();
  };
  const going = drive({ run, signal, queue, take, awaited: [start, functions, summary] });
  return {
    ...going,
    ...{ start: start.promise, functions: functions.promise, summary: summary.promise },
  };
}

const toStat = (line: JsonStat): FunctionStat => ({
  ...line,
  totalNs: Number(line.totalNs),
  selfNs: Number(line.selfNs),
});

interface Drive<Item, Line> {
  readonly run: Run;
  readonly signal: AbortSignal | undefined;
  readonly queue: Queue<Item>;
  /** Takes the lines of one write; resolves when there is room for more. */
  readonly take: (lines: readonly Line[]) => Promise<void>;
  /** What is settled by lines: they never come where it fails. */
  readonly awaited: readonly Pick<Deferred<never>, 'reject'>[];
}

/** Begins at once. */
function drive<Item, Line>({ run, signal, queue, take, awaited }: Drive<Item, Line>) {
  const enough = new AbortController();
  const left = new AbortController();
  const leave = () => {
    queue.leave();
    left.abort();
  };
  const output: Output = {
    // what comes after that is not told: it rejects instead
    write: (text) =>
      signal?.aborted === true ? Promise.resolve() : take(parseLines(text) as Line[]),
    hasReader: () => true,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const runToEnd = async () => {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', leave);
    try {
      const status = await run(output, { enough: enough.signal, left: left.signal });
      signal?.throwIfAborted();
      return status;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  };
  const status = runToEnd();
  const settled = status.then(
    () => {
      for (const each of awaited) each.reject(endedEarly());
      queue.end();
    },
    (error: unknown) => {
      for (const each of awaited) each.reject(error);
      queue.fail(error);
    },
  );
  const end = async () => {
    leave();
    await settled;
  };
  return {
    status,
    stop() {
      enough.abort();
    },
    next: () => queue.take(),
    async return() {
      await end();
      return { done: true as const, value: undefined };
    },
    [Symbol.asyncDispose]: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const newline = 10;

/** A write is of whole lines. Each is a string of its own: V8 asks the system for the room of a long one. */
function parseLines(text: string | Uint8Array): unknown[] {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(text);
  const lines: unknown[] = [];
  for (let from = 0, end; (end = bytes.indexOf(newline, from)) >= 0; from = end + 1)
    lines.push(JSON.parse(bytes.toString('utf8', from, end)));
  return lines;
}

function endedEarly(): Failure {
  return new Failure(
    exitStatus.failed,
    'It was ended before all was attached.',
    'Wait for its start before stop(): await trace.start',
  );
}
