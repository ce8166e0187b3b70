/** Runs a command again and again, and judges what its kernel functions cost. */
import type { Baseline, Conditions } from '../recorded/baseline.js';
import { findRegressions } from '../budget/baseline.js';
import type { Budget, BudgetFile } from '../budget/budget.js';
import { judge, type Verdict } from '../budget/judge.js';
import { exitStatus, Failure } from '../failure.js';
import { Gatherer, type Run } from './gatherer.js';
import { checkWritable, openOutput, writeText, type Output } from './output.js';
import { renderBaseline } from '../render/baseline.js';
import { renderStart } from '../render/json-lines.js';
import { makeRenderer } from '../render/renderer.js';
import { renderLost, type Summary } from '../render/summary.js';
import { makeText } from '../render/text.js';
import {
  renderAnnotations,
  renderCheckSummaryJson,
  renderJunit,
  renderSlower,
  renderVerdictCount,
  renderVerdicts,
  renderVerdictsJson,
  type VerdictOptions,
} from '../render/verdicts.js';
import type { SinkParts } from './sink.js';
import { makeWrite, Stop } from './stop.js';
import { trace, type TraceRequest } from './trace.js';
import { sumCounts } from '../tree/buckets.js';
import { usualTolerance } from '../tree/compare.js';
import { findDrift, noDrift, type Slowdown } from '../tree/pace.js';
import { mergeMeasured, type MeasuredRun } from '../tree/measured.js';
import type { Tree } from '../tree/tree.js';
import { quoteShell } from '../words/shell.js';

export interface CheckRequest {
  /** What the file of the budgets is called. */
  readonly path: string;
  readonly file: BudgetFile;
  /** How often the command runs, and what a nanosecond is: an instruction under `fsnoop vm --icount`. */
  readonly conditions: Conditions;
  /** What each run traces; the functions that budgets name are among it. */
  readonly trace: TraceRequest;
  readonly format: 'text' | 'json';
  /** A file, or null for standard output. */
  readonly output: string | null;
  /** JUnit's XML goes there, `-` is standard output; null: it is not written. */
  readonly junit: string | null;
  /** What was measured before; null: there is nothing to compare with. */
  readonly baseline: Baseline | null;
  /** What is measured goes there for later checks; null: it is not kept. */
  readonly keepAt: string | null;
  /** Tell GitHub, too. */
  readonly annotate: boolean;
  readonly width: number | null;
  readonly color: boolean;
}

/** What all runs told. */
interface Result {
  readonly first: Run;
  readonly verdicts: readonly Verdict[];
  readonly measured: MeasuredRun['functions'];
  readonly ticks: MeasuredRun['ticks'];
  readonly counts: Run['counts'];
  readonly lost: Summary['lost'];
}

/**
 * @returns the exit status: 0; 3 over budget; 4 when what was lost makes the answer unsure; of an interrupted
 * run as a shell has it
 * @throws {Failure} when a function can't be traced, the command fails, or nothing can be written
 */
export async function check(request: CheckRequest): Promise<number> {
  checkBudgets(request);
  checkOutputs(request);
  const { keepAt } = request;
  const junit = request.trace.dryRun ? null : request.junit;
  // before the runs, which may take long
  await using output = await openOutput(request.output);
  await using report = junit === null ? null : await openOutput(junit === '-' ? null : junit);
  if (keepAt !== null) await checkWritable(keepAt);
  const result = await runAll(request);
  if (typeof result === 'number') return result;
  const status = await tell(request, result, output);
  await report?.write(renderJunit(result.verdicts, plainOptions(request, result)));
  if (keepAt !== null) await keep(request, result, keepAt);
  if (status !== 0) return status;
  if (result.verdicts.some(({ held }) => !held)) return exitStatus.overBudget;
  return isLossy(result.lost) ? exitStatus.lost : 0;
}

function checkBudgets({ file: { budgets, baseline }, conditions, path }: CheckRequest): void {
  if (budgets.length === 0 && baseline === null) {
    throw new Failure(
      exitStatus.usage,
      `${path} has no budgets to judge.`,
      'Add some: budgets: [{function: vfs_read, calls: <= 1000, p99: < 50us}]',
    );
  }
  const inInstructions = ({ rule }: Budget): boolean =>
    rule.type !== 'never calls' && rule.limit.unit === 'instructions';
  const first = budgets.find(inInstructions);
  if (first === undefined || conditions.unit === 'instructions') return;
  throw new Failure(
    exitStatus.usage,
    `${path}:${first.line}: This machine tells times, and no numbers of instructions.`,
    `Count them in a guest: fsnoop vm --icount --file ${path} -- fsnoop check ${path}`,
  );
}

function checkOutputs({ output, junit }: CheckRequest): void {
  if (junit !== (output ?? '-')) return;
  throw new Failure(
    exitStatus.usage,
    `The verdict and --junit would both go to ${output ?? 'standard output'}.`,
    'Give one of them another file: --junit junit.xml',
  );
}

/** The exit status where a run was interrupted. */
async function runAll(request: CheckRequest): Promise<Result | number> {
  const runs: Run[] = [];
  while (runs.length < request.conditions.runs) {
    const run = await runUntilWhole(request, runs.length + 1);
    if (typeof run === 'number') return run;
    runs.push(run);
  }
  const [first] = runs;
  if (first === undefined) throw new Error('nothing was run');
  const measured = mergeMeasured(runs.flatMap((run) => run.measured));
  const ticks = runs.map((run) => run.ticks).reduce(sumCounts);
  return {
    ...{
      first,
      measured,
      ticks,
      verdicts: judgeAll(request, runs, { functions: measured, ticks }),
    },
    ...{ counts: addCounts(runs), lost: addLosses(runs) },
  };
}

/**
 * What the kernel skips, because a task that was preempted in the program holds it on that CPU, is another time
 * not skipped.
 */
const mostAttempts = 3;

async function runUntilWhole(request: CheckRequest, number: number): Promise<Run | number> {
  const { onNote } = request.trace;
  for (let attempt = 1; ; attempt++) {
    const run = await runOnce(request, number, number + attempt === 2);
    if (typeof run === 'number' || !isLossy(run.lost) || attempt === mostAttempts) return run;
    const { lost, attached } = run;
    onNote(`Run ${number}: ${renderLost({ lost, method: attached.method })} It is run again.\n`);
  }
}

/** @param isFirst what can't be traced is told once */
async function runOnce(
  { trace: each, file, conditions: { runs } }: CheckRequest,
  number: number,
  isFirst: boolean,
): Promise<Run | number> {
  const { onNote, onProgress } = each;
  let gatherer: Gatherer | undefined;
  const request: TraceRequest = {
    ...each,
    onNote: isFirst ? onNote : () => undefined,
    onProgress: (text) => {
      onProgress(text === '' || runs === 1 ? text : `run ${number} of ${runs}: ${text}`);
    },
  };
  const makeGatherer = (parts: SinkParts) => (gatherer = new Gatherer(parts, file.budgets));
  const { status, by } = await trace(request, makeGatherer);
  const when = runs === 1 ? '' : ` in run ${number}`;
  if (by === 'rate') throw tooMany(when);
  if (gatherer === undefined || by !== 'command') return status;
  if (status !== 0) throw commandFailed(each, status, when);
  return gatherer.run;
}

function commandFailed({ wishes }: TraceRequest, status: number, when: string): Failure {
  return new Failure(
    exitStatus.failed,
    `The command ended with ${status}${when}: nothing is judged.`,
    `See what it says: ${wishes.command?.map(quoteShell).join(' ') ?? ''}`,
  );
}

const tooMany = (when: string): Failure =>
  new Failure(
    exitStatus.failed,
    `More records were made${when} than fsnoop takes: nothing is judged.`,
    'Trace fewer functions, or calls: less of include, more of exclude, a filter',
  );

function judgeAll(
  { file: { budgets, tolerance, baseline: written }, conditions, baseline }: CheckRequest,
  runs: readonly Run[],
  measured: Pick<MeasuredRun, 'functions' | 'ticks'>,
): Verdict[] {
  const readings = runs.map((run) => run.readings);
  const verdicts = judge(budgets, readings);
  if (baseline === null) return [...verdicts];
  const options = { tolerance, unit: conditions.unit, line: written?.line ?? 1 };
  return [...verdicts, ...findRegressions(baseline, measured, options)];
}

/** Resolves to 141 where nobody reads what is told, else to 0. */
async function tell(request: CheckRequest, result: Result, output: Output): Promise<number> {
  const {
    format,
    conditions,
    baseline,
    trace: { onNote },
  } = request;
  const { first, verdicts, lost } = result;
  const slowdown = slowdownSince(baseline, result);
  using stop = new Stop();
  const write = makeWrite(output, stop);
  const options = makeOptions(request, result);
  if (format === 'json') {
    const about = { runs: conditions.runs, baseline: baseline?.path ?? null, slowdown, lost };
    const printTree = makePrintTree(result, request, 'json');
    await write(renderStart(first.attached));
    await write(renderVerdictsJson(verdicts, { ...options, printTree }));
    await write(renderCheckSummaryJson(verdicts, about));
  } else {
    const table = renderVerdicts(verdicts, options);
    const count = renderVerdictCount(verdicts, baseline?.path ?? null);
    await write([table, count].filter((text) => text !== '').join('\n'));
  }
  if (baseline !== null && slowdown !== null && slowdown.factor > 1)
    onNote(renderSlower(baseline.path, slowdown));
  const { bufferBytes } = first.parts.opening;
  if (isLossy(lost))
    onNote(
      `${renderLost({ lost, bufferBytes, method: first.attached.method })} They may have broken a budget.\n`,
    );
  if (request.annotate) onNote(renderAnnotations(verdicts, options));
  return stop.status();
}

/** Null where nothing is known of it. */
function slowdownSince(baseline: Baseline | null, { ticks }: Result): Slowdown | null {
  const drift = baseline === null ? noDrift : findDrift(baseline.ticks, ticks, usualTolerance);
  return drift === noDrift ? null : drift.longer;
}

function makeOptions(request: CheckRequest, result: Result): VerdictOptions {
  const { opening, addresses } = result.first.parts;
  const { functions, outputs, epochNs } = opening;
  const { path, conditions, width, color } = request;
  return {
    text: makeText({ functions, outputs, epochNs, addresses, width, color }),
    printTree: makePrintTree(result, request, 'text'),
    ...{ path, counted: conditions.unit === 'instructions' },
  };
}

const plainOptions = (request: CheckRequest, result: Result): VerdictOptions =>
  makeOptions({ ...request, width: null, color: false }, result);

/** A tree as `trace -g` prints it. */
function makePrintTree(
  { first: { parts } }: Pick<Result, 'first'>,
  { width, color }: Pick<CheckRequest, 'width' | 'color'>,
  format: 'text' | 'json',
): (tree: Tree) => string {
  const { addresses, opening } = parts;
  const { functions, outputs, epochNs } = opening;
  return (tree) => {
    const { tree: print, encoding } = makeRenderer({
      ...{ format, style: 'tree', graph: true, live: false },
      ...{ functions, outputs, epochNs, addresses, width, color },
    });
    return Buffer.from(print(tree), encoding).toString();
  };
}

async function keep({ conditions, trace: { onNote } }: CheckRequest, result: Result, path: string) {
  const { measured, counts, lost, ticks } = result;
  const start = result.first.attached;
  await writeText(path, renderBaseline({ start, conditions, measured, counts, lost, ticks }));
  const functions = measured.length === 1 ? 'function' : 'functions';
  onNote(`${path}: ${measured.length} ${functions}, for later checks.\n`);
}

const isLossy = (lost: Summary['lost']): boolean => Object.values(lost).some((count) => count > 0);

function addCounts(runs: readonly Run[]): Run['counts'] {
  const sum = (of: (counts: Run['counts']) => number) =>
    runs.reduce((all, { counts }) => all + of(counts), 0);
  return {
    trees: sum(({ trees }) => trees),
    calls: sum(({ calls }) => calls),
    unfinished: sum(({ unfinished }) => unfinished),
  };
}

function addLosses(runs: readonly Run[]): Summary['lost'] {
  const sum = (of: (lost: Summary['lost']) => number) =>
    runs.reduce((all, { lost }) => all + of(lost), 0);
  const outside = sum(({ outside = 0 }) => outside);
  return {
    ring: sum(({ ring }) => ring),
    recursion: sum(({ recursion }) => recursion),
    ...(outside > 0 && { outside }),
    entry: sum(({ entry }) => entry),
    user: sum(({ user }) => user),
  };
}
