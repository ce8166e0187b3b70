/** Values of many calls as one picture: a histogram, or quantiles by the t-digest of Ted Dunning. */
import { TDigest } from 'tdigest';
import { formatDuration } from './duration.js';
import { drawBuckets, Histogram, type Bucket } from './histogram.js';
import { exactOrString } from './number-json.js';
import { printJson } from './print-json.js';
import { formatCount } from '../words/quantities.js';

export interface Measure {
  readonly type: 'hist' | 'tdigest';
  /** The expression whose values these are, as the user wrote it. */
  readonly expr: string;
  /** Quantiles of `ns` are printed as durations. Null: plain numbers. */
  readonly unit: string | null;
}

interface Group {
  readonly histogram: Histogram;
  readonly digest: TDigest;
  count: number;
  min: number | bigint;
  max: number | bigint;
}

const nanoseconds = 'ns';
const quantiles = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 } as const;

/** Of one expression, by a label such as the function's name; in the order of the first values. */
export class Aggregates {
  readonly #measure: Measure;
  readonly #groups = new Map<string, Group>();

  constructor(measure: Measure) {
    this.#measure = measure;
  }

  /** An integer. */
  add(label: string, value: number | bigint): void {
    let group = this.#groups.get(label);
    if (group === undefined) {
      const digest = new TDigest();
      group = { histogram: new Histogram(), digest, count: 0, min: value, max: value };
      this.#groups.set(label, group);
    }
    group.count++;
    if (this.#measure.type === 'hist') {
      group.histogram.add(value);
      return;
    }
    group.digest.push(Number(value));
    if (value < group.min) group.min = value;
    if (value > group.max) group.max = value;
  }

  /** '' without values. */
  render(): string {
    if (this.#groups.size === 0) return '';
    return this.#measure.type === 'hist' ? this.#renderHistograms() : this.#renderQuantiles();
  }

  /**
   * A line a label: `{"type":"hist","label":"vfs_read","expr":"$retval","unit":null,"count":12,
   * "buckets":[{"from":4096,"to":8192,"count":12}]}`, and `"min","p50","p90","p95","p99","max"` of
   * a t-digest.
   */
  renderJson(): string {
    const { type, expr, unit } = this.#measure;
    let lines = '';
    for (const [label, group] of this.#groups) {
      const values =
        type === 'hist'
          ? { buckets: group.histogram.buckets().map(bucketToJson) }
          : quantilesToJson(group);
      lines += `${printJson({ type, label, expr, unit, count: group.count, ...values })}\n`;
    }
    return lines;
  }

  #renderHistograms(): string {
    return [...this.#groups]
      .map(([label, { count, histogram }]) => {
        const values = `${formatCount(count)} ${count === 1 ? 'value' : 'values'}`;
        return `${label}: ${this.#title()}, ${values}\n${drawBuckets(histogram.buckets())}`;
      })
      .join('\n');
  }

  #renderQuantiles(): string {
    const header = ['', 'COUNT', 'MIN', ...Object.keys(quantiles), 'MAX'];
    const rows = Array.from(this.#groups, ([label, group]) => {
      const { count, min, max } = group;
      const values = [min, ...Object.values(quantiles).map((at) => quantileOf(group, at)), max];
      return [label, formatCount(count), ...values.map((value) => this.#format(value))];
    });
    const table = [header.map((name) => name.toUpperCase()), ...rows];
    const widths = header.map((_, column) =>
      Math.max(...table.map((row) => row[column]?.length ?? 0)),
    );
    const lines = table.map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  '),
    );
    return `${this.#title()}\n${lines.join('\n')}\n`;
  }

  /** `hist($retval) in bytes` */
  #title(): string {
    const { type, expr, unit } = this.#measure;
    // the durations of a t-digest each have theirs
    const isTold = unit === null || (type === 'tdigest' && unit === nanoseconds);
    return isTold ? `${type}(${expr})` : `${type}(${expr}) in ${unit}`;
  }

  #format(value: number | bigint): string {
    if (this.#measure.unit === nanoseconds) return formatDuration(Number(value));
    return `${value}`;
  }
}

/** The values are whole numbers: what lies between two is no better than one of them. */
function quantileOf({ digest, min, max }: Group, at: number): number {
  const value = Math.round(digest.percentile(at));
  return Math.min(Math.max(value, Number(min)), Number(max));
}

function quantilesToJson(group: Group): Readonly<Record<string, number | string>> {
  const found = Object.entries(quantiles).map(([name, at]) => [
    name,
    exactOrString(quantileOf(group, at)),
  ]);
  return {
    min: exactOrString(group.min),
    ...(Object.fromEntries(found) as Record<string, number | string>),
    max: exactOrString(group.max),
  };
}

const bucketToJson = ({ from, to, count }: Bucket) => ({
  from: from === null ? null : exactOrString(from),
  to: exactOrString(to),
  count,
});
