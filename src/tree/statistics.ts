/** Chances under a null hypothesis: tails of distributions, all from 0 to 1. */

/** Chance that a standard normal number is `z` or more. */
export function normalTail(z: number): number {
  if (z < 0) return 1 - normalTail(-z);
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z > 4) {
    // Laplace's continued fraction
    let rest = z;
    for (let step = 60; step > 0; step--) rest = z + step / rest;
    return density / rest;
  }
  // Marsaglia (2004), of the part between 0 and z
  let term = z;
  let sum = z;
  for (let odd = 3; term > sum * 1e-17; odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 - density * sum;
}

/** Chance that Student's t with so many degrees of freedom is `t` or more. */
export function studentTail(t: number, degrees: number): number {
  if (t < 0) return 1 - studentTail(-t, degrees);
  return regularizedBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
}

/** Chance that of `n` tries `k` or more succeed, each with the chance `share`. */
export function binomialTail(n: number, share: number, k: number): number {
  if (k <= 0) return 1;
  if (k > n) return 0;
  return regularizedBeta(share, k, n - k + 1);
}

/**
 * Chance that of `m` values `k` or more lie beyond the `rank`-th outermost of `n` others, where all are from one
 * distribution, whatever that is: the number is beta-binomial.
 */
export function exceedanceTail(n: number, rank: number, m: number, k: number): number {
  if (k <= 0) return 1;
  if (k > m) return 0;
  const others = n - rank + 1;
  // on the other side of the mean there is less to add up
  if (k * (n + 1) < rank * m) return 1 - exceedanceTail(n, others, m, m - k + 1);
  const ways = logGamma(m + 1) - logGamma(k + 1) - logGamma(m - k + 1);
  let chance = Math.exp(ways + logBeta(rank + k, others + m - k) - logBeta(rank, others));
  let sum = 0;
  for (let beyond = k; chance > sum * 1e-17; beyond++) {
    sum += chance;
    chance *= ((m - beyond) * (rank + beyond)) / ((beyond + 1) * (others + m - beyond - 1));
  }
  return sum;
}

/** The incomplete beta function I_x(a, b), by its continued fraction: DLMF 8.17.22. */
function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // it converges fast on this side of the mean
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a);
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a;
  return front / betaFraction(x, a, b);
}

/** By Lentz's method, from the front: 1 + d1 / (1 + d2 / (1 + …)). */
function betaFraction(x: number, a: number, b: number): number {
  let value = 1;
  let above = 1;
  let below = 0;
  for (let step = 1, factor = 0; Math.abs(factor - 1) > 1e-14; step++) {
    const m = Math.floor(step / 2);
    const d =
      step % 2 === 0
        ? (m * (b - m) * x) / ((a + step - 1) * (a + step))
        : (-(a + m) * (a + b + m) * x) / ((a + step - 1) * (a + step));
    below = 1 / (1 + d * below);
    above = 1 + d / above;
    factor = above * below;
    value *= factor;
  }
  return value;
}

const logBeta = (a: number, b: number): number => logGamma(a) + logGamma(b) - logGamma(a + b);

/** Of a positive number: by Stirling's series from 20 on, and up to there by the recurrence. */
function logGamma(x: number): number {
  let shift = 0;
  let large = x;
  for (; large < 20; large++) shift += Math.log(large);
  const square = large * large;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / large;
  return (large - 0.5) * Math.log(large) - large + Math.log(2 * Math.PI) / 2 + series - shift;
}
