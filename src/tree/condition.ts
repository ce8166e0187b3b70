/**
 * Conditions on how two runs differ, as people write them:
 *
 *	p99 > +10%                   of any function, the run after has a p99 that is more than a tenth larger
 *	total > +50us of vfs_*       by more than 50 µs, of these functions
 *	calls < -100 of ksys_read    fewer by more than 100
 *	new of ext4_*, gone          functions that were called in one run alone
 */
import { ExpressionError, type Place } from '../expr/error.js';
import { exitStatus, Failure } from '../failure.js';
import { findNearest } from '../words/nearest.js';
import { parseDurationNs } from '../words/quantities.js';
import { compileGlobs } from '../symbols/glob.js';
import {
  chanceOfLess,
  chanceOfMore,
  isCount,
  levelOf,
  limitOf,
  measureNames,
  valueOf,
  type Comparison,
  type Limit,
  type MeasureName,
} from './compare.js';
import type { Drift } from './pace.js';

export type Condition = {
  /** As it was written. */
  readonly text: string;
  /** Of functions; empty: all. */
  readonly globs: readonly string[];
} & (
  | {
      readonly type: 'more' | 'less';
      readonly measure: MeasureName;
      /** Of what was before. */
      readonly limit: Limit;
    }
  | { readonly type: 'new' | 'gone' }
);

const lone = ['new', 'gone'] as const;

/** @throws {ExpressionError} with the place of what makes no sense */
export function parseCondition(text: string): Condition {
  const words = new Words(text);
  const first = words.take(/[\w.]+/y);
  const name = first?.word ?? '';
  const isLone = lone.find((type) => type === name);
  const measure = measureNames.find((known) => known === name);
  if (isLone !== undefined) return { text, type: isLone, globs: parseGlobs(words) };
  if (measure === undefined) throw unknownMeasure(words, first);
  const operator = words.take(/[<>](?!=)/y)?.word;
  if (operator === undefined) throw words.error(`Behind '${measure}' comes > or <.`);
  const type = operator === '>' ? 'more' : 'less';
  const change = words.take(/[^\s,]+/y);
  if (change === null)
    throw words.error(`Behind '${operator}' comes a change.`, [examples(measure)]);
  const limit = parseChange(words, change, measure, type);
  return { text, type, measure, limit, globs: parseGlobs(words) };
}

interface Word extends Place {
  readonly word: string;
}

/** Reads a text from its beginning to its end. */
class Words {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** What is next, if it looks like that. */
  take(pattern: RegExp): Word | null {
    this.#skipBlanks();
    pattern.lastIndex = this.#at;
    const word = pattern.exec(this.#text)?.[0];
    if (word === undefined) return null;
    const at = this.#at;
    this.#at += word.length;
    return { word, at, length: word.length };
  }

  isOver(): boolean {
    this.#skipBlanks();
    return this.#at === this.#text.length;
  }

  /** At what is next, where no place is given. */
  error(message: string, hints: readonly string[] = [], place?: Place): ExpressionError {
    const next = { at: this.#at, length: Math.max(1, this.#text.length - this.#at) };
    return new ExpressionError('syntax', message, this.#text, place ?? next, hints);
  }

  #skipBlanks(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }
}

function unknownMeasure(words: Words, first: Word | null): ExpressionError {
  const all = [...measureNames, ...lone];
  const hint = `A condition begins with one of: ${all.join(', ')}`;
  if (first === null) return words.error('A condition begins with what is measured.', [hint]);
  const said = `'${first.word}' is nothing that is measured.`;
  return words.error(said + didYouMean(all, first.word), [hint], first);
}

/** ` Did you mean: p90, p99?`, or ''. */
function didYouMean(names: readonly string[], name: string): string {
  const near = findNearest(names, name, 3);
  return near.length > 0 ? ` Did you mean: ${near.join(', ')}?` : '';
}

/** `+10%`, `-50us`, `+100`. */
function parseChange(
  words: Words,
  change: Word,
  measure: MeasureName,
  type: 'more' | 'less',
): Limit {
  const [sign, direction, operator] = type === 'more' ? ['+', 1, '>'] : ['-', -1, '<'];
  const wrong = (message: string) => words.error(message, [examples(measure)], change);
  if (!change.word.startsWith(sign))
    throw wrong(`A change behind ${operator} begins with ${sign}.`);
  const [, number, unit] = /^(\d+(?:\.\d+)?)(\D*)$/.exec(change.word.slice(1)) ?? [];
  if (number === undefined) throw wrong(`'${change.word}' is no change.`);
  if (unit === '%') {
    const factor = 1 + (direction * Number(number)) / 100;
    if (factor <= 0)
      throw wrong('Nothing gets less by 100 % or more: what is called no more is gone.');
    return { factor, add: 0 };
  }
  if (isCount(measure)) {
    if (unit !== '') throw wrong(`'${measure}' is a number, and no time.`);
    return { factor: 1, add: direction * Number(number) };
  }
  if (!/^(ns|us|µs|ms|s)$/.test(unit ?? '')) throw wrong(`'${measure}' is a time.`);
  return { factor: 1, add: direction * parseDurationNs('--fail-on', change.word.slice(1)) };
}

const examples = (measure: MeasureName): string =>
  isCount(measure)
    ? `Such as: ${measure} > +10%, ${measure} > +100, ${measure} < -10%`
    : `Such as: ${measure} > +10%, ${measure} > +50us, ${measure} < -10%`;

/** Behind `of`: globs, by commas. */
function parseGlobs(words: Words): string[] {
  if (words.isOver()) return [];
  if (words.take(/of\b/y) === null)
    throw words.error("Behind a condition comes nothing, or 'of' and functions.", [
      'Such as: p99 > +10% of vfs_*',
    ]);
  const globs: string[] = [];
  do {
    const glob = words.take(/[^\s,]+/y);
    if (glob === null) throw words.error('There is the name of a function missing, or a glob.');
    globs.push(glob.word);
  } while (words.take(/,/y) !== null);
  if (!words.isOver()) throw words.error('Functions are separated by commas.');
  return globs;
}

/** A function that a condition is about. */
export interface Judged {
  readonly comparison: Comparison;
  /** Chance that runs that are just not beyond the limit, and off by the noise, show what these do. */
  readonly p: number;
}

export interface Verdict {
  readonly condition: Condition;
  /** How many functions were looked at. */
  readonly functions: number;
  /** It holds: beyond the limit, and by more than the tolerance and chance. */
  readonly broken: readonly Judged[];
  /** Beyond the limit, which may be chance. */
  readonly unclear: readonly Judged[];
}

/**
 * @param noise what times of runs of the same may differ by, beyond which a change has to be larger than said
 * @throws {Failure} when there is no such function
 */
export function judge(
  condition: Condition,
  comparisons: readonly Comparison[],
  noise: Drift,
): Verdict {
  const meant = chooseFunctions(condition, comparisons);
  const beyond = meant
    .filter((comparison) => isBeyond(condition, comparison))
    .map((comparison) => ({ comparison, p: chanceOf(condition, comparison, noise) }))
    .sort((a, b) => a.p - b.p);
  const most = levelOf(meant.length);
  return {
    condition,
    functions: meant.length,
    broken: beyond.filter(({ p }) => p < most),
    unclear: beyond.filter(({ p }) => p >= most),
  };
}

function chooseFunctions(
  { text, globs }: Condition,
  comparisons: readonly Comparison[],
): readonly Comparison[] {
  if (globs.length === 0) return comparisons;
  for (const glob of globs) {
    const pattern = compileGlobs([glob]);
    if (comparisons.some(({ function: name }) => pattern.test(name))) continue;
    const names = comparisons.map(({ function: name }) => name);
    const meant = didYouMean(names, glob.replace(/[*?[\]]/g, ''));
    throw new Failure(
      exitStatus.usage,
      `--fail-on '${text}': neither run called a function '${glob}'.${meant}`,
      'See all that were called: fsnoop diff --all A B',
    );
  }
  const pattern = compileGlobs(globs);
  return comparisons.filter(({ function: name }) => pattern.test(name));
}

function isBeyond(condition: Condition, { status, before, after }: Comparison): boolean {
  switch (condition.type) {
    case 'new':
    case 'gone':
      return status === condition.type;
    case 'more':
    case 'less': {
      const { measure, limit, type } = condition;
      const [was, is] = [valueOf(measure, before), valueOf(measure, after)];
      if (was === null || is === null) return false;
      return type === 'more' ? is > limitOf(limit, was) : is < limitOf(limit, was);
    }
  }
}

function chanceOf(condition: Condition, { before, after }: Comparison, noise: Drift): number {
  switch (condition.type) {
    case 'new':
      return chanceOfMore('calls', before, after, same);
    case 'gone':
      return chanceOfLess('calls', before, after, same);
    case 'more': {
      const limit = widen(condition, noise.longer.factor);
      return chanceOfMore(condition.measure, before, after, limit, noise.longer.share);
    }
    case 'less': {
      const limit = widen(condition, 1 / noise.shorter.factor);
      return chanceOfLess(condition.measure, before, after, limit, noise.shorter.share);
    }
  }
}

interface Limited {
  readonly measure: MeasureName;
  readonly limit: Limit;
}

/** Counts of runs of the same don't differ. */
function widen({ measure, limit }: Limited, by: number): Limit {
  if (isCount(measure)) return limit;
  return { factor: limit.factor * by, add: limit.add * by };
}

const same: Limit = { factor: 1, add: 0 };
