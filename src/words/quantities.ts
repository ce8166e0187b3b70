/** Sizes, times and counts as people write them: `2G`, `5m`, `10us`, `1,234`. */
import { exitStatus, Failure } from '../failure.js';

const bytesOf = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 } as const;
const countOf = { '': 1, K: 1e3, M: 1e6, G: 1e9 } as const;
const nsOf = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
} as const;

type TimeUnit = keyof typeof nsOf;

/**
 * A size in bytes from `2G`, `512M`, `4096`.
 * @throws {Failure} when it is not one, naming the flag
 */
export function parseBytes(flag: string, text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([KMG]?)B?$/i.exec(text) ?? [];
  const bytes = Math.round(
    Number(number) * bytesOf[(unit ?? '').toUpperCase() as keyof typeof bytesOf],
  );
  if (bytes === 0 || !Number.isSafeInteger(bytes))
    throw misspelt(flag, text, 'a size', '4096, 512K, 16M');
  return bytes;
}

/**
 * A number of things from `2M`, `500K`, `4096`, or `0`.
 * @throws {Failure} when it is not one, naming the flag
 */
export function parseCount(flag: string, text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(text) ?? [];
  const count = Math.round(Number(number) * countOf[unit.toUpperCase() as keyof typeof countOf]);
  if (!Number.isSafeInteger(count)) throw misspelt(flag, text, 'a number', '500K, 2M, 0');
  return count;
}

/**
 * A time in nanoseconds from `10us`, `5m`; without a unit in `bareUnit`, where that is given.
 * @throws {Failure} when it is not one, or none at all, naming the flag
 */
export function parseDurationNs(flag: string, text: string, bareUnit?: TimeUnit): number {
  const [, number, written] = /^(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|)$/.exec(text) ?? [];
  const unit = written === '' ? bareUnit : (written as TimeUnit | undefined);
  const ns = unit === undefined ? 0 : Math.round(Number(number) * nsOf[unit]);
  if (ns === 0 || !Number.isSafeInteger(ns))
    throw misspelt(flag, text, 'a time', bareUnit === 's' ? '300, 5m' : '10us, 1ms');
  return ns;
}

/**
 * A part from `5%`: 0.05. No more than the whole, and `0%` is none.
 * @throws {Failure} when it is not one, naming the flag
 */
export function parsePercent(flag: string, text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  const part = Number(number) / 100;
  if (!(part <= 1)) throw misspelt(flag, text, 'a part', '5%, 0.5%');
  return part;
}

function misspelt(flag: string, text: string, what: string, examples: string): Failure {
  return new Failure(exitStatus.usage, `${flag} '${text}' is not ${what}, such as ${examples}.`);
}

/** `1,234`. */
export function formatCount(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, ',');
}
