/** What a budget has of what is traced, in the words of the flags of a trace, and what is said of those in its own. */
import { limitedIn, namesIn, type BudgetFile } from '../budget/budget.js';
import { exitStatus, Failure } from '../failure.js';
import type { Method } from '../plan/method.js';
import { parsePatterns } from '../plan/pattern.js';
import { defaultWords, parseRequest, type Asked, type TracingWords } from '../tracing/request.js';

/** What the command line says of it. */
type Given = Pick<TracingWords, 'method' | 'cpu-time' | 'dry-run' | 'watchdog' | 'command'>;

/**
 * What budgets name is traced too: below the roots, and what they limit wherever it is called. Where a filter chooses
 * calls of the roots, all that counts is below those.
 * @param path of the file, for messages
 * @param given its method goes before the file's, but for auto
 * @throws {Failure} when it makes no sense
 */
export function askFor(path: string, { trace, budgets }: BudgetFile, given: Given): Asked {
  const lines = [...namesIn(budgets)].filter(([name]) => !trace.kfunc.includes(name));
  const named = lines.flatMap(([name, line]) => parsePatterns(`${path}:${line}:`, [name]));
  // with a graph of its own the file has said what else there is below
  const isGraph = trace.include.length === 0 && (trace.graph || trace.extra.length > 0);
  const hasGraph = trace.graph || trace.include.length + trace.extra.length + named.length > 0;
  const { modules } = trace;
  const { wishes, ...asked } = parseRequest(
    {
      ...given,
      'max-rate': defaultWords['max-rate'],
      ...{ 'fgraph-all-paths': false, errors: false, 'output-stack': false },
      kfunc: trace.kfunc,
      'kfunc-kmods': modules === 'all' ? [] : modules,
      'kfunc-all-kmods': modules === 'all',
      'output-fgraph': hasGraph,
      'fgraph-include': trace.include,
      'fgraph-exclude': hasGraph ? trace.exclude : [],
      'fgraph-extra': trace.extra,
      'fgraph-max-depth': trace.depth,
      'filter-arg': trace.filter,
      comm: trace.comm ?? undefined,
      args: trace.args,
      method: given.method === 'auto' ? (trace.method as Method | 'auto') : given.method,
      buffer: trace.buffer,
    },
    false,
  );
  const limited = limitedIn(budgets);
  return {
    ...asked,
    wishes: {
      ...wishes,
      include: isGraph ? wishes.include : [...wishes.include, ...named],
      extra: isGraph ? [...wishes.extra, ...named] : wishes.extra,
      alsoRoots: trace.filter.length > 0 ? [] : named.filter(({ glob }) => limited.has(glob)),
    },
  };
}

/** Where a filter makes limits be of fewer calls: `budget.yaml: With filter, vfs_read counts only below ksys_read.`; else ''. */
export function noteFilter(
  path: string,
  { trace: { filter, kfunc }, budgets }: BudgetFile,
): string {
  const names = [...limitedIn(budgets)].filter((name) => !kfunc.includes(name));
  if (filter.length === 0 || names.length === 0) return '';
  const count = names.length === 1 ? 'counts' : 'count';
  return `${path}: With filter, ${names.join(', ')} ${count} only below ${kfunc.join(', ')}.\n`;
}

const wordOfFlag: Readonly<Record<string, string>> = {
  '-k': 'kfunc',
  '--kfunc-kmods': 'modules',
  '--kfunc-kmods NAME': 'modules: [NAME]',
  '--kfunc-all-kmods': 'modules: all',
  '--fgraph-include': 'include',
  '--fgraph-exclude': 'exclude',
  '--fgraph-extra': 'extra',
  '--fgraph-max-depth': 'depth',
  '--filter-arg': 'filter',
  '--comm': 'comm',
  '--buffer': 'buffer',
};

/** With a budget's words in the place of flags that `check` does not have. */
export const inBudgetWords = (text: string): string =>
  text.replace(/(?<![\w-])(?:-k(?= ')|--[a-z-]+(?: NAME)?)/g, (flag) => wordOfFlag[flag] ?? flag);

/** The same of what was asked for wrongly. */
export function failInBudgetWords(error: Error): Error {
  if (!(error instanceof Failure) || error.exitStatus !== exitStatus.usage) return error;
  const { message, suggestions } = error;
  return new Failure(exitStatus.usage, inBudgetWords(message), ...suggestions.map(inBudgetWords));
}
