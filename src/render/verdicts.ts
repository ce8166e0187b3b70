/**
 * Which budgets hold, as a table:
 *
 *	        FUNCTION  BUDGET         MEASURED   RUNS                 LINE
 *	held    vfs_read  calls ≤ 1,000  1,000                           budget.yaml:4
 *	BROKEN  vfs_read  p99 < 50 µs    61.20 µs   48.11 to 70.10 µs    budget.yaml:5
 *
 * and of each that does not the tree that shows it. And for other programs: JSON, JUnit's XML, GitHub's annotations.
 */
import type { BaselineRule, Rule } from '../budget/budget.js';
import type { Verdict } from '../budget/judge.js';
import type { Limit } from '../budget/limit.js';
import { formatDuration } from './duration.js';
import type { Summary } from './summary.js';
import { renderTable } from './table.js';
import type { Text } from './text.js';
import type { Slowdown } from '../tree/pace.js';
import { formatCount } from '../words/quantities.js';

export interface VerdictOptions {
  readonly text: Text;
  /** What the file of the budgets is called. */
  readonly path: string;
  /** A nanosecond of this machine is an instruction. */
  readonly counted: boolean;
  /** The tree as `trace` prints it, without colours where there are none. */
  readonly printTree: (tree: NonNullable<Verdict['worst']>) => string;
}

const signs = { '<': '<', '<=': '≤', '>': '>', '>=': '≥', '==': '=' } as const;

export function renderVerdicts(verdicts: readonly Verdict[], options: VerdictOptions): string {
  if (verdicts.length === 0) return '';
  const { text, path } = options;
  const hasRuns = verdicts.some(({ values }) => values.length > 1);
  const rows = verdicts.map((verdict) => {
    const { budget, held } = verdict;
    return [
      held ? 'held' : text.error('BROKEN'),
      text.strong(budget.function),
      formatRule(budget.rule, options.counted),
      formatMeasured(verdict, options.counted),
      ...(hasRuns ? [formatRange(verdict, options.counted)] : []),
      text.dim(`${path}:${budget.line}`),
    ];
  });
  const titles = ['', 'FUNCTION', 'BUDGET', 'MEASURED', ...(hasRuns ? ['RUNS'] : []), 'LINE'];
  const columns = titles.map((title) => ({ title, align: 'left' as const }));
  return renderTable(columns, rows, text) + renderWorst(verdicts, options);
}

/** A tree that shows several is shown once. */
function renderWorst(verdicts: readonly Verdict[], options: VerdictOptions): string {
  const { text, counted, printTree } = options;
  const byTree = new Map<NonNullable<Verdict['worst']>, string[]>();
  for (const { budget, held, worst } of verdicts) {
    if (held || worst === null) continue;
    const about = `${budget.function} ${formatRule(budget.rule, counted)}`;
    byTree.set(worst, [...(byTree.get(worst) ?? []), about]);
  }
  return [...byTree]
    .map(([tree, about]) => `\n${text.line(`Breaks ${about.join('; ')}:`)}${printTree(tree)}`)
    .join('');
}

/** `1 of 4 budgets broken; dearer than in perf/baseline.json: nothing.` */
export function renderVerdictCount(verdicts: readonly Verdict[], baseline: string | null): string {
  const [regressed, judged] = [
    verdicts.filter(({ budget }) => budget.rule.type === 'baseline'),
    verdicts.filter(({ budget }) => budget.rule.type !== 'baseline'),
  ];
  const broken = judged.filter(({ held }) => !held).length;
  const all = `${formatCount(judged.length)} budget${judged.length === 1 ? '' : 's'}`;
  const verdict = broken === 0 ? `${all}: held` : `${formatCount(broken)} of ${all} broken`;
  if (baseline === null) return judged.length === 0 ? '' : `${verdict}.\n`;
  const dearer = regressed.length === 0 ? 'nothing' : formatCount(regressed.length);
  const compared = `dearer than in ${baseline}: ${dearer}`;
  return judged.length === 0 ? `${compared}.\n` : `${verdict}; ${compared}.\n`;
}

/** `p99 < 50 µs`, `never calls schedule`, `≤ 80 % of vfs_read`, `p99 ≤ 55 µs, was 50 µs`. */
function formatRule(rule: Rule | BaselineRule, counted: boolean): string {
  switch (rule.type) {
    case 'never calls':
      return `never calls ${rule.callees.join(', ')}`;
    case 'share':
      return `${formatLimit(rule.limit, counted)} of ${rule.of}`;
    case 'limit':
      return `${rule.measure} ${formatLimit(rule.limit, counted)}`;
    case 'baseline': {
      const was = formatIn(rule.limit.unit, rule.before, counted);
      return `${rule.measure} ${formatLimit(rule.limit, counted)}, was ${was}`;
    }
  }
}

const formatLimit = ({ comparison, value, unit }: Limit, counted: boolean): string =>
  `${signs[comparison]} ${formatIn(unit, value, counted || unit === 'instructions')}`;

/** What was held against the limit. */
function formatMeasured({ budget, value }: Verdict, counted: boolean): string {
  if (value === null) return 'no call';
  return formatIn(unitOf(budget.rule), value, counted);
}

function formatRange({ budget, values }: Verdict, counted: boolean): string {
  const numbers = values.flatMap((value) => value ?? []);
  if (numbers.length === 0) return '';
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const unit = unitOf(budget.rule);
  return `${formatIn(unit, least, counted)} to ${formatIn(unit, most, counted)}`;
}

const unitOf = (rule: Rule | BaselineRule): Limit['unit'] =>
  rule.type === 'never calls' ? 'calls' : rule.limit.unit;

function formatIn(unit: Limit['unit'], value: number, counted: boolean): string {
  switch (unit) {
    case 'calls':
      return formatCount(Math.round(value));
    case '%':
      return `${Number(value.toPrecision(3))} %`;
    case 'ns':
    case 'instructions':
      if (counted) return `${formatCount(Math.round(value))} instructions`;
      return value < 1000 ? `${Number(value.toPrecision(3))} ns` : formatDuration(value);
  }
}

/**
 * A line a budget: `{"type":"budget","line":5,"function":"vfs_read","budget":"p99 < 50 µs","held":false,
 * "value":61200,"unit":"ns","values":[61200],"worst":TREE}`. The unit is calls, ns, instructions or %; `worst` is
 * a line of `trace --format json`, or null.
 */
export function renderVerdictsJson(
  verdicts: readonly Verdict[],
  { counted, printTree }: Pick<VerdictOptions, 'counted' | 'printTree'>,
): string {
  return verdicts
    .map(({ budget, held, value, values, worst }) => {
      const { line, function: name, rule } = budget;
      const unit = unitOf(rule) === 'ns' && counted ? 'instructions' : unitOf(rule);
      const about = { line, function: name, budget: formatRule(rule, counted) };
      const head = JSON.stringify({ type: 'budget', ...about, held, value, unit, values });
      const tree = held || worst === null ? 'null' : printTree(worst).trimEnd();
      return `${head.slice(0, -1)},"worst":${tree}}\n`;
    })
    .join('');
}

/**
 * The last line: `{"type":"summary","runs":5,"held":3,"broken":1,"baseline":null,"lost":{"ring":0,…}}`, with
 * `"drift":1.8,"slowShare":0.02` where something is known of the machine.
 * @param baseline the path of what was compared with, or null
 * @param slowdown what the machine alone may have made of times since then; null where that isn't known
 */
export function renderCheckSummaryJson(
  verdicts: readonly Verdict[],
  {
    runs,
    baseline,
    slowdown,
    lost,
  }: { runs: number; baseline: string | null; slowdown: Slowdown | null; lost: Summary['lost'] },
): string {
  const held = verdicts.filter((verdict) => verdict.held).length;
  const broken = verdicts.length - held;
  const machine = slowdown && { drift: slowdown.factor, slowShare: slowdown.share };
  return `${JSON.stringify({ type: 'summary', runs, held, broken, baseline, ...machine, lost })}\n`;
}

/** What people are told of the machine where something was compared. */
export const renderSlower = (baseline: string, { factor, share }: Slowdown): string =>
  `By the kernel's tick, the machine may have been ${factor.toFixed(2)} times as slow as for ${baseline}, and slower still for up to ${Math.round(100 * share)}% of calls: what took longer by no more than that, and the tolerance, is not told.\n`;

/** JUnit's XML, as CI systems read it: a test case a budget. */
export function renderJunit(verdicts: readonly Verdict[], options: VerdictOptions): string {
  const { path, counted, printTree } = options;
  const failed = verdicts.filter(({ held }) => !held).length;
  const cases = verdicts.map((verdict) => {
    const { budget, held, worst } = verdict;
    const rule = formatRule(budget.rule, counted);
    const opening = `    <testcase classname="${escapeXml(budget.function)}" name="${escapeXml(rule)}" file="${escapeXml(path)}" line="${budget.line}"`;
    if (held) return `${opening}/>\n`;
    const message = `${formatMeasured(verdict, counted)}, budget ${rule}`;
    const tree = worst === null ? '' : printTree(worst);
    return `${opening}>\n      <failure message="${escapeXml(message)}">${escapeXml(tree)}</failure>\n    </testcase>\n`;
  });
  const counts = `tests="${verdicts.length}" failures="${failed}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites ${counts}>
  <testsuite name="${escapeXml(path)}" ${counts}>
${cases.join('')}  </testsuite>
</testsuites>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** What XML has no way to write is left out. */
function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"]/g, (letter) => entities[letter] ?? letter);
}

/** What GitHub shows at the line of the budget: https://docs.github.com/actions, workflow commands. */
export function renderAnnotations(
  verdicts: readonly Verdict[],
  { path, counted }: Pick<VerdictOptions, 'path' | 'counted'>,
): string {
  return verdicts
    .filter(({ held }) => !held)
    .map((verdict) => {
      const { budget } = verdict;
      const rule = formatRule(budget.rule, counted);
      const place = `file=${escapeProperty(path)},line=${budget.line}`;
      const title = escapeProperty(`${budget.function}: over budget`);
      const message = `${budget.function}: ${formatMeasured(verdict, counted)}, budget ${rule}`;
      return `::error ${place},title=${title}::${escapeData(message)}\n`;
    })
    .join('');
}

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
