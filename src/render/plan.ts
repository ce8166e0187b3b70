/** The plan for `--dry-run`: what would be traced, how, and what can't be. */
import Table from 'cli-table3';
import type { Plan, PlannedGraph } from '../plan/plan.js';
import { errnoName } from '../symbols/errno.js';
import { formatDuration } from './duration.js';
import { spellFunction } from '../symbols/function.js';
import { formatNames } from './names.js';
import { formatBytes } from './summary.js';
import { formatComm } from './text.js';
import { formatCount } from '../words/quantities.js';
import { quoteShell } from '../words/shell.js';

const labelWidth = 11;
/** How many functions a row of the table of reasons names. */
const maxExamples = 3;

export function renderPlanText(plan: Plan): string {
  const roots = namesOf(plan, true);
  const others = namesOf(plan, false);
  const rows = [
    plan.functions.length === 0 ? '' : formatFunctions(plan, roots, others),
    plan.tracepoints.length === 0 ? '' : formatTracepoints(plan),
    plan.callees === null ? '' : formatCallees(plan.callees),
    plan.graph ? row('Depth', `${plan.maxDepth}`) : '',
    row('Filters', formatFilters(plan)),
    row('Arguments', plan.args),
    ...plan.outputs.map(({ text }, place) => row(place === 0 ? 'Outputs' : '', text)),
    plan.stack ? row('Stack', 'of each root') : '',
    plan.cpuTime ? row('CPU time', 'how long each call was off the CPU') : '',
    plan.command === null ? '' : row('Command', plan.command.map(quoteShell).join(' ')),
    row('Buffer', formatBytes(plan.bufferBytes)),
    plan.live ? row('Live', 'a record at each entry too') : '',
    row('Refused', formatCount(plan.refused.length)),
    plan.refused.length === 0 ? '' : `${formatRefused(plan)}\n`,
  ];
  return rows.join('');
}

function formatFunctions(
  { method, graph }: Plan,
  roots: readonly string[],
  others: readonly string[],
): string {
  return (
    row('Method', method) +
    row('Roots', formatCount(roots.length)) +
    formatNames(roots, labelWidth) +
    row('Graph', graph ? formatCount(others.length) : 'no: one line a call') +
    formatNames(others, labelWidth)
  );
}

function formatTracepoints({ functions, tracepoints }: Plan): string {
  const where = functions.length === 0 ? 'one line a hit' : 'marks in the trees';
  return (
    row('Points', `${formatCount(tracepoints.length)}, ${where}`) +
    formatNames(tracepoints.map(spellFunction), labelWidth)
  );
}

/** One line: the plan as it is, its functions by name. */
export function renderPlanJson(plan: Plan): string {
  const {
    method,
    refused,
    graph,
    callees,
    maxDepth,
    minDurationNs,
    pids,
    comm,
    cgroup,
    command,
    bufferBytes,
    live,
    args,
    outputs,
    filters,
    errnos,
    stack,
    cpuTime,
  } = plan;
  return `${JSON.stringify({
    type: 'plan',
    version: 1,
    method,
    roots: namesOf(plan, true),
    functions: namesOf(plan, false),
    tracepoints: plan.tracepoints.map(spellFunction),
    refused,
    graph,
    disassembly:
      callees === null
        ? undefined
        : {
            functions: callees.callees.length,
            indirectCalls: countIndirectCalls(callees),
            cold: callees.cold,
          },
    maxDepth,
    minDurationNs,
    pids,
    comm,
    cgroup,
    command,
    bufferBytes,
    live,
    args,
    outputs: outputs.map(({ text }) => text),
    filters: filters.map(({ text }) => text),
    errnos,
    stack,
    cpuTime,
  })}\n`;
}

function namesOf(plan: Plan, root: boolean): string[] {
  return plan.functions.filter((known) => known.root === root).map(spellFunction);
}

function row(label: string, value: string): string {
  return `${label.padEnd(labelWidth)}${value}\n`;
}

/** What the disassembly found, and what it can't know. */
function formatCallees(graph: PlannedGraph): string {
  const { callees, cold } = graph;
  const indirect = countIndirectCalls(graph);
  const found = `${formatCount(callees.length)} functions in the code, ${formatCount(indirect)} indirect calls`;
  return (
    row('Found', found) +
    (cold.length === 0
      ? ''
      : row('Cold', `${formatCount(cold.length)} left out; --fgraph-all-paths takes them`) +
        formatNames(
          cold.map(({ function: name }) => name),
          labelWidth,
        ))
  );
}

export function countIndirectCalls({ callees }: PlannedGraph): number {
  return callees.reduce((sum, { indirectCalls }) => sum + indirectCalls, 0);
}

function formatFilters({ pids, comm, cgroup, minDurationNs, filters, errnos }: Plan): string {
  const all = [
    pids.length === 0 ? '' : `pid ${pids.join(', ')}`,
    comm === null ? '' : `comm ${formatComm(comm)}`,
    cgroup === null ? '' : `cgroup ${formatComm(cgroup)}`,
    minDurationNs === 0 ? '' : `calls of ${formatDuration(minDurationNs)} and longer`,
    ...filters.map(({ text }) => text),
    errnos === null ? '' : `errors: ${formatErrnos(errnos)}`,
  ].filter((filter) => filter !== '');
  return all.length === 0 ? 'none' : all.join('; ');
}

const formatErrnos = (errnos: readonly number[] | 'any') =>
  errnos === 'any' ? 'any' : errnos.map((errno) => errnoName(errno) ?? `${errno}`).join(', ');

/** Each reason with its count and some functions, the most frequent first. */
function formatRefused({ refused }: Plan): string {
  const byReason = new Map<string, string[]>();
  for (const { reason, function: name } of refused) {
    const names = byReason.get(reason);
    if (names === undefined) byReason.set(reason, [name]);
    else names.push(name);
  }
  const table = new Table({
    head: ['Reason', 'Functions', 'Such as'],
    colAligns: ['left', 'right', 'left'],
    style: { head: [], border: [] },
  });
  for (const [reason, names] of [...byReason].sort(([, a], [, b]) => b.length - a.length)) {
    const more = names.length > maxExamples ? ', …' : '';
    table.push([reason, formatCount(names.length), names.slice(0, maxExamples).join(', ') + more]);
  }
  return table.toString();
}
