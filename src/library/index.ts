/** fsnoop as a library: `import { trace, stat } from 'fsnoop'`. */
import { Printer } from '../tracing/printer.js';
import { makeCounter } from '../tracing/counter.js';
import type { JsonTree } from '../render/json-contract.js';
import { parseIntervalMs, parseRequest, type TracingWords } from '../tracing/request.js';
import { trace as runTrace, type TraceRequest } from '../tracing/trace.js';
import { driveStat, driveTrace, type Run } from './drive.js';
import type { CallOptions, StatOptions, TraceOptions } from './options.js';
import type { Stat, Trace, TraceEvent } from './trace-object.js';
import { toStatWords, toTraceWords } from './words.js';

export { exitStatus, Failure, type ExitStatus } from '../failure.js';
export type * from '../render/json-contract.js';
export type * from './options.js';
export type * from './trace-object.js';

/**
 * Traces calls of kernel functions, from now on: what `fsnoop trace --format json` prints, as objects. It holds up
 * the event loop for some tenths of a second while it reads the kernel's symbols.
 *
 *     for await (const { root } of trace({ kfunc: 'vfs_read', outputFgraph: true, command: 'cat /etc/hostname' }))
 *       console.log(root.function, root.durationNs, root.children.length);
 *
 * It writes nothing, listens to no signal and leaves V8's settings alone. When the loop is left, or this process
 * ends, however it does, all is detached. Several may go on at the same time.
 * @returns what iterates, `start` and `summary`. They reject with a {@link Failure} when the options make no sense
 * here, or this kernel or user cannot trace, and with the signal's reason when that aborts; what else they reject
 * with is a bug.
 */
export function trace(
  options: TraceOptions & { readonly outputFgraph: true; readonly live?: false },
): Trace<JsonTree>;
export function trace(options: TraceOptions): Trace<TraceEvent>;
export function trace(options: TraceOptions): Trace<TraceEvent> {
  const run: Run = async (output, endBy) => {
    const words = toTraceWords(options);
    const request = { ...makeRequest(words, words.live, options), output, endBy };
    const { status } = await runTrace(
      request,
      (parts) => new Printer(parts, { ...plain, ...request, live: words.live }),
    );
    return status;
  };
  return driveTrace(run, options.signal);
}

/**
 * Counts calls of kernel functions in the kernel, from now on: what `fsnoop stat --json` prints, as objects.
 *
 *     const functions = await stat({ kfunc: 'vfs_*', command: 'make' }).functions;
 *     console.log(functions[0]?.function, functions[0]?.calls);
 * @returns `functions`, what was counted in all, `start` and `summary`; and it iterates, with `interval` again and
 * again. For what they reject with, and what it leaves alone: {@link trace}.
 */
export function stat(options: StatOptions): Stat {
  const run: Run = async (output, endBy) => {
    const words = toStatWords(options);
    const { by = null, sort, top = null, record } = words;
    const request = { ...makeRequest(words, false, options), output, secondOutput: record, endBy };
    const shown = {
      ...{ by, sort, top, intervalMs: parseIntervalMs(words.interval), histograms: false },
      record: record ?? null,
    };
    const { status } = await runTrace(request, (parts) =>
      makeCounter(parts, { ...plain, ...request, ...shown }),
    );
    return status;
  };
  return driveStat(run, options.signal);
}

/** JSON has no width and no style, and nobody scrapes it. */
const plain = { width: null, height: null, style: 'tree', metrics: null } as const;

/** What the commands' flags say of a request besides. */
function makeRequest(
  words: TracingWords,
  live: boolean,
  { commandStdio, onNote }: CallOptions,
): Omit<TraceRequest, 'output' | 'endBy'> {
  return {
    ...parseRequest(words, live),
    format: 'json',
    color: false,
    prototypes: false,
    dryRun: false,
    commandOutput: commandStdio === 'inherit' ? 1 : 'none',
    heapOwner: 'a program',
    readyFile: null,
    strict: false,
    verbose: false,
    onProgress: () => undefined,
    onNote: (text) => {
      if (text !== '') onNote?.(text);
    },
  };
}
