/** `--fgraph-learn`: a first time of tracing, of every function, tells what is called below the roots. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { startWaiting } from '../attach/command.js';
import { exitStatus, Failure } from '../failure.js';
import { checkWritable, writeText, type Output } from './output.js';
import { checkLearnt, parseLearnt, printLearnt, type Learnt, type Lesson } from '../plan/learnt.js';
import type { FunctionSource } from '../plan/find.js';
import { makePlan, type Choice, type Wishes } from '../plan/make-plan.js';
import type { Plan } from '../plan/plan.js';
import { renderLearning, renderLearnt, renderLess, renderNotLearnt } from '../render/learnt.js';
import { runSession, type SessionOptions } from './session.js';
import { Stop } from './stop.js';
import { Stream } from './stream.js';
import { isInterruptEntry } from '../symbols/interrupts.js';
import { collectCalled } from '../tree/below.js';

/** Where there is no command that ends. */
const defaultCalls = 10;

interface LearnRequest extends SessionOptions {
  readonly wishes: Wishes;
}

/**
 * Follows calls of the roots with every function attached that can be, or those that are included.
 * @returns what was learnt, or the exit status where that is the end of it all: a signal, or too many records
 * @throws {Failure} when no root was called
 */
export async function learn(
  { calls, saveTo }: Extract<Lesson, { type: 'learn' }>,
  request: LearnRequest,
  choice: Choice,
  symbols: FunctionSource,
  output: Output,
): Promise<Learnt | number> {
  const { wishes } = request;
  if (saveTo !== null) await checkWritable(saveTo);
  const plan = planLesson(wishes, choice, symbols);
  const limit = calls ?? (wishes.command === null ? defaultCalls : null);
  request.onNote(renderLearning(plan, limit));
  using stop = new Stop(request.endBy);
  using command =
    wishes.command === null ? null : startWaiting(wishes.command, request.commandOutput);
  const seen = new Set<number>();
  const excluded = new Set(choice.exclude.map(({ name }) => name));
  const skipped = plan.functions.map(({ name }) => excluded.has(name) || isInterruptEntry(name));
  const stream = new Stream({
    renderer: {
      encoding: 'utf8',
      record: () => '',
      tree: (tree) => {
        collectCalled(tree, (place) => skipped[place] === true, seen);
        return '';
      },
    },
    epochNs: process.hrtime.bigint(),
    unit: 'tree',
    limit,
    onLimit: () => {
      stop.ask({ type: 'limit' });
    },
  });
  const showCalls = () => {
    if (limit !== null) request.onProgress(`${stream.counts.trees} of ${limit} calls followed`);
  };
  const end = await runSession(plan, request, {
    btf: symbols.btf,
    counting: null,
    tick: null,
    stop,
    command,
    output,
    onAttached: () => {
      showCalls();
      return Promise.resolve();
    },
    take: (records) => {
      stream.add(records, records.length);
      showCalls();
      return Promise.resolve();
    },
  });
  stream.finish();
  if (stop.reason?.type !== 'command') command?.kill(stop.signal);
  if (!stop.isDone) {
    request.onNote(renderNotLearnt(saveTo));
    return stop.status();
  }
  if (command !== null) {
    request.onProgress('waiting for the command to end');
    await command.ended;
    request.onProgress('');
  }
  const { trees } = stream.counts;
  if (trees === 0) throw notCalled(plan);
  const { ring, recursion, entry } = end.losses;
  const learnt: Learnt = {
    type: 'learnt',
    version: 1,
    kernel: release(),
    roots: plan.functions.filter(({ root }) => root).map(({ name }) => name),
    maxDepth: plan.maxDepth,
    calls: trees,
    lost: ring + recursion + entry + stream.counts.lostUser,
    functions: plan.functions
      .filter(({ root }, place) => !root && seen.has(place))
      .map(({ name }) => name),
  };
  if (saveTo !== null) await writeText(saveTo, printLearnt(learnt));
  request.onNote(renderLearnt(learnt, end));
  return learnt;
}

/** @throws {Failure} when the file can't be read, or was learnt of something else */
export function loadLearnt(
  path: string,
  { wishes, onNote }: Pick<LearnRequest, 'wishes' | 'onNote'>,
  { roots }: Choice,
  symbols: FunctionSource,
): Learnt {
  const learnt = parseLearnt(readText(path), path);
  const asked = roots.filter(({ reason }) => reason === null).map(({ name }) => name);
  checkLearnt(learnt, { kernel: release(), roots: asked }, path);
  const here = new Set(symbols.match(learnt.functions).map(({ name }) => name));
  const gone = learnt.functions.filter((name) => !here.has(name));
  onNote(renderLess(learnt, wishes.maxDepth, gone));
  return learnt;
}

/** The roots with what may be below them, and nothing that costs more than the times. */
function planLesson(wishes: Wishes, choice: Choice, symbols: FunctionSource): Plan {
  const { include } = choice;
  const below = include.length > 0 ? include : symbols.match(['*'], wishes.modules);
  const traceable = [...below, ...choice.extra].filter(({ reason }) => reason === null);
  return makePlan(
    { ...wishes, args: 'off', outputs: [], stack: false, live: false, minDurationNs: 0 },
    // what is excluded must be seen, to leave out what only it calls
    { ...choice, include: traceable, exclude: [] },
    symbols,
    null,
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Failure(
      exitStatus.usage,
      `${path} could not be read (${code}).`,
      'Write it with: --fgraph-learn --fgraph-save FILE',
    );
  }
}

function notCalled({ functions }: Plan): Failure {
  const roots = functions.filter(({ root }) => root).map(({ name }) => name);
  return new Failure(
    exitStatus.failed,
    `There was nothing to learn: ${roots.slice(0, 3).join(', ')}${roots.length > 3 ? ', …' : ''} was not called.`,
    "Give a command that calls it: -c 'cat /etc/hostname'",
  );
}
