/** What CPUs counted, as the kernel side has it in memory. */
import type { CountedBytes } from '../src/attach/counting.js';
import { cellLayout, keyLayout, pageBuckets } from '../src/events/cells.js';
import { cellBytes, keyBytes, pageBytes, type Counting } from '../src/plan/counting.js';
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
  const cells = Buffer.alloc(cpus * perCpu * cellBytes);
  const keys = Buffer.alloc(cpus * keysPerCpu * keyBytes);
  const pages = Array.from({ length: cpus }, () => [Buffer.alloc(pageBytes)]);
  for (const { cpu = 0, function: place, key, durationsNs, belowNs = 0, errors } of all) {
    const ofCpu = pages[cpu] ?? [];
    const takePage = () => ofCpu.push(Buffer.alloc(pageBytes)) - 1;
    const at = (cpu * perCpu + (key === undefined ? place : functions + key.slot)) * cellBytes;
    const cell = cells.subarray(at, at + cellBytes);
    const total = durationsNs.reduce((sum, ns) => sum + ns, 0);
    cell.writeBigUInt64LE(BigInt(durationsNs.length), cellLayout.calls);
    cell.writeBigUInt64LE(BigInt(total), cellLayout.total);
    cell.writeBigUInt64LE(BigInt(total - belowNs), cellLayout.self);
    cell.writeBigUInt64LE(BigInt(Math.max(...durationsNs)), cellLayout.max);
    cell.writeBigUInt64LE(BigInt.asUintN(64, ~BigInt(Math.min(...durationsNs))), cellLayout.least);
    for (const ns of durationsNs) {
      const pageAt = cellLayout.pages + 2 * Math.floor(bucketOf(ns) / pageBuckets);
      if (cell.readUInt16LE(pageAt) === 0) cell.writeUInt16LE(takePage(), pageAt);
      increment(ofCpu[cell.readUInt16LE(pageAt)], 8 * (bucketOf(ns) % pageBuckets), 1);
    }
    if (errors !== undefined) {
      cell.writeUInt16LE(takePage(), cellLayout.errors);
      for (const [slot, [errno, count]] of Object.entries(errors).entries()) {
        increment(ofCpu.at(-1), 16 * slot, Number(errno));
        increment(ofCpu.at(-1), 16 * slot + 8, count);
      }
    }
    if (key === undefined) continue;
    const keyAt = (cpu * keysPerCpu + key.slot) * keyBytes;
    keys.writeBigUInt64LE(key.low, keyAt + keyLayout.low);
    keys.writeBigUInt64LE(key.high ?? 0n, keyAt + keyLayout.high);
    keys.writeUInt32LE(place + 1, keyAt + keyLayout.function);
  }
  return { cells, keys, pages: pages.map((some) => Buffer.concat(some)) };
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
