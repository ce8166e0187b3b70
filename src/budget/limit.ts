/** Limits as a budget has them: `<= 1000`, `< 50us`, `80%`. */

type Comparison = '<' | '<=' | '>' | '>=' | '==';

export interface Limit {
  readonly comparison: Comparison;
  /** Calls; nanoseconds, or instructions; of a share percents. */
  readonly value: number;
  readonly unit: 'calls' | 'ns' | 'instructions' | '%';
}

/** An instruction is a nanosecond of a guest that counts them. */
const units = {
  '': { unit: 'calls', factor: 1 },
  '%': { unit: '%', factor: 1 },
  ns: { unit: 'ns', factor: 1 },
  us: { unit: 'ns', factor: 1e3 },
  µs: { unit: 'ns', factor: 1e3 },
  ms: { unit: 'ns', factor: 1e6 },
  s: { unit: 'ns', factor: 1e9 },
  m: { unit: 'ns', factor: 60e9 },
  instructions: { unit: 'instructions', factor: 1 },
} as const;

/**
 * Without a comparison it is the most that may be.
 * @throws {Error} when it is none: the schema of budgets lets none through
 */
export function parseLimit(text: string): Limit {
  const [, comparison = '<=', number, unit = ''] =
    /^(<=|<|>=|>|==)?\s*(\d+(?:\.\d+)?)\s*(\D*)$/.exec(text) ?? [];
  const known = units[unit as keyof typeof units] as (typeof units)[''] | undefined;
  if (number === undefined || known === undefined) throw new Error(`'${text}' is no limit`);
  return {
    comparison: comparison as Comparison,
    value: Number(number) * known.factor,
    unit: known.unit,
  };
}

export function holds({ comparison, value: limit }: Limit, value: number): boolean {
  switch (comparison) {
    case '<':
      return value < limit;
    case '<=':
      return value <= limit;
    case '>':
      return value > limit;
    case '>=':
      return value >= limit;
    case '==':
      return value === limit;
  }
}
