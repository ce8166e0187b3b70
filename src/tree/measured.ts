/**
 * What was measured of each function in one run, by name: what two runs are compared by, on kernels of which each
 * has its own places and addresses. It comes of a recording's trees, or of lines that `stat` and `report` wrote.
 */
import type { PlannedFunction } from '../plan/plan.js';
import { addMaps, sumCounts, type Counts } from './buckets.js';
import type { FunctionProfile } from './profile.js';
import type { Sums } from './sums.js';

export interface Named {
  readonly function: string;
  /** Null: the kernel itself. */
  readonly module: string | null;
}

export interface Measured extends Named, Sums {
  readonly totalNs: number;
  readonly selfNs: number;
  /** How many calls by name of the error. */
  readonly errors: ReadonlyMap<string, number>;
}

/** Calls from one function to another, by their spelt names. */
export interface MeasuredEdge {
  /** Null where nothing recorded called it. */
  readonly caller: string | null;
  readonly callee: string;
  readonly calls: number;
}

/** Records, or halves of calls, by where they were lost: as in render/summary.ts. */
export interface Losses {
  readonly ring: number;
  readonly recursion: number;
  readonly entry: number;
  readonly user: number;
}

export interface MeasuredRun {
  /** Each once. */
  readonly functions: readonly Measured[];
  /** Each once; null where nobody looked who called whom. */
  readonly edges: readonly MeasuredEdge[] | null;
  /** There were more functions: `--top` left them out. */
  readonly isCut: boolean;
  /** How many runs of the same were added up. */
  readonly runs: number;
  /** What times are in. */
  readonly unit: 'ns' | 'instructions';
  readonly lost: Losses;
  /** How many ticks of the kernel took how long; none where that isn't known. */
  readonly ticks: Counts;
}

/** `vfs_read`, `ext4_readpage [ext4]`: no two functions of a run have the same. */
export const spellName = ({ function: name, module }: Named): string =>
  module === null ? name : `${name} [${module}]`;

/** @param functions by place in the plan */
export function nameProfiles(
  profiles: readonly FunctionProfile[],
  functions: readonly PlannedFunction[],
): Pick<MeasuredRun, 'functions' | 'edges'> {
  const nameOf = (place: number): Named => {
    const { name = '?', module = null } = functions[place] ?? {};
    return { function: name, module };
  };
  const edges = profiles.flatMap(({ function: callee, callers }) =>
    callers.map(({ function: caller, calls }) => ({
      caller: caller < 0 ? null : spellName(nameOf(caller)),
      callee: spellName(nameOf(callee)),
      calls,
    })),
  );
  const measured = profiles.map((profile) => ({ ...profile, ...nameOf(profile.function) }));
  return { functions: mergeMeasured(measured), edges: mergeEdges(edges) };
}

/** What has the same name is added up: static functions of several files, or keys of `stat --by`. */
export function mergeMeasured(all: readonly Measured[]): Measured[] {
  const merged = new Map<string, Measured>();
  for (const one of all) {
    const name = spellName(one);
    const before = merged.get(name);
    merged.set(name, before === undefined ? one : add(before, one));
  }
  return [...merged.values()];
}

function mergeEdges(all: readonly MeasuredEdge[]): MeasuredEdge[] {
  const merged = new Map<string, MeasuredEdge>();
  for (const edge of all) {
    const name = spellEdge(edge);
    merged.set(name, { ...edge, calls: edge.calls + (merged.get(name)?.calls ?? 0) });
  }
  return [...merged.values()];
}

/** The same for the same edge, and for no other. */
export const spellEdge = ({ caller, callee }: MeasuredEdge): string => `${caller}\n${callee}`;

function add(a: Measured, b: Measured): Measured {
  const { function: name, module } = a;
  return {
    ...{ function: name, module, calls: a.calls + b.calls },
    ...{ totalNs: a.totalNs + b.totalNs, selfNs: a.selfNs + b.selfNs },
    ...{ minNs: Math.min(a.minNs, b.minNs), maxNs: Math.max(a.maxNs, b.maxNs) },
    counts: sumCounts(a.counts, b.counts),
    errors: addMaps(a.errors, b.errors),
  };
}
