/** Makes the plan of a trace from the user's wishes and the kernel's functions. */
import { exitStatus, Failure } from '../failure.js';
import type { KernelFunction } from '../symbols/function.js';
import { captureAll } from './capture-all.js';
import { findFunctions, type FunctionSource } from './find.js';
import type { Pattern } from './pattern.js';
import type { Plan, RefusedFunction } from './plan.js';

/** What the user asked for, as the flags have it. */
export interface Wishes extends Pick<
  Plan,
  | 'minDurationNs'
  | 'pids'
  | 'comm'
  | 'command'
  | 'bufferBytes'
  | 'live'
  | 'args'
  | 'outputs'
  | 'filters'
  | 'errnos'
  | 'stack'
> {
  /** `-k`. */
  readonly roots: readonly Pattern[];
  readonly graph: boolean;
  /** `--fgraph-include`. */
  readonly include: readonly Pattern[];
  /** `--fgraph-exclude`. */
  readonly exclude: readonly Pattern[];
  /** `--fgraph-extra`. */
  readonly extra: readonly Pattern[];
  readonly maxDepth: number;
}

interface Chosen {
  readonly found: KernelFunction;
  readonly role: 'root' | 'below';
}

/** The deepest level that a session cookie has room for: bpf/fsnoop.bpf.c, MAX_DEPTH. */
export const deepestLevel = 500;

/**
 * @throws {Failure} when a pattern matches nothing, or nothing traceable, or a graph has no
 * functions below its roots.
 */
export function makePlan(wishes: Wishes, symbols: FunctionSource): Plan {
  const { include, exclude, extra } = wishes;
  const graph = wishes.graph || wishes.roots.some((pattern) => pattern.graph);
  const below = [...include, ...exclude, ...extra];
  if (!graph && below.length > 0) throw noGraphFlag();
  if (graph && include.length + extra.length === 0) throw noGraph(wishes.roots);

  const { byPattern } = findFunctions([...wishes.roots, ...below], symbols);
  const choose = (some: readonly Pattern[]) =>
    some.flatMap((pattern) => byPattern.get(pattern) ?? []);
  const roots = [...new Set(choose(wishes.roots))];
  const excluded = new Set(choose(exclude));
  const calls = [...choose(include).filter((found) => !excluded.has(found)), ...choose(extra)];

  const chosen = new Map<string, Chosen>();
  for (const found of calls) chosen.set(found.name, { found, role: 'below' });
  for (const found of roots) chosen.set(found.name, { found, role: 'root' });
  const all = [...chosen.values()].sort((a, b) => (a.found.name < b.found.name ? -1 : 1));
  const traceable = all.filter(({ found }) => found.reason === null);
  if (!traceable.some(({ role }) => role === 'root')) throw noRoot(wishes.roots, roots);
  const { functions, refused } = captureAll(traceable, wishes, symbols.btf);
  return {
    method: 'fsession.multi',
    functions,
    refused: [...all.flatMap(toRefused), ...refused],
    graph,
    maxDepth: graph ? wishes.maxDepth : deepestLevel,
    minDurationNs: wishes.minDurationNs,
    pids: wishes.pids,
    comm: wishes.comm,
    command: wishes.command,
    bufferBytes: wishes.bufferBytes,
    live: wishes.live,
    args: wishes.args,
    outputs: wishes.outputs,
    filters: wishes.filters,
    errnos: wishes.errnos,
    stack: wishes.stack,
  };
}

function toRefused({ found: { name, reason } }: Chosen): RefusedFunction[] {
  return reason === null ? [] : [{ function: name, reason }];
}

function noRoot(patterns: readonly Pattern[], roots: readonly KernelFunction[]): Failure {
  const counts = new Map<string, number>();
  for (const { reason } of roots) {
    if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const reasons = [...counts].map(([reason, count]) => `${reason}: ${count}`).join(', ');
  const texts = patterns.map(({ text }) => text);
  const [only] = roots;
  return new Failure(
    exitStatus.usage,
    roots.length === 1 && only
      ? `${only.name} can't be traced: ${reasons.replace(/: 1$/, '')}.`
      : `None of the ${roots.length} functions that -k '${texts.join(',')}' matches can be traced (${reasons}).`,
    `See each with its reason: fsnoop list '${texts.join("' '")}'`,
  );
}

function noGraphFlag(): Failure {
  return new Failure(
    exitStatus.usage,
    'The --fgraph flags say what to show below a call, which needs -g.',
    'Add -g, or leave them out',
  );
}

function noGraph(roots: readonly Pattern[]): Failure {
  return new Failure(
    exitStatus.usage,
    '-g needs to know which functions to show below the roots: fsnoop does not find callees by itself yet.',
    `Name them: -k ${roots.map(({ text }) => `'${text}'`).join(' -k ')} -g --fgraph-include 'vfs_*,security_*'`,
    'Without -g, each call of the roots is one line.',
  );
}
