/** When records are made too fast: over about a second. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { guardRate, RateGuard } from '../src/tracing/rate-guard.js';

/** The rates over 1,000 a second, as the guard sees them. */
const ratesOf = (samples: readonly (readonly [atMs: number, made: number])[]) => {
  const guard = new RateGuard(1000);
  return samples.map(([atMs, made]) => guard.check(atMs, made));
};

test('a steady rate that is allowed never ends', () => {
  const steady = Array.from({ length: 200 }, (_, at) => [at * 100, at * 100] as const);
  expect(ratesOf(steady)).toEqual(steady.map(() => null));
});

test('a burst of less than a second allows is borne, before and after others', () => {
  const bursts = [
    [0, 0],
    [100, 900],
    [1000, 1000],
    [1100, 1900],
    [2200, 2800],
  ] as const;
  expect(ratesOf(bursts)).toEqual([null, null, null, null, null]);
});

test('more than a second allows is known before the second ends', () => {
  const storm = [
    [0, 0],
    [100, 700],
    [200, 1400],
  ] as const;
  expect(ratesOf(storm)).toEqual([null, null, 1400]);
});

test('what comes after a quiet time is not borne for its sake', () => {
  const late = [
    [0, 0],
    [60_000, 10],
    [60_100, 1100],
  ] as const;
  expect(ratesOf(late)).toEqual([null, null, 1090]);
});

test('where nobody looked for long, the rate is that of all that time', () => {
  const seldom = [
    [0, 0],
    [5000, 4000],
    [10_000, 14_000],
  ] as const;
  expect(ratesOf(seldom)).toEqual([null, null, 2000]);
});

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('the guard looks by itself, and tells once', () => {
  let made = 500;
  const onOver = vi.fn();
  const guard = guardRate({ limit: 1000, made: () => made, onOver });
  vi.advanceTimersByTime(300);
  expect(onOver).not.toHaveBeenCalled();
  made += 1200;
  vi.advanceTimersByTime(100);
  made += 1200;
  vi.advanceTimersByTime(1000);
  expect(onOver.mock.calls).toEqual([[1200]]);
  guard[Symbol.dispose]();
});

test('without a limit, or when it has ended, it tells nothing', () => {
  let made = 0;
  const onOver = vi.fn();
  const any = guardRate({ limit: 0, made: () => made, onOver });
  guardRate({ limit: 1000, made: () => made, onOver })[Symbol.dispose]();
  made = 1e12;
  vi.advanceTimersByTime(1000);
  expect(onOver).not.toHaveBeenCalled();
  any[Symbol.dispose]();
});
