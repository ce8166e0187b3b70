/**
 * What was counted, as Prometheus reads it: its text format 0.0.4, and OpenMetrics 1.0.
 *
 *	fsnoop_call_duration_seconds_bucket{function="vfs_read",le="1.023e-06"} 3
 *	fsnoop_errors_total{function="vfs_read",errno="EAGAIN"} 1
 */
import type { KeyKind } from '../plan/counting.js';
import type { PlannedFunction } from '../plan/plan.js';
import type { Addresses } from '../symbols/addresses.js';
import { bucketOf } from '../tree/buckets.js';
import type { FunctionStats } from '../tree/function-stats.js';
import { formatKey } from './stats/key.js';
import { nameErrno } from './stats/text.js';

export type MetricsFormat = 'prometheus' | 'openmetrics';

export interface MetricsOptions {
  /** Of fsnoop. */
  readonly version: string;
  /** `uname -r`. */
  readonly kernel: string;
  readonly method: string;
  /** How many functions are attached. */
  readonly attached: number;
  /** What calls of a function are told apart by; null: nothing. */
  readonly by: KeyKind | null;
  readonly functions: readonly PlannedFunction[];
  readonly addresses: Addresses;
}

/** What was counted up to now. */
export interface Counted {
  readonly stats: readonly FunctionStats[];
  /** Calls of which the kernel side saw a half only, or none: they are in no count. */
  readonly lost: { readonly recursion: number; readonly entry: number };
}

/**
 * `le` takes its border in, and times are whole nanoseconds: a bucket ends 1 ns below a power of two, where
 * one of those that calls are counted in ends too. From 127 ns to 17 s.
 */
const powers = Array.from({ length: 28 }, (_, place) => 2 ** (7 + place));
const firstBeyond = powers.map(bucketOf);
/** As labels: `le="1.27e-07"`. */
const borders = [...powers.map((power) => formatBorder((power - 1) / 1e9)), '+Inf'].map((border) =>
  label('le', border),
);

/** Renders scrape after scrape: what is counted never goes back. */
export class Metrics {
  readonly #options: MetricsOptions;
  /** By labels, the highest that was told. */
  readonly #highest = new Map<string, readonly number[]>();

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  render(counted: Counted, format: MetricsFormat): string {
    const families = this.#families(counted);
    const end = format === 'openmetrics' ? '# EOF\n' : '';
    return families.map((family) => renderFamily(family, format)).join('') + end;
  }

  #families({ stats, lost }: Counted): readonly Family[] {
    const { version, kernel, method, attached } = this.#options;
    const series = groupBy(stats, (one) => this.#labelsOf(one));
    const durations: Sample[] = [];
    const selves: Sample[] = [];
    const errors: Sample[] = [];
    for (const [labels, group] of series) {
      const [self = 0, sum = 0, ...cumulative] = this.#ratchet(labels, measure(group));
      durations.push(...histogram(labels, cumulative, sum));
      selves.push({ suffix: '', labels, value: self });
      for (const [errno, count] of sumErrors(group)) {
        const failed = `${labels},${label('errno', errno)}`;
        const [value = 0] = this.#ratchet(failed, [count]);
        errors.push({ suffix: '', labels: failed, value });
      }
    }
    const total = (labels: string, value: number): Sample => {
      const [highest = 0] = this.#ratchet(labels, [value]);
      return { suffix: '', labels, value: highest };
    };
    const uncounted = stats.reduce((sum, one) => sum + one.uncounted, 0);
    return [
      {
        ...{ type: 'histogram', name: 'fsnoop_call_duration_seconds', unit: 'seconds' },
        help: 'Time from entry to return of calls, of each function.',
        samples: durations,
      },
      {
        ...{ type: 'counter', name: 'fsnoop_self_seconds', unit: 'seconds' },
        help: 'The same less the time of counted calls directly below.',
        samples: selves,
      },
      {
        ...{ type: 'counter', name: 'fsnoop_errors' },
        help: 'Calls that returned an error, by its name.',
        samples: errors,
      },
      {
        ...{ type: 'counter', name: 'fsnoop_lost' },
        help: 'Calls that are in no count, by why.',
        samples: Object.entries(lost).map(([reason, count]) =>
          total(label('reason', reason), count),
        ),
      },
      {
        ...{ type: 'counter', name: 'fsnoop_uncounted' },
        help: 'Calls that are in the count of a histogram, and maybe in no bucket but +Inf.',
        samples: [total('', uncounted)],
      },
      {
        ...{ type: 'gauge', name: 'fsnoop_functions' },
        help: 'Functions that are attached.',
        samples: [{ suffix: '', labels: '', value: attached }],
      },
      {
        ...{ type: 'info', name: 'fsnoop_build' },
        help: 'What counts.',
        samples: [{ suffix: '', labels: labelAll({ version, kernel, method }), value: 1 }],
      },
    ];
  }

  /** Calls that found no room in the table of keys have no key, and are told apart from those of any. */
  #labelsOf({ function: place, key }: FunctionStats): string {
    const { by, functions, addresses } = this.#options;
    const planned = functions[place];
    if (planned === undefined) throw new Error(`a function that is not planned: ${place}`);
    const { name, module, returns } = planned;
    return labelAll({
      function: name,
      ...(module !== null && { module }),
      ...(by !== null &&
        key !== null &&
        (key === 'other' ? { other: 'true' } : { [by]: formatKey(key, by, returns, addresses) })),
    });
  }

  /** A call that is being counted may be guessed at (decodeCells): then the next guess may be lower. */
  #ratchet(labels: string, values: readonly number[]): readonly number[] {
    const before = this.#highest.get(labels);
    const highest = values.map((value, place) => Math.max(value, before?.[place] ?? 0));
    this.#highest.set(labels, highest);
    return highest;
  }
}

/** Self time and time in seconds, then calls by border. */
function measure(group: readonly FunctionStats[]): readonly number[] {
  const seconds = (of: (one: FunctionStats) => bigint) =>
    Number(group.reduce((sum, one) => sum + of(one), 0n)) / 1e9;
  const cumulative = group.map(accumulate);
  return [
    seconds(({ selfNs }) => selfNs),
    seconds(({ totalNs }) => totalNs),
    ...borders.map((_, place) => cumulative.reduce((sum, one) => sum + (one[place] ?? 0), 0)),
  ];
}

/**
 * How many calls took no longer than each border. Of those that are in no bucket it is known that they
 * took no longer than the longest.
 */
function accumulate({ calls, counts, maxNs }: FunctionStats): readonly number[] {
  const within = borders.map(() => 0);
  for (const [bucket, count] of counts) {
    const place = firstBeyond.findIndex((beyond) => bucket < beyond);
    const at = place < 0 ? powers.length : place;
    within[at] = (within[at] ?? 0) + count;
  }
  let sum = 0;
  return within.map((count, place) => {
    sum += count;
    return maxNs < (powers[place] ?? Infinity) ? calls : sum;
  });
}

function sumErrors(group: readonly FunctionStats[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { errors } of group) {
    for (const [errno, count] of errors) {
      const name = errno === 0 ? 'other' : nameErrno(errno);
      sums.set(name, (sums.get(name) ?? 0) + count);
    }
  }
  return sums;
}

/** Of different keys the text may be the same. */
function groupBy<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = nameOf(item);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [item]);
    else group.push(item);
  }
  return groups;
}

interface Sample {
  readonly suffix: string;
  /** `function="vfs_read",le="+Inf"`; '' for none. */
  readonly labels: string;
  readonly value: number;
}

interface Family {
  readonly type: 'histogram' | 'counter' | 'gauge' | 'info';
  readonly name: string;
  readonly unit?: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

function histogram(labels: string, cumulative: readonly number[], sum: number): readonly Sample[] {
  const buckets = borders.map((border, place) => ({
    suffix: '_bucket',
    labels: `${labels},${border}`,
    value: cumulative[place] ?? 0,
  }));
  return [
    ...buckets,
    { suffix: '_sum', labels, value: sum },
    { suffix: '_count', labels, value: cumulative.at(-1) ?? 0 },
  ];
}

/** OpenMetrics names a family without what its type puts behind; the older format has no type for information. */
function renderFamily({ type, name, unit, help, samples }: Family, format: MetricsFormat): string {
  const typeSuffix = type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  const isOpen = format === 'openmetrics';
  const family = isOpen ? name : name + typeSuffix;
  const lines = [
    `# HELP ${family} ${help}`,
    `# TYPE ${family} ${!isOpen && type === 'info' ? 'gauge' : type}`,
    ...(isOpen && unit !== undefined ? [`# UNIT ${family} ${unit}`] : []),
    ...samples.map(
      ({ suffix, labels, value }) =>
        `${name}${typeSuffix}${suffix}${labels === '' ? '' : `{${labels}}`} ${value}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

const labelAll = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => label(name, value))
    .join(',');

function label(name: string, value: string): string {
  return `${name}="${escape(value)}"`;
}

function escape(value: string): string {
  return value.replace(/[\\"\n]/g, (found) => (found === '\n' ? '\\n' : `\\${found}`));
}

/** As Go prints numbers, and OpenMetrics wants them: `1.27e-07`, `0.000131071`, `1.073741823`. */
function formatBorder(seconds: number): string {
  if (seconds >= 1e-4) return `${seconds}`;
  return seconds.toExponential().replace(/e-(\d)$/, 'e-0$1');
}
