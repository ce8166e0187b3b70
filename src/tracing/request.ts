/** What is to be traced, from words: those of the command line's flags, or of a program's options. */
import { ringMaxBytes } from '../attach/shared.js';
import { parseWatchdogMs } from '../attach/watchdog.js';
import { exitStatus, Failure } from '../failure.js';
import { parseCommand } from '../plan/command.js';
import { parseExpressions } from '../plan/expressions.js';
import { chooseErrnos, parseCgroup, parseComm, parsePids } from '../plan/filters.js';
import type { Lesson } from '../plan/learnt.js';
import type { Method } from '../plan/method.js';
import { parseModules, parsePatterns } from '../plan/pattern.js';
import { parsePrograms } from '../plan/programs.js';
import { parseTracepoints } from '../plan/tracepoints.js';
import { formatBytes } from '../render/summary.js';
import { parseBytes, parseCount, parseDurationNs } from '../words/quantities.js';
import type { TraceRequest } from './trace.js';

export const argsChoices = ['off', 'compact', 'full'] as const;

/** By the name of the flag, as it is given there; absent where it isn't. */
export interface TracingWords {
  readonly kfunc?: readonly string[] | undefined;
  readonly prog?: readonly string[] | undefined;
  readonly tracepoint?: readonly string[] | undefined;
  readonly 'kfunc-kmods'?: readonly string[] | undefined;
  readonly 'kfunc-all-kmods': boolean;
  /** A text as at a shell, or an argument vector. */
  readonly command?: string | readonly string[] | undefined;
  readonly 'output-fgraph': boolean;
  readonly 'fgraph-include'?: readonly string[] | undefined;
  readonly 'fgraph-exclude'?: readonly string[] | undefined;
  readonly 'fgraph-extra'?: readonly string[] | undefined;
  /** '': without a number. */
  readonly 'fgraph-learn'?: string | undefined;
  readonly 'fgraph-save'?: string | undefined;
  readonly 'fgraph-load'?: string | undefined;
  readonly 'fgraph-max-depth': number;
  readonly 'fgraph-all-paths': boolean;
  readonly 'filter-pid'?: readonly string[] | undefined;
  readonly 'filter-arg'?: readonly string[] | undefined;
  readonly errors: boolean;
  readonly errno?: readonly string[] | undefined;
  readonly comm?: string | undefined;
  readonly cgroup?: string | undefined;
  readonly 'min-duration'?: string | undefined;
  readonly duration?: string | undefined;
  readonly watchdog: string;
  readonly method: Method | 'auto';
  readonly 'dry-run': boolean;
  readonly 'cpu-time': boolean;
  readonly args: (typeof argsChoices)[number];
  readonly 'output-arg'?: readonly string[] | undefined;
  readonly 'output-stack': boolean;
  readonly 'limit-events'?: number | undefined;
  readonly 'max-rate': string;
  readonly buffer: string;
}

/** Where nothing is said. */
export const defaultWords = {
  'fgraph-max-depth': 5,
  watchdog: '30s',
  method: 'auto',
  args: 'compact',
  'max-rate': '5M',
  buffer: '16M',
} as const;

/** For each of these what it can't stand beside. */
export const exclusives = {
  'kfunc-kmods': ['kfunc-all-kmods'],
  command: ['filter-pid'],
  'fgraph-load': ['fgraph-learn', 'fgraph-include'],
  'cpu-time': ['live'],
};

/** For each of these what has to stand beside it. */
export const companions = { 'fgraph-save': ['fgraph-learn'] };

/** The same, where calls are counted. */
export const countingCompanions = { ...companions, buffer: ['record'], 'max-rate': ['record'] };

export interface RecordingWords {
  readonly record?: string | undefined;
  readonly buffer?: string | undefined;
  readonly 'max-rate'?: string | undefined;
}

/** What says how calls are recorded, one by one: of those that are counted nothing, unless they are recorded too. */
export const countingWords = ({ record, buffer, 'max-rate': maxRate }: RecordingWords) => ({
  args: 'off' as const,
  'limit-events': undefined,
  'output-arg': undefined,
  'output-stack': false,
  tracepoint: undefined,
  'cpu-time': false,
  buffer: record === undefined ? '64K' : (buffer ?? defaultWords.buffer),
  'max-rate': record === undefined ? '0' : (maxRate ?? defaultWords['max-rate']),
});

/** What of a request they say. */
export type Asked = Pick<
  TraceRequest,
  'wishes' | 'method' | 'limitEvents' | 'durationMs' | 'maxRate' | 'watchdogMs'
>;

/**
 * @param live write a record at each entry too
 * @throws {Failure} when they make no sense
 */
export function parseRequest(words: TracingWords, live: boolean): Asked {
  if ((words.kfunc ?? words.prog ?? words.tracepoint) === undefined) throw nothingToTrace();
  return {
    wishes: {
      roots: parsePatterns('-k', words.kfunc ?? []),
      programs: parsePrograms(words.prog ?? []),
      tracepoints: parseTracepoints(words.tracepoint ?? []),
      modules: words['kfunc-all-kmods'] ? 'all modules' : parseModules(words['kfunc-kmods'] ?? []),
      graph: words['output-fgraph'],
      include: parsePatterns('--fgraph-include', words['fgraph-include'] ?? []),
      exclude: parsePatterns('--fgraph-exclude', words['fgraph-exclude'] ?? []),
      extra: parsePatterns('--fgraph-extra', words['fgraph-extra'] ?? []),
      alsoRoots: [],
      maxDepth: words['fgraph-max-depth'],
      paths: words['fgraph-all-paths'] ? 'all' : 'likely',
      lesson: chooseLesson(words),
      minDurationNs:
        parseOptional(words['min-duration'], (text) => parseDurationNs('--min-duration', text)) ??
        0,
      pids: words['filter-pid']?.flatMap(parsePids) ?? [],
      comm: parseOptional(words.comm, parseComm),
      cgroup: parseOptional(words.cgroup, parseCgroup),
      command: parseOptional(words.command, (command) =>
        typeof command === 'string' ? parseCommand(command) : command,
      ),
      bufferBytes: parseBuffer(words.buffer),
      live,
      args: words.args,
      outputs: parseExpressions('--output-arg', words['output-arg'] ?? []),
      filters: parseExpressions('--filter-arg', words['filter-arg'] ?? []),
      errnos: chooseErrnos(words.errors, words.errno ?? []),
      stack: words['output-stack'],
      cpuTime: words['cpu-time'],
    },
    method: words.method,
    limitEvents: words['limit-events'] ?? null,
    durationMs: parseOptional(words.duration, (text) => parseMs('--duration', text)),
    maxRate: parseCount('--max-rate', words['max-rate']),
    watchdogMs: parseWatchdogMs(words.watchdog),
  };
}

/** The time between two looks at what is counted. */
export const parseIntervalMs = (text: string | undefined): number | null =>
  parseOptional(text, (given) => parseMs('--interval', given));

const parseMs = (flag: string, text: string) => parseDurationNs(flag, text, 's') / 1e6;

function parseBuffer(text: string): number {
  const bytes = parseBytes('--buffer', text);
  if (bytes <= ringMaxBytes) return bytes;
  throw new Failure(
    exitStatus.usage,
    `--buffer can be ${formatBytes(ringMaxBytes)} at most.`,
    'Record less: --min-duration, --filter-pid, fewer functions',
  );
}

function nothingToTrace(): Failure {
  return new Failure(
    exitStatus.usage,
    'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    'Name functions: fsnoop -k vfs_read',
    "Find some with: fsnoop list '*read*'",
  );
}

function parseOptional<Word, Value>(
  word: Word | undefined,
  parse: (word: Word) => Value,
): Value | null {
  return word === undefined ? null : parse(word);
}

function chooseLesson(words: TracingWords): Lesson | null {
  const { 'fgraph-learn': calls, 'fgraph-save': saveTo = null, 'fgraph-load': path } = words;
  if (path !== undefined) return { type: 'load', path };
  if (calls === undefined) return null;
  if (words['dry-run']) {
    throw new Failure(
      exitStatus.usage,
      '--dry-run attaches nothing, which --fgraph-learn has to.',
      'Keep what it sees with --fgraph-save FILE, then: --fgraph-load FILE --dry-run',
    );
  }
  return { type: 'learn', calls: calls === '' ? null : parseCalls(calls), saveTo };
}

function parseCalls(text: string): number {
  const calls = /^\d+$/.test(text) ? Number(text) : 0;
  if (calls > 0) return calls;
  throw new Failure(
    exitStatus.usage,
    `--fgraph-learn '${text}' is no number of calls.`,
    'Say how many calls of the roots to follow: --fgraph-learn=10',
  );
}
