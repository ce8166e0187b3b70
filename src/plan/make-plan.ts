/** Makes the plan of a trace from the user's wishes and the kernel's functions. */
import { exitStatus, Failure } from '../failure.js';
import type { CalleeSearch, CallGraph } from '../symbols/callees.js';
import { whyDeniedTracepoint } from '../symbols/deny-list.js';
import { spellFunction, type KernelFunction, type Scope } from '../symbols/function.js';
import { captureAll, type ChosenFunction } from './capture-all.js';
import { findFunctions, type FunctionSource } from './find.js';
import type { Lesson } from './learnt.js';
import { chooseMethod, traits, type Method } from './method.js';
import type { Pattern } from './pattern.js';
import type { Plan, PlannedGraph, RefusedFunction } from './plan.js';
import { findPrograms, type ProgramPattern } from './programs.js';
import { chooseTracepoints } from './tracepoints.js';

/** What the user asked for, as the flags have it. */
export interface Wishes extends Pick<
  Plan,
  | 'minDurationNs'
  | 'pids'
  | 'comm'
  | 'cgroup'
  | 'command'
  | 'bufferBytes'
  | 'live'
  | 'args'
  | 'outputs'
  | 'filters'
  | 'errnos'
  | 'stack'
  | 'cpuTime'
> {
  /** `-k`. */
  readonly roots: readonly Pattern[];
  /** `-p`: they are roots too. */
  readonly programs: readonly ProgramPattern[];
  /** `-t`: names and globs. */
  readonly tracepoints: readonly string[];
  /** `--kfunc-kmods`, `--kfunc-all-kmods`. */
  readonly modules: Scope;
  readonly graph: boolean;
  /** `--fgraph-include`. */
  readonly include: readonly Pattern[];
  /** `--fgraph-exclude`. */
  readonly exclude: readonly Pattern[];
  /** `--fgraph-extra`. */
  readonly extra: readonly Pattern[];
  /** Those of what is included or extra that are roots, too: what budgets limit. */
  readonly alsoRoots: readonly Pattern[];
  readonly maxDepth: number;
  /** `--fgraph-all-paths`: cold functions and unlikely parts too. */
  readonly paths: CalleeSearch['paths'];
  /** `--fgraph-learn` or `--fgraph-load`. */
  readonly lesson: Lesson | null;
}

/** The functions that the patterns mean. */
interface ChosenFunctions {
  readonly graph: boolean;
  readonly roots: readonly KernelFunction[];
  readonly include: readonly KernelFunction[];
  readonly exclude: readonly KernelFunction[];
  readonly extra: readonly KernelFunction[];
  readonly alsoRoots: readonly KernelFunction[];
  readonly tracepoints: readonly KernelFunction[];
}

export interface Choice extends ChosenFunctions {
  /** Those that there are, the best first. */
  readonly methods: readonly Method[];
}

export const hasGraph = ({ graph, roots }: Pick<Wishes, 'graph' | 'roots'>): boolean =>
  graph || roots.some((pattern) => pattern.graph);

/**
 * @throws {Failure} when a pattern matches nothing, the roots nothing traceable, or a pattern leaves
 * out a root.
 */
export function chooseFunctions(wishes: Wishes, symbols: FunctionSource): ChosenFunctions {
  const { include, exclude, extra } = wishes;
  const graph = hasGraph(wishes);
  const below = [...include, ...exclude, ...extra];
  if (!graph && (below.length > 0 || wishes.lesson !== null)) throw noGraphFlag();

  const all = [...wishes.roots, ...below, ...wishes.alsoRoots];
  const { byPattern } = findFunctions(all, symbols, wishes.modules);
  const choose = (some: readonly Pattern[]) => [
    ...new Set(some.flatMap((pattern) => byPattern.get(pattern) ?? [])),
  ];
  const roots = [
    ...choose(wishes.roots),
    ...(wishes.programs.length > 0 ? findPrograms(wishes.programs, symbols.programs) : []),
  ];
  const tracepoints = chooseTracepoints(wishes.tracepoints, symbols, wishes.modules);
  const isAlone = tracepoints.length > 0 && wishes.roots.length + wishes.programs.length === 0;
  if (isAlone) checkAlone(wishes, tracepoints);
  else if (!roots.some(({ reason }) => reason === null)) throw noRoot(wishes, roots);
  const asked = new Set(roots);
  // of what is included it only takes away
  for (const pattern of include.length > 0 ? [] : exclude) {
    const root = byPattern.get(pattern)?.find((found) => asked.has(found));
    if (root !== undefined) throw excludedRoot(pattern, root, wishes.roots);
  }
  return {
    graph,
    roots,
    include: choose(include),
    exclude: choose(exclude),
    extra: choose(extra),
    alsoRoots: choose(wishes.alsoRoots),
    tracepoints,
  };
}

/** @throws {Failure} when none can be traced, or something is asked for that only functions have */
function checkAlone(wishes: Wishes, tracepoints: readonly KernelFunction[]): void {
  if (tracepoints.every(({ reason }) => reason !== null)) throw noTracepoint(tracepoints);
  const needless = [
    ...(hasGraph(wishes) ? ['-g'] : []),
    ...(wishes.minDurationNs > 0 ? ['--min-duration'] : []),
    ...(wishes.errnos === null ? [] : ['--errors and --errno']),
    ...(wishes.cpuTime ? ['--cpu-time'] : []),
  ];
  if (needless.length === 0) return;
  throw new Failure(
    exitStatus.usage,
    `A tracepoint has no duration, no return value and nothing below it: ${needless.join(', ')} can't be of it.`,
    'Name functions too, and the tracepoints are marks in their trees: -k FUNCTION -t TRACEPOINT',
  );
}

/**
 * @param callees what the roots call; null where the disassembly is not asked for
 * @throws {Failure} when there are more functions, or levels, than any method can take
 */
export function makePlan(
  wishes: Wishes,
  { methods, graph, roots, include, exclude, extra, alsoRoots, tracepoints }: Choice,
  symbols: FunctionSource,
  callees: CallGraph | null,
): Plan {
  const found = callees && planGraph(callees, symbols);
  const excluded = new Set(exclude);
  const named = include.filter((one) => !excluded.has(one));
  // what is included may be called indirectly: it does not have to be in the code
  const below = [...(include.length > 0 ? named : listPatchable(found)), ...extra];
  const chosen = new Map<string, ChosenFunction>();
  for (const one of below) chosen.set(spellFunction(one), { found: one, role: 'below' });
  for (const one of [...roots, ...alsoRoots.filter((one) => chosen.has(spellFunction(one)))]) {
    const name = spellFunction(one);
    chosen.set(name, { found: one, role: 'root', isBelow: chosen.has(name) });
  }
  const all = [...chosen.values()].sort((a, b) => (a.found.name < b.found.name ? -1 : 1));
  const traceable = all.filter(({ found: { reason } }) => reason === null);
  const points = tracepoints.map((found) => chooseRole(found, traceable));
  const stack = wishes.stack || wishes.roots.some((pattern) => pattern.stack);
  const method = chooseMethod(methods, {
    functions: traceable.length,
    maxDepth: graph ? wishes.maxDepth : null,
    isOfVmlinux: traceable.every(({ found: { module } }) => module === null),
  });
  const { deepest, argSlots } = traits[method];
  const captured = captureAll(
    [...traceable, ...points.filter(({ found: { reason } }) => reason === null)],
    { ...wishes, stack, argSlots },
    symbols,
  );
  const { functions, refused } = captured;
  return {
    method,
    functions: functions.filter(({ kind }) => kind === undefined),
    tracepoints: functions.filter(({ kind }) => kind === 'tracepoint'),
    refused: [...[...all, ...points].flatMap(toRefused), ...refused],
    graph,
    callees: found,
    maxDepth: graph ? wishes.maxDepth : deepest,
    minDurationNs: wishes.minDurationNs,
    pids: wishes.pids,
    comm: wishes.comm,
    cgroup: wishes.cgroup,
    command: wishes.command,
    bufferBytes: wishes.bufferBytes,
    live: wishes.live,
    args: wishes.args,
    outputs: wishes.outputs,
    filters: wishes.filters,
    errnos: wishes.errnos,
    stack,
    cpuTime: wishes.cpuTime,
  };
}

/** Where there are functions, tracepoints are marks in the trees of those. */
const chooseRole = (
  found: KernelFunction,
  functions: readonly ChosenFunction[],
): ChosenFunction => ({
  found,
  role: functions.length > 0 ? 'below' : 'root',
});

/** What is called, a root among it where another one calls it. */
function listPatchable(graph: PlannedGraph | null): KernelFunction[] {
  const callees = graph?.callees ?? [];
  const called = new Set(callees.flatMap(({ calls }) => calls));
  return callees
    .filter(({ level }, place) => level > 0 || called.has(place))
    .map(({ callee }) => callee)
    .filter(({ reason }) => reason !== 'no patch site');
}

/** With the functions of all names; of those of one address the one that can be traced. */
function planGraph({ callees, leftOut }: CallGraph, symbols: FunctionSource): PlannedGraph {
  const names = [...new Set(callees.flatMap((callee) => callee.names))];
  const byName = new Map(symbols.match(names).map((found) => [found.name, found]));
  return {
    callees: callees.map(({ names: aliases, level, calls, indirectCalls }) => {
      const found = aliases.flatMap((name) => byName.get(name) ?? []);
      const callee =
        found.find(({ reason }) => reason === null) ??
        found.find(({ reason }) => reason !== 'no patch site') ??
        found[0] ??
        unknown(aliases[0] ?? '');
      return { callee, level, calls, indirectCalls };
    }),
    cold: leftOut,
  };
}

/** Code that no file has as a function. */
function unknown(name: string): KernelFunction {
  return { name, module: null, btfId: 0, returns: { kind: 'void' }, reason: 'no patch site' };
}

function toRefused({ found: { name, module, reason } }: ChosenFunction): RefusedFunction[] {
  return reason === null ? [] : [{ function: spellFunction({ name, module }), reason }];
}

function noRoot(wishes: Wishes, roots: readonly KernelFunction[]): Failure {
  const counts = new Map<string, number>();
  for (const { reason } of roots) {
    if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const reasons = [...counts].map(([reason, count]) => `${reason}: ${count}`).join(', ');
  const texts = wishes.roots.map(({ text }) => text);
  const asked = [
    ...(texts.length > 0 ? [`-k '${texts.join(',')}'`] : []),
    ...wishes.programs.map(({ text }) => `-p '${text}'`),
  ];
  const [only] = roots;
  return new Failure(
    exitStatus.usage,
    roots.length === 1 && only
      ? `${only.name} can't be traced: ${reasons.replace(/: 1$/, '')}.`
      : `None of the ${roots.length} functions that ${asked.join(' and ')} matches can be traced (${reasons}).`,
    ...(texts.length > 0 ? [`See each with its reason: fsnoop list '${texts.join("' '")}'`] : []),
  );
}

function noTracepoint([first, ...others]: readonly KernelFunction[]): Failure {
  const why = first === undefined ? null : whyDeniedTracepoint(first.name);
  return new Failure(
    exitStatus.usage,
    others.length === 0
      ? `${first?.name ?? ''} can't be traced: it ${why ?? 'is denied'}.`
      : `None of the ${others.length + 1} tracepoints can be traced; ${first?.name ?? ''} ${why ?? 'is denied'}.`,
    "Look for others with: fsnoop list --tracepoints '*'",
  );
}

function noGraphFlag(): Failure {
  return new Failure(
    exitStatus.usage,
    'The --fgraph flags say what to show below a call, which needs -g.',
    'Add -g, or leave them out',
  );
}

function excludedRoot(
  { flag, text }: Pattern,
  root: KernelFunction,
  roots: readonly Pattern[],
): Failure {
  return new Failure(
    exitStatus.usage,
    `${flag} '${text}' leaves out ${root.name}, which is to be traced: -k '${roots.map((pattern) => pattern.text).join(',')}'.`,
    'Functions below the roots are what it leaves out: give a pattern that matches no root',
  );
}
