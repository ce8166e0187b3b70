/**
 * The mirror of render/sums-json.ts: what was measured, from lines that `fsnoop stat --json` or
 * `fsnoop report --json` wrote.
 */
import { exitStatus, Failure } from '../failure.js';
import { bucketLowest, bucketOf, sortCounts, type Counts } from './buckets.js';
import {
  mergeMeasured,
  type Losses,
  type Measured,
  type MeasuredEdge,
  type MeasuredRun,
  spellName,
  type Named,
} from './measured.js';

type Line = Readonly<Record<string, unknown>>;

/** Of `start`, as in render/json-lines.ts. */
const version = 1;

const otherLines: Readonly<Record<string, string>> = {
  ...{ tree: 'calls one by one', call: 'calls one by one', entry: 'calls one by one' },
  ...{ tracepoint: 'tracepoints', graph: 'the graph of all trees' },
};

const howToMeasure = [
  'Make one with: fsnoop record -k vfs_read -o FILE',
  'Or without a record for each call: fsnoop stat -k vfs_read --json -o FILE',
] as const;

/**
 * What was counted in the end: intervals before it are left out, and keys of `--by` added up.
 * @param text JSON, an object a line
 * @param name of where it comes from, for errors
 * @throws {Failure} when it is something else, or not whole
 */
export function parseMeasuredLines(text: string, name: string): MeasuredRun {
  const lines = parseLines(text, name);
  for (const line of lines) checkType(line, name);
  const summary = lines.at(-1);
  if (summary?.['type'] !== 'summary') throw cutOff(name);
  const counted = lines.slice(lines.findLastIndex(({ type }) => type === 'interval') + 1);
  const ofFunctions = lastOfEach(counted.filter(isOfFunction));
  try {
    const functions = mergeMeasured(ofFunctions.map(readMeasured));
    const isCut = lacksSome(summary, functions);
    if (isCut && ofFunctions.some(({ by }) => by !== undefined)) throw lacksKeys(name);
    const edges = ofFunctions.every(({ callers }) => Array.isArray(callers))
      ? ofFunctions.flatMap(readEdges)
      : null;
    return {
      ...{ functions, edges, isCut, ...readConditions(lines), lost: readLosses(summary) },
      ticks: readCounts(summary, 'ticks'),
    };
  } catch (error) {
    if (!(error instanceof Misprint)) throw error;
    throw new Failure(
      exitStatus.failed,
      `${name} is not what fsnoop wrote: ${error.message}.`,
      'Write it again, with the same version of fsnoop',
    );
  }
}

/** Something is missing, or is no such value. */
class Misprint extends Error {}

function parseLines(text: string, name: string): Line[] {
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const parsed = parseLine(line);
    if (parsed === null) throw lines.length === 0 ? neither(name) : cutOff(name);
    lines.push(parsed);
  }
  if (lines.length === 0) throw neither(name);
  return lines;
}

/** Null where it is no object of JSON. */
function parseLine(line: string): Line | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? (value as Line | null) : null;
  } catch {
    return null;
  }
}

const isOfFunction = ({ type }: Line) => type === 'stat' || type === 'function';

function checkType(line: Line, name: string): void {
  const { type, version: written } = line;
  if (type === 'start' && typeof written === 'number' && written > version) throw newer(name);
  if (type === 'start' || type === 'interval' || type === 'summary') return;
  const other = otherLines[String(type)];
  if (other !== undefined)
    throw new Failure(
      exitStatus.usage,
      `${name} has ${other}, not what was measured of each function.`,
      ...howToMeasure,
    );
  if (!isOfFunction(line)) throw neither(name);
  if (line['histogram'] === undefined)
    throw new Failure(
      exitStatus.usage,
      `${name} has no histograms: an older version of fsnoop wrote it.`,
      'Write it again with this version',
    );
}

/** Behind the last interval its own lines come, and then those of the end. */
function lastOfEach(lines: readonly Line[]): Line[] {
  const keyOf = ({ function: name, module, by }: Line) => JSON.stringify([name, module, by]);
  return [...new Map(lines.map((line) => [keyOf(line), line])).values()];
}

/** Of calls, `stat` tells how many are in all lines, and `report` how many there are in all trees. */
function lacksSome(summary: Line, found: readonly Measured[]): boolean {
  const counted = found.reduce((sum, one) => sum + one.calls, 0);
  const isOfStat = summary['trees'] === undefined;
  return (
    readNumber(summary, 'functions') > found.length ||
    (isOfStat && readNumber(summary, 'calls') > counted)
  );
}

function readMeasured(line: Line): Measured {
  return {
    ...readName(line),
    ...{ calls: readNumber(line, 'calls'), totalNs: readNumber(line, 'totalNs') },
    ...{ selfNs: readNumber(line, 'selfNs'), minNs: readNumber(line, 'minNs') },
    maxNs: readNumber(line, 'maxNs'),
    counts: readCounts(line, 'histogram'),
    errors: readErrors(line['errors']),
  };
}

function readName({ function: name, module = null }: Line): Named {
  if (typeof name !== 'string') throw new Misprint(`'function' is ${show(name)}`);
  if (module !== null && typeof module !== 'string')
    throw new Misprint(`'module' is ${show(module)}`);
  return { function: name, module };
}

/** A large one is a string: see render/number-json.ts. */
function readNumber(line: Line, field: string): number {
  const value = line[field];
  const number = typeof value === 'string' ? Number(value) : value;
  if (typeof number !== 'number' || !(number >= 0))
    throw new Misprint(`'${field}' is ${show(value)}`);
  return number;
}

const show = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value));

/** None where there is no such field. */
function readCounts(line: Line, field: 'histogram' | 'ticks'): Counts {
  const histogram = line[field];
  const pairs = Array.isArray(histogram) ? (histogram as unknown[]) : [];
  return sortCounts(
    pairs.map((pair) => {
      const [lowestNs, calls] = Array.isArray(pair) ? (pair as unknown[]) : [];
      const bucket = Number.isSafeInteger(lowestNs) ? bucketOf(lowestNs as number) : -1;
      if (bucket < 0 || bucketLowest(bucket) !== lowestNs || typeof calls !== 'number')
        throw new Misprint(`'${field}' has ${JSON.stringify(pair)}`);
      return [bucket, calls] as const;
    }),
  );
}

function readErrors(errors: unknown): ReadonlyMap<string, number> {
  const line = (errors ?? {}) as Line;
  return new Map(Object.keys(line).map((name) => [name, readNumber(line, name)]));
}

function readEdges(line: Line): MeasuredEdge[] {
  const callee = spellName(readName(line));
  return (line['callers'] as Line[]).map((caller) => ({
    caller: caller['function'] === null ? null : spellName(readName(caller)),
    callee,
    calls: readNumber(caller, 'calls'),
  }));
}

/** Those of a `check`: others are one run, in ns. */
function readConditions(lines: readonly Line[]): Pick<MeasuredRun, 'runs' | 'unit'> {
  const { runs = 1, unit = 'ns' } = lines.find(({ type }) => type === 'start') ?? {};
  if (unit !== 'ns' && unit !== 'instructions') throw new Misprint(`'unit' is ${show(unit)}`);
  return { runs: readNumber({ runs }, 'runs'), unit };
}

/** Of `stat` nothing is lost in a ring, or by fsnoop itself. */
function readLosses({ lost }: Line): Losses {
  const found = { ring: 0, user: 0, ...(lost as Line) };
  const read = (kind: keyof Losses) => readNumber(found, kind);
  return {
    ...{ ring: read('ring'), recursion: read('recursion') },
    ...{ entry: read('entry'), user: read('user') },
  };
}

const neither = (name: string): Failure =>
  new Failure(
    exitStatus.usage,
    `${name} is neither a recording of fsnoop nor what fsnoop stat --json or report --json writes.`,
    ...howToMeasure,
  );

const newer = (name: string): Failure =>
  new Failure(
    exitStatus.usage,
    `${name} was written by a newer version of fsnoop.`,
    'Read it with that version, or with a later one',
  );

const cutOff = (name: string): Failure =>
  new Failure(
    exitStatus.failed,
    `${name} is cut off: its last line is no summary. fsnoop was killed while it wrote, or not all was copied.`,
    'Copy it again, or write it again',
  );

const lacksKeys = (name: string): Failure =>
  new Failure(
    exitStatus.usage,
    `${name} has only some keys of its functions: it was counted with --by and --top.`,
    'Count without one of them',
  );
