/** What `fsnoop stat --json` writes, read back. */
import type {
  JsonInterval,
  JsonStart,
  JsonStat,
  JsonStatSummary,
} from '../src/render/json-contract.js';

/** Of so little time that every number is one. */
export type StatLine = JsonStat & { readonly totalNs: number; readonly selfNs: number };

type Line = JsonStart | JsonInterval | StatLine | JsonStatSummary;

export function parseStatLines(text: string): Line[] {
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

/** What was counted in the end: behind the last interval are its own lines, and then those. */
export function statsOf(text: string): StatLine[] {
  const lines = parseStatLines(text);
  const last = lines.findLastIndex(({ type }) => type === 'interval');
  const stats = lines.slice(last + 1).filter((line) => line.type === 'stat');
  const keyOf = (line: StatLine) => `${line.function} ${JSON.stringify(line.by)}`;
  return [...new Map(stats.map((line) => [keyOf(line), line])).values()];
}

/** @throws {Error} when there is none */
export function statOf(text: string, name: string): StatLine {
  const found = statsOf(text).find((line) => line.function === name);
  if (found === undefined) throw new Error(`${name} was not counted: ${text}`);
  return found;
}

/** @throws {Error} when there is none */
export function summaryOf(text: string): JsonStatSummary {
  const found = parseStatLines(text).find((line) => line.type === 'summary');
  if (found === undefined) throw new Error(`no summary: ${text}`);
  return found;
}

/** How often each function was called. */
export function callsOf(text: string): Record<string, number> {
  return Object.fromEntries(statsOf(text).map((line) => [line.function, line.calls]));
}

/** What `stat --json` and `report --json` both say of functions, by name: all that the first does. */
export function measuredOf(text: string): Record<string, object> {
  const lines = text.trimEnd().split('\n');
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const ofFunctions = parsed.filter(({ type }) => type === 'stat' || type === 'function');
  const isSaidByBoth = ([key]: [string, unknown]) => !['type', 'callers', 'callees'].includes(key);
  return Object.fromEntries(
    ofFunctions.map((line) => [
      String(line['function']),
      Object.fromEntries(Object.entries(line).filter(isSaidByBoth)),
    ]),
  );
}
