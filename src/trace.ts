/** The whole of a trace: symbols, plan, attach, events, tree, render. */
import { cpus, release } from 'node:os';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { attach } from './attach/attach.js';
import { startWaiting, type WaitingCommand } from './attach/command.js';
import { lacksFsessionMulti } from './attach/explain.js';
import { loadNative } from './attach/native.js';
import { startWatchdog } from './attach/watchdog.js';
import { Backlog } from './backlog.js';
import { aggregateOf } from './expr/expression.js';
import { exitStatus } from './failure.js';
import { ClosedPipe, openOutput, writeReadyFile, type Output } from './output.js';
import { chooseFunctions, hasGraph, makePlan, type Choice, type Wishes } from './plan/make-plan.js';
import type { Plan, PlannedFunction, RefusedFunction } from './plan/plan.js';
import { guardRate } from './rate-guard.js';
import { renderGraphJson, renderGraphText } from './render/graph.js';
import { findHot, renderHot } from './render/hot.js';
import { renderAttached, renderMany, renderRefused, renderStopped } from './render/notes.js';
import { renderPlanJson, renderPlanText } from './render/plan.js';
import { makeRenderer, type RendererOptions } from './render/renderer.js';
import { Stop } from './stop.js';
import { Stream } from './stream.js';
import { spellPrototype } from './symbols/c-type.js';
import type { CallGraph } from './symbols/callees.js';
import type { KernelFunction } from './symbols/function.js';
import type { Symbols } from './symbols/functions.js';
import { loadCallees } from './symbols/load-callees.js';
import { loadSymbols } from './symbols/symbols.js';

export interface TraceRequest extends Pick<
  RendererOptions,
  'format' | 'style' | 'prototypes' | 'width' | 'color'
> {
  readonly wishes: Wishes;
  readonly dryRun: boolean;
  /** A file, or null for standard output. */
  readonly output: string | null;
  /** End after so many trees, or lines without `-g`; null: never. */
  readonly limitEvents: number | null;
  readonly durationMs: number | null;
  /** More records a second end the trace; 0: never. */
  readonly maxRate: number;
  /** After so long without a sign of life fsnoop is killed; 0: never. */
  readonly watchdogMs: number;
  /** Written as soon as all is attached. */
  readonly readyFile: string | null;
  /** A loss makes the exit status 4. */
  readonly strict: boolean;
  /** Told what is being done, for a terminal; '' when it is done. */
  readonly onProgress: (text: string) => void;
  /** Gets what people are told beside the trace: what was left out, the summary. */
  readonly onNote: (text: string) => void;
  /** Tell people of the plan and of attaching too. */
  readonly verbose: boolean;
}

/** Records are fetched this often; what comes in between waits in the ring. */
const pollMs = 20;
/** Decoding rests after so long, as long as there is room for what comes: the CPU is the traced program's. */
const decodeMs = 40;
/** Of the free memory, so much may wait to be decoded where calls come faster than that. */
const backlogShare = 1 / 4;

/**
 * Traces until the command ends, a limit is reached, or a signal comes.
 * @returns the exit status
 * @throws {Failure} when the request makes no sense here, or this kernel or user cannot trace
 */
export async function trace(request: TraceRequest): Promise<number> {
  const { command: argv, roots, include, exclude, extra } = request.wishes;
  using command = argv === null || request.dryRun ? null : startWaiting(argv);
  request.onProgress('reading symbols');
  const named = [...roots, ...include, ...exclude, ...extra].map(({ glob }) => glob);
  const symbols = loadSymbols(needsCallees(request) ? ['*'] : named, loadNative().printKallsyms);
  if (symbols.btf.enumerator('BPF_TRACE_FSESSION_MULTI') === undefined) throw lacksFsessionMulti();
  const choice = chooseFunctions(request.wishes, symbols);
  const plan = makePlan(
    request.wishes,
    choice,
    symbols,
    needsCallees(request) ? await disassemble(choice, request, symbols) : null,
  );
  await using output = await openOutput(request.output);
  using stop = new Stop();
  if (request.dryRun) {
    request.onProgress('');
    await output.write(renderDryRun(plan, request, symbols)).catch((error: unknown) => {
      stop.break(error as Error);
    });
    return stop.status();
  }
  const { lost } = await run(plan, symbols, request, output, stop, command);
  if (command?.execError != null) request.onNote(`${command.execError}\n`);
  if (stop.reason?.type !== 'command') command?.kill(stop.signal);
  const isStrictlyLost = lost && request.strict && stop.reason?.type !== 'rate';
  return isStrictlyLost ? exitStatus.lost : stop.status();
}

/** Included functions are taken for what is below the roots, unless the graph itself is to be shown. */
function needsCallees({ wishes, dryRun, prototypes = false }: TraceRequest): boolean {
  return hasGraph(wishes) && (wishes.include.length === 0 || (dryRun && prototypes));
}

async function disassemble(
  { roots, exclude, extra }: Choice,
  { wishes, onProgress }: TraceRequest,
  symbols: Symbols,
): Promise<CallGraph> {
  onProgress('disassembling');
  const namesOf = (functions: readonly KernelFunction[]) => functions.map(({ name }) => name);
  return loadCallees(
    {
      roots: namesOf(roots.filter(({ reason }) => reason === null)),
      extra: namesOf(extra),
      excluded: new Set(namesOf(exclude)),
      maxDepth: wishes.maxDepth,
      paths: wishes.paths,
    },
    symbols.code,
    loadNative().disassemble,
  );
}

/** The plan; where prototypes are asked for, the graph. */
function renderDryRun(plan: Plan, request: TraceRequest, { btf }: Symbols): string {
  const isJson = request.format === 'json';
  if (request.prototypes !== true || plan.callees === null)
    return isJson ? renderPlanJson(plan) : renderPlanText(plan);
  const prototypeOf = ({ btfId, name }: KernelFunction) =>
    btfId === 0 ? null : spellPrototype(btf, btfId, name);
  return isJson
    ? renderGraphJson(plan, plan.callees, prototypeOf)
    : renderGraphText(plan, plan.callees, { color: request.color, prototypeOf });
}

/** Attaches, streams until it is to stop, detaches, sums up. */
async function run(
  plan: Plan,
  symbols: Symbols,
  request: TraceRequest,
  output: Output,
  stop: Stop,
  command: WaitingCommand | null,
): Promise<{ lost: boolean }> {
  const epochNs = process.hrtime.bigint();
  const { graph, live, functions } = plan;
  const renderer = makeRenderer({
    ...request,
    graph,
    live,
    functions,
    outputs: plan.outputs.map((expression) => ({
      text: expression.text,
      aggregate: aggregateOf(expression),
    })),
    addresses: symbols.addresses,
    epochNs,
    cpus: cpus().length,
  });
  request.onNote(renderMany(functions.length));
  using watchdog = request.watchdogMs === 0 ? null : startWatchdog(request.watchdogMs);
  await using attachment = await attach(plan, {
    commandPid: command?.pid ?? null,
    helperPids: [watchdog?.pid ?? []].flat(),
    onProgress: request.onProgress,
  });
  // at once, even where what was read before can't be written
  const detached = stop.asked.then(() => attachment.detach());
  request.onProgress('');
  const write = async (text: string): Promise<void> => {
    if (text === '' || stop.isBroken) return;
    await output.write(text).catch((error: unknown) => {
      stop.break(error as Error);
    });
  };
  const refused = [...plan.refused, ...attachment.refused.map(toRefused)];
  const { attachMs } = attachment;
  const attached = functions.length - attachment.refused.length;
  if (request.verbose) {
    request.onNote(renderPlanText(plan) + renderAttached(attached, plan.method, attachMs));
  }
  if (request.format === 'text') request.onNote(renderRefused(refused));
  await write(
    renderer.start({
      kernel: release(),
      method: plan.method,
      functions: attached,
      refused,
      attachMs,
    }),
  );
  await writeReadyFile(request.readyFile);
  const stream = new Stream({
    renderer,
    epochNs,
    unit: graph ? 'tree' : 'line',
    limit: request.limitEvents,
    onLimit: () => {
      stop.ask({ type: 'limit' });
    },
  });
  const hotNote = () => renderHot(findHot(functions, attachment.counts));
  stop.after(request.durationMs);
  void command?.ended.then((status) => {
    stop.ask({ type: 'command', status });
  });
  using guard = guardRate({
    limit: request.maxRate,
    made: () => attachment.made(),
    onOver: (recordsPerSecond) => {
      const stopped = { reason: 'max-rate', recordsPerSecond, maxRate: request.maxRate } as const;
      stop.ask({ type: 'rate', stopped });
      request.onNote(renderStopped(stopped) + hotNote());
    },
  });
  command?.go();

  const backlog = new Backlog(attachment, process.availableMemory() * backlogShare);
  while (stop.reason === null) {
    const restAt = performance.now() + decodeMs;
    const isRest = () => performance.now() > restAt && backlog.fill < 0.5;
    await drain(backlog, stream, write, () => stop.reason !== null || isRest());
    if (!output.hasReader()) stop.break(new ClosedPipe());
    await Promise.race([stop.asked, delay(pollMs)]);
  }
  guard[Symbol.dispose]();
  request.onProgress(`detaching from ${functions.length} functions`);
  const detachMs = await detached;
  const open = await attachment.openCalls(); // before the slow part: it tells how long they are open
  watchdog?.[Symbol.dispose]();
  request.onProgress('reading what is left; a second Ctrl-C leaves it out');
  await finish(open, backlog, stream, write);
  request.onProgress('');

  await write(renderer.end());
  const lost = { ...attachment.losses(), user: stream.counts.lostUser };
  const { bufferBytes } = plan;
  const summary = renderer.summary({
    ...stream.counts,
    lost,
    detachMs,
    refused: refused.length,
    bufferBytes,
    hot: findHot(functions, attachment.counts),
    stopped: stop.reason.type === 'rate' ? stop.reason.stopped : null,
  });
  const isLossy = Object.values(lost).some((count) => count > 0);
  const isHotTold = request.verbose || isLossy || stop.reason.type === 'rate';
  if (request.format === 'json') await write(summary);
  else request.onNote(summary + (isHotTold ? hotNote() : ''));
  return { lost: isLossy };
}

const toRefused = ({ name }: PlannedFunction): RefusedFunction => ({
  function: name,
  reason: 'refused by the kernel',
});

/** Decodes what the ring holds now, batch by batch, with room for signals in between. */
async function drain(
  backlog: Backlog,
  stream: Stream,
  write: (text: string) => Promise<void>,
  isOver: () => boolean,
): Promise<void> {
  for (;;) {
    const records = backlog.next();
    if (records === undefined) return;
    stream.add(records, records.length);
    await write(stream.takeText());
    await turn();
    if (isOver()) return;
  }
}

/** Takes what is left in the ring, and then the calls that have not returned. */
async function finish(
  open: Buffer,
  backlog: Backlog,
  stream: Stream,
  write: (text: string) => Promise<void>,
): Promise<void> {
  await drain(backlog, stream, write, () => false);
  stream.add(open, open.length);
  stream.finish();
  await write(stream.takeText());
}
