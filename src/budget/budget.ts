/** What kernel functions may cost, as plain data. */
import type { MeasureName } from '../tree/compare.js';
import type { Limit } from './limit.js';

/** A budget of which it is judged whether it holds. */
export interface Budget {
  /** A name, or a glob whose functions are taken together. */
  readonly function: string;
  /** In the file, from 1. */
  readonly line: number;
  readonly rule: Rule;
}

export type Rule =
  | { readonly type: 'limit'; readonly measure: MeasureName; readonly limit: Limit }
  /** Names and globs of what is nowhere below it. */
  | { readonly type: 'never calls'; readonly callees: readonly string[] }
  /** Of the time of calls of another function that it is called in, in %. */
  | { readonly type: 'share'; readonly of: string; readonly limit: Limit };

/** What no budget in the file says: that a function is no dearer than it was. */
export interface BaselineRule {
  readonly type: 'baseline';
  readonly measure: MeasureName;
  readonly before: number;
  /** With the tolerance. */
  readonly limit: Limit;
}

/** What is traced: as the flags of `fsnoop trace` have it. */
export interface Traced {
  readonly kfunc: readonly string[];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly extra: readonly string[];
  readonly graph: boolean;
  readonly depth: number;
  readonly modules: readonly string[] | 'all';
  readonly filter: readonly string[];
  readonly comm: string | null;
  readonly args: 'off' | 'compact' | 'full';
  readonly method: string;
  readonly buffer: string;
  readonly runs: number;
}

export interface BudgetFile {
  readonly trace: Traced;
  readonly command: string | null;
  readonly budgets: readonly Budget[];
  readonly baseline: {
    /** As it is in the file: from the file's folder. */
    readonly path: string;
    readonly line: number;
  } | null;
  /** Of the baseline: 0.1 is 10 %. */
  readonly tolerance: number;
}

/** All functions that budgets name, each once, with the line of the first budget that does. */
export function namesIn(budgets: readonly Budget[]): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  for (const { function: name, line, rule } of budgets) {
    for (const one of [name, ...othersIn(rule)]) if (!lines.has(one)) lines.set(one, line);
  }
  return lines;
}

function othersIn(rule: Rule): readonly string[] {
  switch (rule.type) {
    case 'limit':
      return [];
    case 'never calls':
      return rule.callees;
    case 'share':
      return [rule.of];
  }
}

/** Functions of which all calls count, wherever they are: the others that are named only do below these. */
export const limitedIn = (budgets: readonly Budget[]): ReadonlySet<string> =>
  new Set(budgets.map(({ function: name, rule }) => (rule.type === 'share' ? rule.of : name)));
