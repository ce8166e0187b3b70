/** The whole of a trace: symbols, plan, attach, events, and where they go: tree, render; a recording; or sums. */
import { cpus, hostname, release } from 'node:os';
import { startWaiting, type WaitingCommand } from '../attach/command.js';
import { loadNative } from '../attach/native.js';
import { probeMethods } from '../attach/probe.js';
import { aggregateOf } from '../expr/expression.js';
import { exitStatus } from '../failure.js';
import { countsInstructions } from '../machine.js';
import { growHeapAtOnce, keepHeapSmall, type HeapOwner } from './heap.js';
import { learn, loadLearnt } from './learn.js';
import { openOutput, writeReadyFile, type Output } from './output.js';
import {
  chooseFunctions,
  hasGraph,
  makePlan,
  type Choice,
  type Wishes,
} from '../plan/make-plan.js';
import type { Learnt } from '../plan/learnt.js';
import { listMethods, type Method } from '../plan/method.js';
import { placesOf, type Plan } from '../plan/plan.js';
import type { Opening } from '../recording/opening.js';
import { renderGraphJson, renderGraphText } from '../render/graph.js';
import { renderAttached, renderMany, renderRefused } from '../render/notes.js';
import { renderPlanJson, renderPlanText } from '../render/plan.js';
import type { RendererOptions } from '../render/renderer.js';
import { runSession, type SessionOptions } from './session.js';
import type { Sink, TraceParts } from './sink.js';
import { makeWrite, Stop, type StopReason } from './stop.js';
import { spellPrototype } from '../symbols/c-type.js';
import type { CallGraph } from '../symbols/callees.js';
import type { KernelFunction } from '../symbols/function.js';
import type { Symbols } from '../symbols/functions.js';
import { loadCallees } from '../symbols/load-callees.js';
import { isOfProgram } from '../symbols/programs.js';
import { loadSymbols } from '../symbols/symbols.js';
import { countsOf, toPairs } from '../tree/buckets.js';

export interface TraceRequest
  extends Pick<RendererOptions, 'format' | 'prototypes' | 'color'>, SessionOptions {
  readonly wishes: Wishes;
  readonly method: Method | 'auto';
  readonly dryRun: boolean;
  /** A file, null for standard output, or what takes what is written. */
  readonly output: string | null | Output;
  /** A file that is written, too; absent: none. */
  readonly secondOutput?: string | undefined;
  readonly heapOwner: HeapOwner;
  /** End after so many trees, or lines without `-g`; null: never. */
  readonly limitEvents: number | null;
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

export interface TraceEnd {
  /** The exit status that it stands for. */
  readonly status: number;
  /** What ended it; null where nothing was traced. */
  readonly by: StopReason['type'] | null;
}

/**
 * Traces until the command ends, a limit is reached, or a signal comes.
 * @param makeSink of what is traced
 * @throws {Failure} when the request makes no sense here, or this kernel or user cannot trace
 */
export async function trace(
  request: TraceRequest,
  makeSink: (parts: TraceParts) => Sink,
): Promise<TraceEnd> {
  const { command: argv, roots, include, exclude, extra } = request.wishes;
  using small = keepHeapSmall(request.heapOwner);
  using command =
    argv === null || request.dryRun ? null : startWaiting(argv, request.commandOutput);
  request.onProgress('reading symbols');
  const named = [...roots, ...include, ...exclude, ...extra].map(({ glob }) => glob);
  const symbols = loadSymbols(needsAll(request) ? ['*'] : named, loadNative());
  const methods = listMethods(request.method, await probeMethods(symbols.btf, request.method));
  const choice = { methods, ...chooseFunctions(request.wishes, symbols) };
  await using output = await openOutput(request.output);
  const learnt = await findLearnt(request, choice, symbols, output);
  if (typeof learnt === 'number') return { status: learnt, by: null };
  const plan = makePlan(
    request.wishes,
    learnt === null ? choice : { ...choice, include: symbols.match(learnt.functions) },
    symbols,
    needsCallees(request) ? await disassemble(choice, request, symbols) : null,
  );
  using stop = new Stop(request.endBy);
  if (request.dryRun) {
    request.onProgress('');
    await makeWrite(output, stop)(renderDryRun(plan, request, symbols));
    return { status: stop.status(), by: null };
  }
  await using second =
    request.secondOutput === undefined ? null : await openOutput(request.secondOutput);
  const parts: TraceParts = {
    opening: open(plan, learnt, request),
    addresses: symbols.addresses,
    refused: plan.refused,
    write: makeWrite(output, stop),
    writeSecond: second && makeWrite(second, stop),
    isCut: () => stop.isCut,
    onLimit: () => {
      stop.ask({ type: 'limit' });
    },
  };
  const sink = makeSink(parts);
  const lost = await run(plan, sink, symbols, request, output, stop, command, small);
  if (command?.execError != null) request.onNote(`${command.execError}\n`);
  if (stop.reason?.type !== 'command') command?.kill(stop.signal);
  const isStrictlyLost = lost && request.strict && stop.reason?.type !== 'rate';
  const status = isStrictlyLost ? exitStatus.lost : stop.status();
  return { status, by: stop.reason?.type ?? null };
}

/** What is below the roots may be any function. */
function needsAll(request: TraceRequest): boolean {
  return request.wishes.lesson !== null || needsCallees(request);
}

/** Included functions are taken for what is below the roots, unless the graph itself is to be shown. */
function needsCallees({ wishes, dryRun, prototypes = false }: TraceRequest): boolean {
  if (!hasGraph(wishes) || wishes.lesson !== null) return false;
  return wishes.include.length === 0 || (dryRun && prototypes);
}

/** The exit status where learning was the end of it all. */
async function findLearnt(
  request: TraceRequest,
  choice: Choice,
  symbols: Symbols,
  output: Output,
): Promise<Learnt | number | null> {
  const { lesson } = request.wishes;
  if (lesson === null) return null;
  return lesson.type === 'load'
    ? loadLearnt(lesson.path, request, choice, symbols)
    : learn(lesson, request, choice, symbols, output);
}

async function disassemble(
  { roots, exclude, extra }: Choice,
  { wishes, onProgress }: TraceRequest,
  symbols: Symbols,
): Promise<CallGraph> {
  // what BPF programs call is not looked for
  const inCode = roots.filter(({ reason, module }) => reason === null && !isOfProgram(module));
  if (inCode.length === 0) return { callees: [], leftOut: [] };
  onProgress('disassembling');
  const namesOf = (functions: readonly KernelFunction[]) => functions.map(({ name }) => name);
  return loadCallees(
    {
      roots: namesOf(inCode),
      extra: namesOf(extra),
      excluded: new Set(namesOf(exclude)),
      maxDepth: wishes.maxDepth,
      paths: wishes.paths,
    },
    symbols.code(hasModules(roots, wishes) ? 'of modules too' : 'of vmlinux'),
    loadNative().disassemble,
  );
}

/** Whether what is below the roots may be in modules: vmlinux calls nothing there directly. */
const hasModules = (roots: readonly KernelFunction[], { modules }: Wishes) =>
  modules.length > 0 || roots.some(({ module }) => module !== null);

/** The plan; where prototypes are asked for, the graph. */
function renderDryRun(plan: Plan, request: TraceRequest, symbols: Symbols): string {
  const isJson = request.format === 'json';
  if (request.prototypes !== true || plan.callees === null)
    return isJson ? renderPlanJson(plan) : renderPlanText(plan);
  const prototypeOf = ({ btfId, name, module }: KernelFunction) =>
    btfId === 0 ? null : spellPrototype(symbols.btfOf(module), btfId, name);
  return isJson
    ? renderGraphJson(plan, plan.callees, prototypeOf)
    : renderGraphText(plan, plan.callees, { color: request.color, prototypeOf });
}

function open(plan: Plan, learnt: Learnt | null, request: TraceRequest): Opening {
  const { graph, live, cpuTime, command, bufferBytes } = plan;
  return {
    epochNs: process.hrtime.bigint(),
    startedAt: new Date().toISOString(),
    cpus: cpus().length,
    ...{ command, graph, live, cpuTime, bufferBytes, learnt },
    functions: placesOf(plan),
    tracepoints: plan.tracepoints.length,
    outputs: plan.outputs.map((expression) => ({
      text: expression.text,
      aggregate: aggregateOf(expression),
    })),
    limitEvents: request.limitEvents,
  };
}

/** Runs a session into the sink. Resolves to whether anything was lost. */
async function run(
  plan: Plan,
  sink: Sink,
  symbols: Symbols,
  request: TraceRequest,
  output: Output,
  stop: Stop,
  command: WaitingCommand | null,
  small: Disposable,
): Promise<boolean> {
  request.onNote(renderMany(plan.functions.length));
  const end = await runSession(plan, request, {
    btf: symbols.btf,
    counting: sink.counting ?? null,
    tick: sink.keepsPace === true && !countsInstructions() ? symbols.tick : null,
    stop,
    command,
    output,
    onAttached: async (attached, soFar) => {
      small[Symbol.dispose]();
      growHeapAtOnce(request.heapOwner);
      const { method } = plan;
      const refused = [...plan.refused, ...attached.refused];
      if (request.verbose) request.onNote(renderPlanText(plan) + renderAttached(attached, method));
      if (request.format === 'text') request.onNote(renderRefused(refused));
      await sink.start(
        { ...attached, kernel: release(), hostname: hostname(), method, refused },
        soFar,
      );
      if (stop.reason === null) await writeReadyFile(request.readyFile);
    },
    // where nobody reads any more, or nothing can be written, what waits need not be decoded
    take: (records) => (stop.isLeft ? Promise.resolve() : sink.take(records)),
  });
  const { losses, detachMs, counts, ticks, counted } = end;
  const stopped = stop.reason?.type === 'rate' ? stop.reason.stopped : null;
  return sink.end(
    { losses, detachMs, counts, ...(ticks && { ticks: toPairs(countsOf(ticks)) }), stopped },
    counted,
  );
}
