/**
 * What roots call, as far as their machine code tells: a tree in which each function stands where the
 * fewest calls lead to it with what it calls, and elsewhere without.
 *
 *	ssize_t vfs_read(struct file *file, …)  [traceable, 3 indirect calls]
 *	├─ int rw_verify_area(int read_write, …)  [traceable]
 *	│  └─ int security_file_permission(struct file *file, int mask)  [traceable]
 *	└─ fsnotify  [no BTF, calls at level 2]
 */
import { Chalk } from 'chalk';
import type { Plan, PlannedCallee, PlannedGraph } from '../plan/plan.js';
import type { PrototypeOf } from './list.js';
import { countIndirectCalls } from './plan.js';
import { formatCount } from '../words/quantities.js';

export interface GraphOptions {
  readonly color: boolean;
  readonly prototypeOf: PrototypeOf;
}

export function renderGraphText(
  plan: Plan,
  graph: PlannedGraph,
  { color, prototypeOf }: GraphOptions,
): string {
  const { dim } = new Chalk({ level: color ? 1 : 0 });
  const { callees } = graph;
  const traced = new Set(plan.functions.map(({ name }) => name));
  const shown = new Set<number>();
  const lines: string[] = [];

  const add = (place: number, level: number, head: string, indent: string): void => {
    const known = callees[place];
    if (known === undefined) return;
    const isHere = known.level === level && !shown.has(place);
    const notes = [
      stateOf(known, traced),
      ...(known.indirectCalls === 0 ? [] : [formatIndirect(known.indirectCalls)]),
      ...(isHere || known.calls.length === 0 ? [] : [`calls at level ${known.level}`]),
    ];
    const { callee } = known;
    lines.push(`${head}${prototypeOf(callee) ?? callee.name}  ${dim(`[${notes.join(', ')}]`)}\n`);
    if (!isHere) return;
    shown.add(place);
    for (const [at, call] of known.calls.entries()) {
      const isLast = at === known.calls.length - 1;
      const below = `${indent}${isLast ? '   ' : '│  '}`;
      add(call, level + 1, `${indent}${isLast ? '└─ ' : '├─ '}`, below);
    }
  };
  for (const [place, { level }] of callees.entries()) if (level === 0) add(place, 0, '', '');
  // what nothing calls in the code
  for (const [place, { level }] of callees.entries())
    if (level === 1 && !shown.has(place)) add(place, 1, '', '');
  return lines.join('') + formatSum(plan, graph);
}

/** A line a function, level by level. */
export function renderGraphJson(
  plan: Plan,
  { callees }: PlannedGraph,
  prototypeOf: PrototypeOf,
): string {
  const traced = new Set(plan.functions.map(({ name }) => name));
  return callees
    .map(({ callee, level, calls, indirectCalls }) => {
      const { name, module, reason } = callee;
      const line = {
        type: 'callee',
        function: name,
        module,
        proto: prototypeOf(callee),
        level,
        traceable: reason === null,
        reason,
        traced: traced.has(name),
        calls: calls.map((place) => callees[place]?.callee.name),
        indirectCalls,
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join('');
}

function stateOf({ callee: { name, reason } }: PlannedCallee, traced: ReadonlySet<string>): string {
  if (reason !== null) return reason;
  return traced.has(name) ? 'traceable' : 'not included';
}

function formatIndirect(count: number): string {
  return `${formatCount(count)} indirect call${count === 1 ? '' : 's'}`;
}

function formatSum(plan: Plan, graph: PlannedGraph): string {
  const { callees, cold } = graph;
  const traceable = callees.filter(({ callee }) => callee.reason === null).length;
  const indirect = countIndirectCalls(graph);
  return [
    `\n${formatCount(callees.length)} functions to level ${plan.maxDepth}, ${formatCount(traceable)} of them traceable.\n`,
    indirect === 0
      ? ''
      : `${formatIndirect(indirect)} lead${indirect === 1 ? 's' : ''} where the code does not say: name what ${indirect === 1 ? 'it calls' : 'they call'} with --fgraph-extra.\n`,
    cold.length === 0
      ? ''
      : `Left out as cold: ${cold.map(({ function: name }) => name).join(', ')}. --fgraph-all-paths takes them.\n`,
  ].join('');
}
