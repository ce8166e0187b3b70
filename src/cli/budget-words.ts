/** What a budget has of what is traced, in the words of the flags of a trace. */
import { namesIn, type BudgetFile } from '../budget/budget.js';
import type { Method } from '../plan/method.js';
import { defaultWords, type TracingWords } from '../tracing/request.js';

/**
 * What budgets name is traced below the roots, besides what the file says of that.
 * @param method goes before the file's, but for auto
 */
export function wordsOf(
  { trace, budgets }: BudgetFile,
  method: TracingWords['method'],
): Omit<TracingWords, 'cpu-time' | 'dry-run' | 'watchdog'> {
  const named = namesIn(budgets).filter((name) => !trace.kfunc.includes(name));
  // with a graph of its own the file has said what else there is below
  const isGraph = trace.include.length === 0 && (trace.graph || trace.extra.length > 0);
  const include = isGraph ? [] : [...trace.include, ...named];
  const extra = isGraph ? [...trace.extra, ...named] : trace.extra;
  const { modules } = trace;
  return {
    'max-rate': defaultWords['max-rate'],
    ...{ 'fgraph-all-paths': false, errors: false, 'output-stack': false },
    kfunc: trace.kfunc,
    'kfunc-kmods': modules === 'all' ? [] : modules,
    'kfunc-all-kmods': modules === 'all',
    'output-fgraph': trace.graph || include.length + extra.length > 0,
    'fgraph-include': include,
    'fgraph-exclude': trace.exclude,
    'fgraph-extra': extra,
    'fgraph-max-depth': trace.depth,
    'filter-arg': trace.filter,
    comm: trace.comm ?? undefined,
    args: trace.args,
    method: method === 'auto' ? (trace.method as Method | 'auto') : method,
    buffer: trace.buffer,
  };
}
