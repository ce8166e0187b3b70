/** The file of what a check measured, which later ones are held against: lines as `report --json` has them. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import type { Counts } from '../tree/buckets.js';
import { parseMeasuredLines } from '../tree/measured-lines.js';
import type { Measured } from '../tree/measured.js';

export interface Baseline {
  readonly path: string;
  readonly functions: readonly Measured[];
  /** How many ticks of the kernel took how long. */
  readonly ticks: Counts;
}

/** What must be the same for two checks to be compared. */
export interface Conditions {
  readonly runs: number;
  readonly unit: 'ns' | 'instructions';
}

/** As a budget has it: from the folder of its file. */
export const baselinePathOf = (budgetPath: string, written: string): string =>
  join(dirname(budgetPath), written);

/** @throws {Failure} when it can't be read, is none, or was measured in another way */
export function loadBaseline(path: string, conditions: Conditions): Baseline {
  const text = readText(path);
  const { functions, runs, unit, ticks } = parseMeasuredLines(text, path);
  if (runs !== conditions.runs) throw differs(path, `is of ${countRuns(runs)}`, conditions);
  if (unit !== conditions.unit) throw differs(path, `is in ${unit}`, conditions);
  return { path, functions, ticks };
}

const countRuns = (runs: number): string => `${runs} run${runs === 1 ? '' : 's'}`;

function differs(path: string, what: string, { runs, unit }: Conditions): Failure {
  return new Failure(
    exitStatus.usage,
    `${path} ${what}, and can't be compared with ${countRuns(runs)} in ${unit}.`,
    howToMake,
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new Failure(exitStatus.usage, `The baseline ${path} can't be read (${code}).`, howToMake);
  }
}

const howToMake =
  'Make it anew, from a run that is as it should be: fsnoop check … --update-baseline';
