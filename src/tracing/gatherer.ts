/**
 * Takes what a run of `check` traces: what budgets are about, and what there is of each function. Where it is told
 * how long tasks were off the CPU, that is in no time.
 */
import type { Budget } from '../budget/budget.js';
import { namesIn } from '../budget/budget.js';
import { Meter, type Reading } from '../budget/meter.js';
import { exitStatus, Failure } from '../failure.js';
import type { RefusedFunction } from '../plan/plan.js';
import type { Attached, Ending } from '../recording/opening.js';
import type { Summary } from '../render/summary.js';
import { makeErrnoOf } from '../render/values/value.js';
import type { Sink, SinkParts } from './sink.js';
import { makeTreeStream, type Stream } from './stream.js';
import { compileGlobs } from '../symbols/glob.js';
import { fromPairs, type Counts } from '../tree/buckets.js';
import { nameProfiles, type Measured } from '../tree/measured.js';
import { withoutOffCpu } from '../tree/on-cpu.js';
import { Profile } from '../tree/profile.js';

/** What a run told. */
export interface Run {
  readonly parts: SinkParts;
  readonly attached: Attached;
  /** By budget. */
  readonly readings: readonly Reading[];
  readonly measured: readonly Measured[];
  readonly counts: Pick<Summary, 'trees' | 'calls' | 'unfinished'>;
  readonly lost: Summary['lost'];
  /** How many ticks of the kernel took how long. */
  readonly ticks: Counts;
}

export class Gatherer implements Sink {
  readonly keepsPace = true;
  readonly #parts: SinkParts;
  readonly #budgets: readonly Budget[];
  readonly #meter: Meter;
  readonly #profile: Profile;
  readonly #stream: Stream;
  #attached: Attached | undefined;
  #lost: Summary['lost'] | undefined;
  #ticks: Counts = new Map();

  /** @throws {Failure} when a budget is on what can't be traced */
  constructor(parts: SinkParts, budgets: readonly Budget[]) {
    const { opening, refused } = parts;
    checkTraced(
      budgets,
      opening.functions.map(({ name }) => name),
      refused,
    );
    this.#parts = parts;
    this.#budgets = budgets;
    const errnoOf = makeErrnoOf(opening.functions);
    this.#profile = new Profile(errnoOf);
    this.#meter = new Meter(budgets, opening.functions, errnoOf);
    this.#stream = makeTreeStream(
      opening,
      (tree) => {
        const taken = opening.cpuTime ? withoutOffCpu(tree) : tree;
        this.#meter.add(taken);
        this.#profile.add(taken);
      },
      () => undefined,
    );
  }

  start(attached: Attached): Promise<void> {
    const { opening, refused } = this.#parts;
    // what the plan refused as a root may be below others
    const now = attached.refused.filter((one) => !refused.includes(one));
    const gone = new Set(now.map(({ function: name }) => name));
    const names = opening.functions.map(({ name }) => name);
    checkTraced(
      this.#budgets,
      names.filter((name) => !gone.has(name)),
      attached.refused,
    );
    this.#attached = attached;
    return Promise.resolve();
  }

  take(records: Uint8Array): Promise<void> {
    this.#stream.add(records, records.length);
    return Promise.resolve();
  }

  end({ losses, ticks = [] }: Ending): Promise<boolean> {
    this.#stream.finish();
    this.#ticks = fromPairs(ticks);
    this.#lost = { ...losses, user: this.#stream.counts.lostUser };
    return Promise.resolve(Object.values(this.#lost).some((count) => count > 0));
  }

  /** @throws {Error} before the end */
  get run(): Run {
    if (this.#attached === undefined || this.#lost === undefined)
      throw new Error('the run has not ended');
    const { functions } = this.#parts.opening;
    return {
      ...{ parts: this.#parts, attached: this.#attached, lost: this.#lost },
      ticks: this.#ticks,
      ...{ readings: this.#meter.read(), counts: this.#stream.counts },
      measured: nameProfiles(this.#profile.functions(), functions).functions,
    };
  }
}

function checkTraced(
  budgets: readonly Budget[],
  names: readonly string[],
  refused: readonly RefusedFunction[],
): void {
  for (const [wanted, line] of namesIn(budgets)) {
    const test = compileGlobs([wanted]);
    if (names.some((name) => test.test(name))) continue;
    const why = refused.find(({ function: name }) => test.test(name));
    throw new Failure(
      why === undefined ? exitStatus.usage : exitStatus.cannotTrace,
      why === undefined
        ? `The budget in line ${line} is on ${wanted}, which is not traced.`
        : `The budget in line ${line} is on ${wanted}, which can't be traced: ${why.reason}.`,
      why === undefined
        ? 'Add it to what trace has: include: [...], or leave it out of exclude'
        : `Find another function, such as a caller of it, with: fsnoop list '*${wanted.replace(/\W/g, '').slice(0, 12)}*'`,
    );
  }
}
