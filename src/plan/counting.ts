/** What is counted in the kernel rather than recorded, and the memory that it takes. */
import { exitStatus, Failure } from '../failure.js';

/** What calls of a function can be told apart by. */
export const keyKinds = ['comm', 'pid', 'cpu', 'cgroup', 'retval'] as const;

export type KeyKind = (typeof keyKinds)[number];

/** How many there are of what bpf/cell.h has. */
export interface Counting {
  /** Null: functions only. */
  readonly by: KeyKind | null;
  readonly cpus: number;
  readonly functions: number;
  /** Of each CPU: a power of two. */
  readonly keys: number;
  /** Of each CPU: those of the functions, and behind them those of the keys. The cells of a function lie together. */
  readonly cells: number;
  /** Of each CPU, for histograms and errors. The first is nobody's. */
  readonly pages: number;
  /** Each counted call is recorded too. */
  readonly recorded: boolean;
}

export const cellBytes = 256;
export const keyBytes = 24;
export const pageBytes = 256;

/** Of cells as many as the verifier lets an offset be. */
const mostBytes = { cells: 2 ** 29, pages: 2 ** 28 };
/** Times of a function are of so many powers of two, and a page has those of one. */
const pagesPerCell = 8;
const fewestPages = 512;
const fewestKeys = 2 ** 10;
const mostKeys = 2 ** 16;
const keysPerFunction = 16;

/**
 * Each CPU has a cell for each function, and where calls are told apart by a key, cells for so many of them.
 * @throws {Failure} when that is more than can be mapped
 */
export function planCounting(
  functions: number,
  cpus: number,
  by: KeyKind | null,
  recorded = false,
): Counting {
  // what a CPU counts is its own anyway
  const keys = by === null || by === 'cpu' ? 1 : chooseKeys(functions, cpus);
  const cells = functions + (keys > 1 ? keys : 0);
  if (cells * cpus * cellBytes > mostBytes.cells) throw tooMuch(functions, cpus);
  const wanted = cpus * Math.max(fewestPages, pagesPerCell * cells);
  const pages = Math.floor(Math.min(powerOf2From(wanted), mostBytes.pages / pageBytes) / cpus);
  return { by, cpus, functions, keys, cells, pages, recorded };
}

/** The least power of two that is no less. */
export const powerOf2From = (least: number): number => 2 ** Math.ceil(Math.log2(least));

function chooseKeys(functions: number, cpus: number): number {
  const wanted = Math.min(Math.max(keysPerFunction * functions, fewestKeys), mostKeys);
  const room = Math.max(mostBytes.cells / 2 / cpus / cellBytes, fewestKeys);
  return 2 ** Math.floor(Math.log2(Math.min(wanted, room)));
}

function tooMuch(functions: number, cpus: number): Failure {
  const most = Math.floor(mostBytes.cells / cellBytes / cpus);
  return new Failure(
    exitStatus.usage,
    `${functions} functions are too many to count on ${cpus} CPUs, which each count by themselves: ${most} are the most.`,
    'Count fewer: a narrower -k, more of --fgraph-exclude',
  );
}
