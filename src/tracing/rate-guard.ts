/** Tells when records are made faster than a machine is to bear. */

interface RateOptions {
  /** Records a second; 0: any number. */
  readonly limit: number;
  /** How many records there were up to now. */
  readonly made: () => number;
  /** Gets the records a second that were over the limit; called once. */
  readonly onOver: (recordsPerSecond: number) => void;
}

/** The rate is looked at this often, by a timer: also while nobody takes what is written. */
const lookMs = 100;
/** The time over which a rate is measured, by CLOCK_MONOTONIC. */
const windowMs = 1000;

/** Looks at the rate from now on, until it is over the limit or this is disposed. */
export function guardRate({ limit, made, onOver }: RateOptions): Disposable {
  const guard = new RateGuard(limit === 0 ? Infinity : limit);
  guard.check(performance.now(), made());
  const timer = setInterval(() => {
    const rate = guard.check(performance.now(), made());
    if (rate === null) return;
    clearInterval(timer);
    onOver(Math.round(rate));
  }, lookMs);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}

interface Sample {
  readonly atMs: number;
  readonly made: number;
}

export class RateGuard {
  readonly #limit: number;
  /** In the order of time; the first is as old as the window, or older. */
  readonly #samples: Sample[] = [];

  /** @param limit records a second */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes how many records there were up to now. The rate is that since any look within the last second,
   * or since the last look where that is longer ago. A shorter time counts as a second: a burst is over the
   * limit when it makes more records than a whole second may, and is then known before that has ended.
   * @returns records a second where they are over the limit; else null
   */
  check(atMs: number, made: number): number | null {
    this.#samples.push({ atMs, made });
    while ((this.#samples[1]?.atMs ?? Infinity) <= atMs - windowMs) this.#samples.shift();
    const rates = this.#samples.map(
      (since) => ((made - since.made) * 1000) / Math.max(windowMs, atMs - since.atMs),
    );
    const rate = Math.max(...rates);
    return rate > this.#limit ? rate : null;
  }
}
