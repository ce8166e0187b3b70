// What is in vitest's JSON reports.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

export const isFailed = ({ status }) => status === 'failed';
export const isOfGuests = (name) => name.endsWith('.guest.test.ts');

/** Its files; none where it is missing. */
export function loadFiles(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).testResults;
  } catch {
    return [];
  }
}

/** The first report, where what the second has of a file counts. */
export function mergeFiles(first, second) {
  const again = new Map(second.map((file) => [file.name, file]));
  return first.map((file) => again.get(file.name) ?? file);
}

export const nameOf = ({ name }) => basename(name);
