/** What CPUs counted, as the kernel side has it in memory. */
import type { CountedBytes } from '../src/attach/counting.js';
import { cellLayout, cellPage, keyLayout, pageBuckets } from '../src/events/cells.js';
import {
  cellBytes,
  keyBytes,
  pageBytes,
  powerOf2From,
  type Counting,
} from '../src/plan/counting.js';
import { bucketOf } from '../src/tree/buckets.js';

/** Calls of one function, or of one key of it, on one CPU. */
export interface CountedCalls {
  readonly cpu?: number;
  readonly function: number;
  /** And the slot of the table that it is in. */
  readonly key?: { readonly slot: number; readonly low: bigint; readonly high?: bigint };
  readonly durationsNs: readonly number[];
  /** Of all of them. */
  readonly belowNs?: number;
  readonly errors?: Readonly<Record<number, number>>;
}

/** Counts as bpf/stat.h does. */
export function countInMemory(counting: Counting, all: readonly CountedCalls[]): CountedBytes {
  const { cpus, functions, cells: perCpu, keys: keysPerCpu } = counting;
  const cells = Buffer.alloc(powerOf2From(cpus * perCpu) * cellBytes);
  const keys = Buffer.alloc(cpus * keysPerCpu * keyBytes);
  const pages = Array.from({ length: cpus }, () => [Buffer.alloc(pageBytes)]);
  for (const { cpu = 0, function: place, key, durationsNs, belowNs = 0, errors } of all) {
    const ofCpu = pages[cpu] ?? [];
    const firstPage = cpu * counting.pages * pageBytes;
    const takePage = () => firstPage + (ofCpu.push(Buffer.alloc(pageBytes)) - 1) * pageBytes;
    const pageOf = (at: number) => ofCpu[(at - firstPage) / pageBytes];
    const at = ((key === undefined ? place : functions + key.slot) * cpus + cpu) * cellBytes;
    const cell = cells.subarray(at, at + cellBytes);
    const total = durationsNs.reduce((sum, ns) => sum + ns, 0);
    cell.writeBigUInt64LE(BigInt(total), cellLayout.total);
    cell.writeBigUInt64LE(BigInt(belowNs), cellLayout.below);
    cell.writeBigUInt64LE(BigInt(Math.min(...durationsNs)), cellLayout.least);
    cell.writeBigUInt64LE(BigInt(Math.max(...durationsNs) + 1), cellLayout.limit);
    for (const ns of durationsNs) {
      const pageAt = pageField(ns);
      if (cell.readUInt32LE(pageAt) === 0) cell.writeUInt32LE(takePage(), pageAt);
      increment(pageOf(cell.readUInt32LE(pageAt)), 8 * (bucketOf(ns) % pageBuckets), 1);
    }
    if (errors !== undefined) {
      cell.writeUInt32LE(takePage(), cellLayout.errors);
      for (const [slot, [errno, count]] of Object.entries(errors).entries()) {
        increment(ofCpu.at(-1), 16 * slot, Number(errno));
        increment(ofCpu.at(-1), 16 * slot + 8, count);
      }
    }
    if (key === undefined) continue;
    const keyAt = (cpu * keysPerCpu + key.slot) * keyBytes;
    keys.writeBigUInt64LE(key.low, keyAt + keyLayout.low);
    keys.writeBigUInt64LE(key.high ?? 0n, keyAt + keyLayout.high);
    keys.writeUInt32LE(place * cpus + 1, keyAt + keyLayout.function);
  }
  return { cells, keys, pages: pages.map((some) => Buffer.concat(some)) };
}

/** Where a cell has the page of calls that take so long. */
const pageField = (ns: number): number =>
  cellLayout.pages + 4 * cellPage(Math.floor(bucketOf(ns) / pageBuckets));

/** Takes from a cell the page of its calls that take so long: they found none. */
export function takePageAway(
  { cells }: CountedBytes,
  cell: number,
  ns: number,
  calls: number,
): void {
  cells.writeUInt32LE(0, cell * cellBytes + pageField(ns));
  cells.writeBigUInt64LE(BigInt(calls), cell * cellBytes + cellLayout.pageless);
}

function increment(bytes: Buffer | undefined, at: number, by: number): void {
  bytes?.writeBigUInt64LE(bytes.readBigUInt64LE(at) + BigInt(by), at);
}

/** The words of a task's name. */
export function commKey(comm: string): { low: bigint; high: bigint } {
  const bytes = Buffer.alloc(16);
  bytes.write(comm);
  return { low: bytes.readBigUInt64LE(0), high: bytes.readBigUInt64LE(8) };
}
