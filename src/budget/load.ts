/** Reads a budget file, and the schema that it is held against. */
import { readFileSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import type { BudgetFile } from './budget.js';
import { formatMistake } from './mistake.js';
import { parseBudget } from './parse.js';

/** Two folders up, of the source and of the bundle. */
const schemaUrl = new URL('../../schemas/budget.schema.json', import.meta.url);

const mostShown = 10;

/** @throws {Failure} when it can't be read, with each mistake that is in it */
export function loadBudget(path: string): BudgetFile {
  const text = readText(path);
  const parsed = parseBudget(text, JSON.parse(readFileSync(schemaUrl, 'utf8')) as object);
  if (parsed.type === 'budget') return parsed.file;
  const { mistakes } = parsed;
  const shown = mistakes.slice(0, mostShown).map((mistake) => formatMistake(path, text, mistake));
  const rest = mistakes.length - shown.length;
  throw new Failure(
    exitStatus.usage,
    [...shown, ...(rest > 0 ? [`… and ${rest} more.`] : [])].join('\n'),
    'What a budget may have: fsnoop check --help',
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(
      exitStatus.usage,
      `${path} could not be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`,
      'Write one like this: trace: {kfunc: [vfs_read]}, budgets: [{function: vfs_read, calls: <= 1000}]',
    );
  }
}
