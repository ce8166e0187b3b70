/** Sizes and times as people write them: `2G`, `5m`. */
import { exitStatus, Failure } from '../failure.js';

const bytesOf = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
const msOf = { ms: 1, '': 1000, s: 1000, m: 60_000, h: 3_600_000 } as const;

/**
 * A size in bytes from `2G`, `512M`, `4096`.
 * @throws {Failure} when it is not one
 */
export function parseBytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(text) ?? [];
  if (number === undefined) throw misspelt('a size', text, '2G, 512M');
  return Math.round(Number(number) * bytesOf[(unit ?? '').toUpperCase() as keyof typeof bytesOf]);
}

/**
 * A time in milliseconds from `300` or `300s`, `5m`, `1h`, `250ms`.
 * @throws {Failure} when it is not one, or none at all
 */
export function parseDurationMs(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * msOf[(unit ?? '') as keyof typeof msOf]);
  if (number === undefined || ms === 0) throw misspelt('a time', text, '300, 5m');
  return ms;
}

function misspelt(what: string, text: string, examples: string): Failure {
  return new Failure(exitStatus.usage, `'${text}' is not ${what}, such as ${examples}.`);
}
