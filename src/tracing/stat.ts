/** Where calls go that are counted in the kernel: a table, now and then or at the end; and whoever scrapes. */
import { possibleCpus } from '../attach/attach.js';
import type { CountedBytes } from '../attach/counting.js';
import { decodeCells } from '../events/cells.js';
import { decode } from '../events/decode.js';
import { recordType } from '../events/record.js';
import { exitStatus, Failure } from '../failure.js';
import { planCounting, type Counting } from '../plan/counting.js';
import type { MetricsServer } from './metrics-server.js';
import type { Attached, Ending, Opening } from '../recording/opening.js';
import { renderStart } from '../render/json-lines.js';
import { Metrics } from '../render/metrics.js';
import { makeStatsView, type StatsView, type StatsViewOptions } from '../render/stats/view.js';
import {
  renderStatsSummary,
  renderStatsSummaryJson,
  type StatsSummary,
} from '../render/stats/summary.js';
import type { Sink, SinkParts, SoFar } from './sink.js';
import { sumCells, type FunctionStats } from '../tree/function-stats.js';

export interface StatOptions extends Omit<StatsViewOptions, 'functions' | 'addresses'> {
  /** Show what was counted so far this often; null: at the end only. */
  readonly intervalMs: number | null;
  /** Serves what was counted so far; null: nobody asks for it. */
  readonly metrics: {
    readonly server: MetricsServer;
    /** Of fsnoop. */
    readonly version: string;
  } | null;
  /** The records of calls are another's to take: calls are recorded, too. */
  readonly recorded: boolean;
  /** Gets what people are told: what was counted, and lost. */
  readonly onNote: (text: string) => void;
}

export class Counter implements Sink {
  readonly counting: Counting;
  readonly keepsPace: boolean;
  readonly #options: StatOptions;
  readonly #write: SinkParts['write'];
  readonly #view: StatsView;
  readonly #parts: Pick<SinkParts, 'opening' | 'addresses'>;
  #shown: AsyncDisposable | undefined;
  #unfinished = 0;
  #attached: Pick<Attached, 'method' | 'refused'> = { method: '', refused: [] };

  /** @throws {Failure} when calls would depend on what those around them are yet to return */
  constructor({ opening, addresses, write }: SinkParts, options: StatOptions) {
    const { by, recorded } = options;
    checkFilters(opening, recorded);
    const { functions } = opening;
    this.counting = planCounting(functions.length, possibleCpus(), by, recorded);
    this.keepsPace = options.format === 'json'; // a table is compared with none
    this.#options = options;
    this.#write = write;
    this.#view = makeStatsView({ ...options, functions, addresses });
    this.#parts = { opening, addresses };
  }

  async start(attached: Attached, soFar: SoFar): Promise<void> {
    const { format, intervalMs } = this.#options;
    this.#attached = attached;
    if (format === 'json') await this.#write(renderStart(attached));
    this.#serve(attached, soFar);
    if (intervalMs === null) return;
    const begin = performance.now();
    this.#shown = showEvery(intervalMs, () =>
      this.#write(
        this.#view.interval(this.#sum(soFar.counted()), Math.round(performance.now() - begin)),
      ),
    );
  }

  /** Without a recording there are none but those of calls that will not return. */
  take(records: Uint8Array): Promise<void> {
    decode(records, records.length, ({ type }) => {
      if (type !== recordType.call) this.#unfinished++;
    });
    return Promise.resolve();
  }

  async end({ losses, ticks, detachMs }: Ending, counted: CountedBytes | null): Promise<boolean> {
    this.#options.metrics?.server.serve(null);
    await this.#shown?.[Symbol.asyncDispose]();
    const stats = this.#sum(counted);
    await this.#write(this.#view.end(stats));
    const { ring, ...lost } = losses;
    const summary: StatsSummary = {
      ...sumUp(stats),
      // a record of one may have found no room; where there are others, it is told whose they are not
      unfinished: this.#unfinished + (this.counting.recorded ? 0 : ring),
      lost,
      refused: this.#attached.refused.length,
      method: this.#attached.method,
      ticks,
      detachMs,
    };
    if (this.#options.format === 'json') await this.#write(renderStatsSummaryJson(summary));
    else this.#options.onNote(renderStatsSummary(summary));
    return lost.recursion + lost.entry > 0;
  }

  /** Each scrape reads what the kernel side has at that moment. */
  #serve({ kernel, method, functions: attached }: Attached, soFar: SoFar): void {
    const { metrics: served, by, onNote } = this.#options;
    if (served === null) return;
    const { server, version } = served;
    const { opening, addresses } = this.#parts;
    const about = {
      version,
      kernel,
      method,
      attached,
      by,
      functions: opening.functions,
      addresses,
    };
    const metrics = new Metrics(about);
    server.serve((format) => {
      const { recursion, entry } = soFar.losses();
      const stats = this.#sum(soFar.counted());
      return metrics.render({ stats, lost: { recursion, entry } }, format);
    });
    onNote(`Metrics are at ${server.url}\n`);
  }

  #sum(counted: CountedBytes | null): FunctionStats[] {
    if (counted === null) return [];
    return sumCells(decodeCells(counted, this.counting), this.counting.by);
  }
}

function sumUp(
  stats: readonly FunctionStats[],
): Pick<StatsSummary, 'calls' | 'functions' | 'uncounted' | 'other'> {
  const total = (of: (one: FunctionStats) => number) =>
    stats.reduce((sum, one) => sum + of(one), 0);
  return {
    calls: total(({ calls }) => calls),
    functions: new Set(stats.map((one) => one.function)).size,
    uncounted: total(({ uncounted }) => uncounted),
    other: total(({ key, calls }) => (key === 'other' ? calls : 0)),
  };
}

/** Nothing is shown while the last one is still being written. */
function showEvery(intervalMs: number, show: () => Promise<void>): AsyncDisposable {
  let shown: Promise<void> | undefined;
  const timer = setInterval(() => {
    shown ??= show().finally(() => {
      shown = undefined;
    });
  }, intervalMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await shown;
    },
  };
}

function checkFilters({ graph, functions }: Opening, recorded: boolean): void {
  const isLate = functions.some(({ program }) => (program?.returnFilter.length ?? 0) > 0);
  if (isLate && recorded) throw notKnownEarly();
  if (!graph || !isLate) return;
  throw new Failure(
    exitStatus.usage,
    "Below a call (-g), calls are counted before it is known what that returns: --errors, --errno and $retval can't leave them out.",
    'Count the functions by themselves, without -g: each is held against the filters',
    'Or record trees, which can be left out whole: fsnoop trace -g --errors',
  );
}

function notKnownEarly(): Failure {
  return new Failure(
    exitStatus.usage,
    "--record keeps calls with those that they make, which are recorded before it is known what the call returns: --errors, --errno and $retval can't leave them out.",
    'Record without them: report and diff count errors by name',
    'Or count without --record',
  );
}
