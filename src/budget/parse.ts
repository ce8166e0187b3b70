/** Reads a budget: YAML, held against its schema, each mistake with its line. */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { findNearest } from '../words/nearest.js';
import { isCount, measureNames } from '../tree/compare.js';
import type { Budget, BudgetFile, Rule, Traced } from './budget.js';
import { parseLimit } from './limit.js';
import type { Mistake } from './mistake.js';

export type Parsed =
  | { readonly type: 'budget'; readonly file: BudgetFile }
  | { readonly type: 'mistakes'; readonly mistakes: readonly Mistake[] };

/** What a file has that is as its schema says. */
interface Written {
  readonly trace: Readonly<Record<string, unknown>>;
  readonly command?: string;
  readonly budgets?: readonly WrittenBudget[];
  readonly baseline?: string;
  readonly tolerance?: string;
}

type WrittenBudget = Readonly<Record<string, Texts>>;
type Texts = string | number | readonly (string | number)[];

/** @param schema of budgets: schemas/budget.schema.json */
export function parseBudget(text: string, schema: object): Parsed {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const mistakes = document.errors.map(({ message, pos: [at] }) =>
      makeMistake(lines, at, explainYaml(message, text, at)),
    );
    return { type: 'mistakes', mistakes };
  }
  const value: unknown = document.toJS();
  const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true, verbose: true }).compile(
    schema,
  );
  if (!validate(value)) {
    const errors = onePerPlace(validate.errors ?? []);
    const mistakes = errors.map((error) =>
      makeMistake(lines, findPlace(document, error), explain(error, value)),
    );
    return { type: 'mistakes', mistakes: mistakes.sort((a, b) => a.line - b.line) };
  }
  const lineOf = (path: readonly (string | number)[], key: string): number =>
    lines.linePos(placeOf(document, path, key)).line;
  return { type: 'budget', file: toFile(value as Written, lineOf) };
}

function makeMistake(lines: LineCounter, at: number, message: string): Mistake {
  const { line, col } = lines.linePos(at);
  return { line: Math.max(1, line), column: Math.max(1, col), message };
}

/** `>` begins a text of several lines in YAML. */
function explainYaml(message: string, text: string, at: number): string {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(start, end < 0 ? text.length : end);
  return /:\s*>/.test(line)
    ? `A limit that begins with > needs quotes: '> 5'.`
    : `This is no YAML: ${message}`;
}

/** What ajv says of a name that is too much, or is not there. */
interface Named {
  readonly additionalProperty?: string;
  readonly missingProperty?: string;
}

/** What else is said of a place says the same in other words, and a budget that lacks its function lacks more. */
function onePerPlace(errors: readonly ErrorObject[]): ErrorObject[] {
  const seen = new Set<string>();
  const first = errors.filter(({ keyword }) => keyword === 'required');
  return [...first, ...errors].filter(({ keyword, instancePath, params }) => {
    const { additionalProperty: extra, missingProperty: missing } = params as Named;
    const name = extra ?? missing;
    const isOfWhole = keyword === 'minProperties' || name === undefined;
    const key = isOfWhole ? instancePath : `${instancePath} ${name}`;
    if (keyword === 'if' || seen.has(key)) return false;
    seen.add(key);
    if (keyword === 'required') seen.add(instancePath);
    return true;
  });
}

const pathOf = ({ instancePath }: ErrorObject): (string | number)[] =>
  instancePath
    .split('/')
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));

/** Where in the text it is: what is too much at its key, all else at its value. */
function findPlace(document: Document, error: ErrorObject): number {
  const path = pathOf(error);
  const { additionalProperty: extra = null } = error.params as Named;
  return placeOf(document, path, extra);
}

/** Of a key in what is at the path; without one, or where it is not there, of that itself. */
function placeOf(
  document: Document,
  path: readonly (string | number)[],
  key: string | null,
): number {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  if (key !== null && isMap(node)) {
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && item.key.value === key,
    );
    if (pair !== undefined && isScalar(pair.key) && pair.key.range) return pair.key.range[0];
  }
  const { range } = (node ?? {}) as { readonly range?: readonly number[] | null };
  return range?.[0] ?? 0;
}

function explain(
  { keyword, params, parentSchema, instancePath, schema }: ErrorObject,
  file: unknown,
): string {
  const names = Object.keys(
    (parentSchema as { properties?: object } | undefined)?.properties ?? {},
  );
  const where =
    instancePath === '' ? 'a budget file' : instancePath === '/trace' ? 'trace' : 'a budget';
  switch (keyword) {
    case 'additionalProperties': {
      const name = String(params['additionalProperty']);
      const near = findNearest(names, name, 3);
      const advice =
        near.length > 0 ? `Did you mean: ${near.join(', ')}?` : `It may have: ${names.join(', ')}.`;
      return `'${name}' is nothing that ${where} has. ${advice}`;
    }
    case 'required':
      return `${String(params['missingProperty'])} is missing: ${where} needs it.`;
    case 'minProperties':
      return `This budget has no limit, such as calls: <= 1000, p99: < 50us, never-calls: [schedule].`;
    case 'pattern':
    case 'type':
      return expected(instancePath, file);
    case 'enum':
      return `This may be ${(schema as readonly string[]).join(', ')}.`;
    case 'minimum':
      return `This is at least ${String(schema)}.`;
    case 'maximum':
      return `This is at most ${String(schema)}.`;
    default:
      return `This may not be empty.`;
  }
}

const counts = new Set<string>(measureNames.filter(isCount));
const times = new Set<string>(measureNames.filter((name) => !isCount(name)));

/** What a value looks like, by the name of it. */
function expected(instancePath: string, file: unknown): string {
  if (instancePath === '')
    return 'This is no budget, which begins with trace: {kfunc: [vfs_read]}.';
  const parts = instancePath.split('/').slice(1);
  const key = parts.findLast((part) => !/^\d+$/.test(part)) ?? '';
  if (parts[0] === 'budgets') {
    const budget = (file as { budgets?: readonly Readonly<Record<string, unknown>>[] }).budgets?.[
      Number(parts[1])
    ];
    if (key === 'max' && budget?.['share-of'] !== undefined)
      return `With share-of, max is a share, such as 80%.`;
    if (counts.has(key)) return `${key} is a number, such as 0, 1000, <= 1000 or '>= 1'.`;
    if (times.has(key))
      return `${key} is a time with its unit, such as < 50us or 1.5ms (ns, us, ms, s, m; instructions under fsnoop vm --icount).`;
    if (key === 'budgets')
      return `A budget is a function with limits: {function: vfs_read, calls: <= 1000}.`;
  }
  switch (key) {
    case 'budgets':
      return `budgets is a list, of such as {function: vfs_read, calls: <= 1000}.`;
    case 'tolerance':
      return `tolerance is a share, such as 10%.`;
    case 'trace':
      return `trace says what is traced: {kfunc: [vfs_read]}.`;
    case 'graph':
      return `graph is true or false.`;
    case 'runs':
    case 'depth':
      return `${key} is a whole number.`;
    case 'kfunc':
    case 'include':
    case 'exclude':
    case 'extra':
    case 'never-calls':
      return `${key} is a list of names and globs, such as [vfs_read, 'ext4_*'].`;
    default:
      return `${key} is a text.`;
  }
}

function toFile(
  written: Written,
  lineOf: (path: readonly (string | number)[], key: string) => number,
): BudgetFile {
  const { trace, command = null, budgets = [], baseline, tolerance = '10%' } = written;
  return {
    trace: toTraced(trace),
    command,
    budgets: budgets.flatMap((budget, at) =>
      toBudgets(budget, (key) => lineOf(['budgets', at], key)),
    ),
    baseline: baseline === undefined ? null : { path: baseline, line: lineOf([], 'baseline') },
    tolerance: parseFloat(tolerance) / 100,
  };
}

function toTraced(trace: Written['trace']): Traced {
  const list = (key: string) => listOf((trace[key] ?? []) as Texts).map(String);
  const {
    graph = false,
    depth = 30,
    modules = [],
    comm = null,
    args = 'off',
    method = 'auto',
    buffer = '16M',
    runs = 1,
  } = trace as Partial<Traced>;
  return {
    kfunc: list('kfunc'),
    include: list('include'),
    exclude: list('exclude'),
    extra: list('extra'),
    filter: list('filter'),
    ...{ graph, depth, modules, comm, args, method, buffer, runs },
  };
}

const listOf = (texts: Texts): readonly (string | number)[] =>
  typeof texts === 'object' ? texts : [texts];

/** One for each limit. */
function toBudgets(written: WrittenBudget, lineOf: (key: string) => number): Budget[] {
  const { function: name, 'share-of': of, ...rest } = written;
  return Object.entries(rest).flatMap(([key, texts]) =>
    toRules(key, listOf(texts), of === undefined ? null : String(of)).map((rule) => ({
      function: String(name),
      line: lineOf(key),
      rule,
    })),
  );
}

function toRules(key: string, texts: readonly (string | number)[], of: string | null): Rule[] {
  if (key === 'never-calls') return [{ type: 'never calls', callees: texts.map(String) }];
  const limits = texts.map((text) => parseLimit(String(text)));
  if (key === 'max' && of !== null) return limits.map((limit) => ({ type: 'share', of, limit }));
  const measure = measureNames.find((name) => name === key);
  if (measure === undefined) throw new Error(`the schema has a limit too many: ${key}`);
  return limits.map((limit) => ({ type: 'limit', measure, limit }));
}
