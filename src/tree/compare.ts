/**
 * What differs between two runs, and whether chance alone may have made it.
 *
 * Counts are held to be Poisson, and calls to be drawn from one distribution for each run. They are not: calls of a
 * run are like each other, and runs of the same differ. So a run counts for no more than `mostCalls` calls however
 * many it has, a change of times must be larger than a tolerance, and the level is low, and divided by the number of
 * functions: among so many one would be beyond it by chance. test/diff.guest.test.ts shows what is left of noise.
 */
import {
  bucketLowest,
  bucketMiddle,
  bucketOf,
  countAll,
  quantileBucket,
  sortCounts,
  type Counts,
} from './buckets.js';
import { findDrift, noDrift, slowestPhase, type Drift, type Slowdown } from './pace.js';
import { spellEdge, spellName, type Measured, type MeasuredRun, type Named } from './measured.js';
import { binomialTail, exceedanceTail, normalTail, studentTail } from './statistics.js';
import { countErrors, spreadOf } from './sums.js';

export const measureNames = [
  ...(['calls', 'errors', 'total', 'self', 'mean', 'min', 'max', 'p50', 'p90', 'p99'] as const),
];

export type MeasureName = (typeof measureNames)[number];

/** The others are times. */
export const isCount = (measure: MeasureName): boolean =>
  measure === 'calls' || measure === 'errors';

/** What times of runs of the same differ by in a guest without KVM: some have a phase half as fast again. */
export const usualTolerance = 0.5;

/** Chances below it are no chance, of one function; of more it is divided by how many. */
const level = 0.001;

/** A run counts as no more calls of a function, where their times are compared. */
const mostCalls = 200;

/** Of fewer calls the mean says nothing of the next ones. */
const fewestCalls = 8;

export interface Change {
  /** Calls, errors, or nanoseconds; null where there was no call to have a time. */
  readonly before: number | null;
  readonly after: number | null;
  /** 0.1: a tenth more than before. Null where before was nothing. */
  readonly change: number | null;
  /** Chance that runs that differ by no more than the tolerance, in counts by nothing, show so much of a difference. */
  readonly p: number;
  readonly isSignificant: boolean;
}

/** What a call takes after, beside one before. */
export interface Slowness extends Pick<Change, 'p' | 'isSignificant'> {
  /** Chance that it takes longer, 0 to 1; of those that are in one bucket half count as longer. */
  readonly share: number;
}

export interface Comparison extends Named {
  readonly before: Measured | null;
  readonly after: Measured | null;
  readonly status: 'both' | 'new' | 'gone';
  readonly changes: Readonly<Record<MeasureName, Change>>;
  /** Null unless there were calls in both. */
  readonly slowness: Slowness | null;
  /** Any of its changes is. */
  readonly isSignificant: boolean;
}

/** Calls from one function to another that were in one run alone. */
export interface EdgeChange extends Pick<Change, 'p' | 'isSignificant'> {
  readonly status: 'new' | 'gone';
  readonly caller: string | null;
  readonly callee: string;
  readonly calls: number;
}

export interface ComparedRuns {
  /** In the order of `before`, the new ones behind. */
  readonly functions: readonly Comparison[];
  /** Null where one of the runs doesn't have it. */
  readonly edges: readonly EdgeChange[] | null;
  /** Functions in one run that the other may have had too: it was cut. */
  readonly unknown: number;
  /** What the speed of the machine may have made of times. */
  readonly drift: Drift;
  /** What times of equal runs may differ by, with that. */
  readonly noise: Drift;
}

/** @param tolerance what times of runs of the same may differ by: 0.05 is a twentieth */
export function compareRuns(
  before: MeasuredRun,
  after: MeasuredRun,
  tolerance: number,
): ComparedRuns {
  const all = pair(before, after);
  const known = all.filter(
    (both) => !(before.isCut && both.before === null) && !(after.isCut && both.after === null),
  );
  const most = levelOf(known.length);
  const drift = findDrift(before.ticks, after.ticks, tolerance);
  const noise = noiseOf(drift, tolerance);
  return {
    functions: known.map((both) => compareFunction(both, noise, most)),
    edges: compareEdges(before, after),
    unknown: all.length - known.length,
    ...{ drift, noise },
  };
}

/** @param tolerance 0.05: times of runs at one pace may differ by a twentieth */
function noiseOf({ longer, shorter }: Drift, tolerance: number): Drift {
  const widen = (slowdown: Slowdown): Slowdown => ({
    ...slowdown,
    factor: slowdown.factor * (1 + tolerance),
  });
  return { longer: widen(longer), shorter: widen(shorter) };
}

/** What a chance has to be below, where so many functions are looked at. */
export const levelOf = (functions: number): number => level / Math.max(functions, 1);

interface Both {
  readonly before: Measured | null;
  readonly after: Measured | null;
}

function pair(before: MeasuredRun, after: MeasuredRun): (Both & Named)[] {
  const found = new Map<string, Both & Named>();
  for (const one of before.functions)
    found.set(spellName(one), { ...nameOf(one), before: one, after: null });
  for (const one of after.functions) {
    const name = spellName(one);
    found.set(name, { ...nameOf(one), before: found.get(name)?.before ?? null, after: one });
  }
  return [...found.values()];
}

const nameOf = ({ function: name, module }: Named): Named => ({ function: name, module });

function compareFunction(both: Both & Named, noise: Drift, most: number): Comparison {
  const { before, after } = both;
  const toChange = (measure: MeasureName): Change => {
    const [was, is] = [valueOf(measure, before), valueOf(measure, after)];
    const { longer, shorter } = isCount(measure) ? noDrift : noise;
    const p = twoSided(
      chanceOfMore(measure, before, after, { factor: longer.factor, add: 0 }, longer.share),
      chanceOfMore(measure, after, before, { factor: shorter.factor, add: 0 }, shorter.share),
    );
    const change = was === null || is === null || was === 0 ? null : is / was - 1;
    return { before: was, after: is, change, p, isSignificant: p < most };
  };
  const changes = Object.fromEntries(
    measureNames.map((measure) => [measure, toChange(measure)]),
  ) as Record<MeasureName, Change>;
  const slowness = before && after && compareTimes(before.counts, after.counts, noise, most);
  return {
    ...both,
    status: before === null ? 'new' : after === null ? 'gone' : 'both',
    changes,
    slowness,
    isSignificant:
      slowness?.isSignificant === true ||
      Object.values(changes).some(({ isSignificant }) => isSignificant),
  };
}

/** Of a test in each direction, one in both. */
const twoSided = (one: number, other: number): number => Math.min(1, 2 * Math.min(one, other));

/** Calls, errors, or nanoseconds; null for a time of no calls. */
export function valueOf(measure: MeasureName, measured: Measured | null): number | null {
  switch (measure) {
    case 'calls':
      return measured?.calls ?? 0;
    case 'errors':
      return measured === null ? 0 : countErrors(measured.errors);
    case 'total':
      return measured?.totalNs ?? 0;
    case 'self':
      return measured?.selfNs ?? 0;
    case 'min':
      return measured?.minNs ?? null;
    case 'max':
      return measured?.maxNs ?? null;
    default:
      return measured === null ? null : spreadOf(measured)[`${measure}Ns`];
  }
}

/** So many times what was before, and so much more: calls, errors, or nanoseconds. */
export interface Limit {
  /** More than 0. */
  readonly factor: number;
  readonly add: number;
}

export const limitOf = ({ factor, add }: Limit, before: number): number => factor * before + add;

/**
 * The chance of what there was, or more, if what is after were at the limit; 1 where nothing can be said.
 * @param slowShare of times after: so large a share of calls may be of a slow phase, and is left out of quantiles
 */
export function chanceOfMore(
  measure: MeasureName,
  before: Measured | null,
  after: Measured | null,
  limit: Limit,
  slowShare = 0,
): number {
  switch (measure) {
    case 'calls':
    case 'errors':
      return chanceOfCount(valueOf(measure, before) ?? 0, valueOf(measure, after) ?? 0, limit);
    case 'total':
    case 'self':
      return chanceOfSum(measure, before, after, limit);
    default:
      if (before === null || after === null) return 1;
  }
  switch (measure) {
    case 'mean':
      return chanceOfMean(before, after, limit);
    case 'min':
      return chanceOfMin(before, after, limit);
    case 'max':
      return chanceOfQuantile(1, before, after, limit, slowShare);
    default:
      return chanceOfQuantile(quantiles[measure], before, after, limit, slowShare);
  }
}

/**
 * The same for what is less than the limit.
 * @param slowShare of times before
 */
export function chanceOfLess(
  measure: MeasureName,
  before: Measured | null,
  after: Measured | null,
  { factor, add }: Limit,
  slowShare = 0,
): number {
  return chanceOfMore(
    measure,
    after,
    before,
    { factor: 1 / factor, add: -add / factor },
    slowShare,
  );
}

const quantiles = { p50: 0.5, p90: 0.9, p99: 0.99 } as const;

/** Of two Poisson counts: given their sum, how many of it are after is binomial (Przyborowski and Wilenski 1940). */
function chanceOfCount(before: number, after: number, { factor, add }: Limit): number {
  const all = before + after;
  if (all <= add) return 1;
  const expected = (all - add) / (1 + factor);
  return binomialTail(all, 1 - expected / all, after);
}

/** The sum of Poisson many times varies by how many they are, and by how they spread; self times by no more. */
function chanceOfSum(
  measure: 'total' | 'self',
  before: Measured | null,
  after: Measured | null,
  limit: Limit,
): number {
  const more = (valueOf(measure, after) ?? 0) - limitOf(limit, valueOf(measure, before) ?? 0);
  const variance = varianceOfSum(after) + limit.factor ** 2 * varianceOfSum(before);
  const degrees = effectiveCalls(before) + effectiveCalls(after) - 2;
  if (degrees < 1 || variance === 0) return 1;
  return studentTail(more / Math.sqrt(variance), degrees);
}

/** As many calls as there are count for how many there might have been, and not for how their times spread. */
function varianceOfSum(measured: Measured | null): number {
  if (measured === null || measured.counts.size === 0) return 0;
  const { calls, totalNs } = measured;
  const spread = (varianceOf(measured) * calls) / effectiveCalls(measured);
  return calls * (spread + (totalNs / calls) ** 2);
}

const effectiveCalls = (measured: Measured | null): number =>
  Math.min(measured?.calls ?? 0, mostCalls);

function sumSquares(counts: Counts): number {
  let sum = 0;
  for (const [bucket, count] of counts) sum += count * bucketMiddle(bucket) ** 2;
  return sum;
}

/** Welch's t-test. */
function chanceOfMean(before: Measured, after: Measured, limit: Limit): number {
  const [one, other] = [effectiveCalls(before), effectiveCalls(after)];
  if (Math.min(one, other) < fewestCalls) return 1;
  const more = after.totalNs / after.calls - limitOf(limit, before.totalNs / before.calls);
  const [a, b] = [(limit.factor ** 2 * varianceOf(before)) / one, varianceOf(after) / other];
  const degrees = (a + b) ** 2 / (a ** 2 / (one - 1) + b ** 2 / (other - 1));
  return a + b === 0 ? 1 : studentTail(more / Math.sqrt(a + b), degrees);
}

/** Of one call; times of one bucket are told apart by no more than its width. */
function varianceOf({ counts }: Measured): number {
  const all = countAll(counts);
  let sum = 0;
  for (const [bucket, count] of counts) sum += count * bucketMiddle(bucket);
  const mean = sum / all;
  const spread = (sumSquares(counts) - all * mean ** 2) / Math.max(all - 1, 1);
  return Math.max(spread, 0) + (mean / 64) ** 2;
}

/**
 * How many of the calls after are above the limit of what was the quantile: an exceedance test, exact. As many as may
 * be of a slow phase are left out, unless there are enough that are longer than such phases make them.
 */
function chanceOfQuantile(
  q: number,
  before: Measured,
  after: Measured,
  limit: Limit,
  slowShare: number,
): number {
  const bucket = quantileBucket(before.counts, q);
  if (bucket === null) return 1;
  const highestNs = limitOf(limit, Math.min(bucketLowest(bucket + 1) - 1, before.maxNs));
  const [calls, all] = [effectiveCalls(before), effectiveCalls(after)];
  const rank = calls - Math.max(1, Math.ceil(q * calls)) + 1;
  const chanceOfAbove = (ns: number, leftOut: number): number => {
    const last = bucketOf(Math.floor(ns));
    const above = shareOf(after.counts, (one) => one > last);
    const rest = Math.floor((1 - leftOut) * all);
    return exceedanceTail(calls, rank, rest, Math.floor((above - leftOut) * all));
  };
  return Math.min(chanceOfAbove(highestNs, slowShare), chanceOfAbove(slowestPhase * highestNs, 0));
}

/** How many of the calls before are so much below the shortest after. */
function chanceOfMin(before: Measured, after: Measured, limit: Limit): number {
  const first = bucketOf(Math.max(0, Math.ceil((after.minNs - limit.add) / limit.factor)));
  const below = shareOf(before.counts, (one) => one < first);
  const all = effectiveCalls(before);
  return exceedanceTail(effectiveCalls(after), 1, all, Math.floor(below * all));
}

function shareOf(counts: Counts, isMeant: (bucket: number) => boolean): number {
  let meant = 0;
  for (const [bucket, count] of counts) if (isMeant(bucket)) meant += count;
  return meant / Math.max(countAll(counts), 1);
}

function compareTimes(
  before: Counts,
  after: Counts,
  { longer, shorter }: Drift,
  most: number,
): Slowness | null {
  if (before.size === 0 || after.size === 0) return null;
  const p = twoSided(
    compareRanks(stretch(before, longer.factor), after).p,
    compareRanks(stretch(after, shorter.factor), before).p,
  );
  return { share: compareRanks(before, after).share, p, isSignificant: p < most };
}

/** As if each call had taken so many times as long. */
function stretch(counts: Counts, factor: number): Counts {
  const stretched = new Map<number, number>();
  for (const [bucket, count] of counts) {
    const to = bucketOf(Math.round(bucketMiddle(bucket) * factor));
    stretched.set(to, (stretched.get(to) ?? 0) + count);
  }
  return sortCounts(stretched);
}

/**
 * The rank test of Mann and Whitney: which share of all pairs has the longer call after, equal ones counted half,
 * and the chance of so large a share, by the normal approximation with corrections for ties and continuity.
 */
export function compareRanks(before: Counts, after: Counts): { share: number; p: number } {
  const [ofBefore, ofAfter] = [countAll(before), countAll(after)];
  const all = ofBefore + ofAfter;
  let lower = 0;
  let won = 0;
  let tied = 0;
  for (const bucket of [...new Set([...before.keys(), ...after.keys()])].sort((a, b) => a - b)) {
    const [one, other] = [before.get(bucket) ?? 0, after.get(bucket) ?? 0];
    won += other * (lower + one / 2);
    lower += one;
    tied += ((one + other) / all) ** 3;
  }
  const share = won / (ofBefore * ofAfter);
  const [a, b] = [Math.min(ofBefore, mostCalls), Math.min(ofAfter, mostCalls)];
  const untied = (1 - tied) / (1 - all ** -2);
  const deviation = Math.sqrt(((a + b + 1) / (12 * a * b)) * untied);
  const p = deviation > 0 ? normalTail((share - 0.5 - 0.5 / (a * b)) / deviation) : 1;
  return { share, p };
}

function compareEdges(before: MeasuredRun, after: MeasuredRun): EdgeChange[] | null {
  if (before.edges === null || after.edges === null) return null;
  const inBefore = new Set(before.edges.map(spellEdge));
  const inAfter = new Set(after.edges.map(spellEdge));
  const gone = before.edges.filter((edge) => !inAfter.has(spellEdge(edge)));
  const added = after.edges.filter((edge) => !inBefore.has(spellEdge(edge)));
  const most = levelOf(new Set([...inBefore, ...inAfter]).size);
  const toChange = (status: EdgeChange['status'], isCut: boolean, edges: typeof gone) =>
    isCut
      ? []
      : edges.map((edge) => {
          const p = chanceOfCount(0, edge.calls, { factor: 1, add: 0 });
          return { status, ...edge, p, isSignificant: p < most };
        });
  return [...toChange('gone', after.isCut, gone), ...toChange('new', before.isCut, added)];
}
