/** Options of a program as the words of a command line, which src/tracing/request.ts reads. */
import { exitStatus, Failure } from '../failure.js';
import { findNearest } from '../words/nearest.js';
import { keyKinds, type KeyKind } from '../plan/counting.js';
import { deepestCounted, deepestOfAll, methods } from '../plan/method.js';
import {
  argsChoices,
  companions,
  countingCompanions,
  countingWords,
  defaultWords,
  exclusives,
  type RecordingWords,
  type TracingWords,
} from '../tracing/request.js';
import { sortKeys, type SortKey } from '../tree/sort.js';
import type { CallOptions, StatOptions, TraceOptions } from './options.js';

type Word = string | readonly string[] | number | boolean | undefined;

/**
 * The word that a value stands for; undefined: as if it were not there.
 * @param flag as `--fgraph-include`
 * @throws {Failure} when it is none
 */
type Read = (flag: string, value: unknown) => Word;

export interface StatWords extends TracingWords {
  readonly by?: KeyKind | undefined;
  readonly sort: SortKey;
  readonly top?: number | undefined;
  readonly interval?: string | undefined;
  readonly record?: string | undefined;
}

export interface TraceWords extends TracingWords {
  readonly live: boolean;
}

/** They are not words. */
type OtherOption = 'signal' | 'onNote' | 'commandStdio';

const others = {
  signal: () => undefined,
  onNote: () => undefined,
  commandStdio: oneOf(['ignore', 'inherit']),
} satisfies Record<OtherOption, Read>;

const ofCalls = {
  kfunc: readTexts,
  prog: readTexts,
  kfuncKmods: readTexts,
  kfuncAllKmods: readBoolean,
  command: (flag, value) => {
    if (typeof value === 'string') return value;
    return readTexts(flag, value) ?? []; // which names no program
  },
  outputFgraph: readBoolean,
  fgraphInclude: readTexts,
  fgraphExclude: readTexts,
  fgraphExtra: readTexts,
  fgraphLearn: (flag, value) => {
    if (typeof value === 'number') return `${value}`;
    return readBoolean(flag, value) ? '' : undefined;
  },
  fgraphSave: readText,
  fgraphLoad: readText,
  fgraphAllPaths: readBoolean,
  filterPid: (flag, value) => {
    const texts = Array.isArray(value) ? value.map(spellNumber) : spellNumber(value);
    return readTexts(flag, texts) ?? ['']; // not all of them, where none is named
  },
  filterArg: readTexts,
  errors: readBoolean,
  errno: readTexts,
  comm: readText,
  cgroup: readText,
  minDuration: readText,
  duration: readAmount,
  watchdog: readAmount,
  method: oneOf(['auto', ...methods]),
  ...others,
} satisfies Record<Exclude<keyof CallOptions, 'fgraphMaxDepth'>, Read>;

const ofTraces = {
  ...ofCalls,
  fgraphMaxDepth: wholeFrom1(deepestOfAll),
  tracepoint: readTexts,
  cpuTime: readBoolean,
  args: oneOf(argsChoices),
  outputArg: readTexts,
  outputStack: readBoolean,
  limitEvents: wholeFrom1(Infinity),
  maxRate: readAmount,
  buffer: readAmount,
  live: readBoolean,
} satisfies Record<keyof TraceOptions, Read>;

const ofStats = {
  ...ofCalls,
  fgraphMaxDepth: wholeFrom1(deepestCounted),
  by: oneOf(keyKinds),
  sort: oneOf(sortKeys),
  top: wholeFrom1(Infinity),
  interval: readAmount,
  record: readText,
  maxRate: readAmount,
  buffer: readAmount,
} satisfies Record<keyof StatOptions, Read>;

const defaults = {
  ...defaultWords,
  watchdog: '0', // who blocks the event loop of a program does not expect it to be killed
  'kfunc-all-kmods': false,
  'output-fgraph': false,
  'fgraph-all-paths': false,
  errors: false,
  'dry-run': false,
  'cpu-time': false,
  'output-stack': false,
};

/** @throws {Failure} when an option is unknown, is of another type, or can't stand beside another */
export const toTraceWords = (options: TraceOptions): TraceWords => ({
  ...defaults,
  live: false,
  ...toWords(options, ofTraces, companions),
});

/** @throws {Failure} as toTraceWords() */
export function toStatWords(options: StatOptions): StatWords {
  const given: RecordingWords = toWords(options, ofStats, countingCompanions);
  return { ...defaults, sort: 'total', ...given, ...countingWords(given) };
}

type Companions = Readonly<Record<string, readonly string[]>>;

function toWords(
  options: object,
  readers: Readonly<Record<string, Read>>,
  needed: Companions,
): Record<string, Word> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const words = given.flatMap(([name, value]) => {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (read === undefined) throw unknownOption(name, Object.keys(readers));
    const flag = toFlag(name);
    const word = read(`--${flag}`, value);
    return word === undefined || name in others ? [] : [[flag, word] as const];
  });
  const byFlag = Object.fromEntries(words);
  checkTogether(byFlag, needed);
  return byFlag;
}

const toFlag = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** @throws {Failure} in oclif's words, which the command line's flags have it from */
function checkTogether(words: Readonly<Record<string, Word>>, companionsOf: Companions): void {
  const isGiven = (flag: string) => words[flag] !== undefined && words[flag] !== false;
  for (const [flag, banned] of Object.entries(exclusives)) {
    const other = isGiven(flag) ? banned.find(isGiven) : undefined;
    if (other !== undefined)
      throw wrong(`--${flag}=${String(words[flag])} cannot also be provided when using --${other}`);
  }
  for (const [flag, needed] of Object.entries(companionsOf)) {
    if (isGiven(flag) && !needed.every(isGiven)) {
      const names = needed.map((name) => `--${name}`).join(', ');
      throw wrong(`All of the following must be provided when using --${flag}: ${names}`);
    }
  }
}

/** Of none there is no word. */
function readTexts(flag: string, value: unknown): readonly string[] | undefined {
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!texts.every((text) => typeof text === 'string'))
    throw isNot(flag, value, 'a text or an array of texts');
  return texts.length === 0 ? undefined : texts;
}

function readText(flag: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw isNot(flag, value, 'a text');
}

function readBoolean(flag: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw isNot(flag, value, 'true or false');
}

function readAmount(flag: string, value: unknown): string {
  const text = spellNumber(value);
  if (typeof text === 'string') return text;
  throw isNot(flag, value, 'a number or a text');
}

const spellNumber = (value: unknown) => (typeof value === 'number' ? `${value}` : value);

/** In oclif's words, as that reads the flag. */
function wholeFrom1(most: number): Read {
  return (flag, value) => {
    const expected = (what: string) =>
      wrong(`${flag}: Expected an integer${what} but received: ${String(value)}`);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw expected('');
    if (value < 1) throw expected(' greater than or equal to 1');
    if (value > most) throw expected(` less than or equal to ${most}`);
    return value;
  };
}

/** In oclif's words. */
function oneOf(choices: readonly string[]): Read {
  return (flag, value) => {
    if (typeof value === 'string' && choices.includes(value)) return value;
    throw wrong(`Expected ${flag}=${String(value)} to be one of: ${choices.join(', ')}`);
  };
}

const isNot = (flag: string, value: unknown, what: string) =>
  wrong(`${flag}: ${String(value)} is not ${what}.`);

const wrong = (message: string) => new Failure(exitStatus.usage, message);

function unknownOption(name: string, known: readonly string[]): Failure {
  const nearest = findNearest(known, name, 3);
  return new Failure(
    exitStatus.usage,
    `There is no option ${name}.`,
    ...(nearest.length > 0 ? [`Did you mean: ${nearest.join(', ')}`] : []),
  );
}
