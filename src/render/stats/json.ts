/** What was counted, for programs: an object a line. */
import type { KeyKind } from '../../plan/counting.js';
import type { PlannedFunction } from '../../plan/plan.js';
import type { FunctionStats } from '../../tree/function-stats.js';
import type { JsonInterval, JsonStat } from '../json-contract.js';
import { keyToJson } from './key.js';
import { nameErrno } from './text.js';
import { sumsToJson } from './sums-json.js';

/**
 * A line a function, or a key of it: `{"type":"stat","function":"vfs_read","module":null,"calls":3,
 * …}` with the numbers of sums-json.ts, and with keys `"by":{"comm":"cat"}`.
 */
export function renderStatsJson(
  stats: readonly FunctionStats[],
  by: KeyKind | null,
  functions: readonly PlannedFunction[],
): string {
  return stats.map((one) => `${JSON.stringify(toJson(one, by, functions))}\n`).join('');
}

/** The line before the stats of an interval, which are since the beginning. */
export function renderInterval(elapsedMs: number): string {
  return `${JSON.stringify({ type: 'interval', elapsedMs } satisfies JsonInterval)}\n`;
}

function toJson(
  stats: FunctionStats,
  by: KeyKind | null,
  functions: readonly PlannedFunction[],
): JsonStat {
  const { key, errors } = stats;
  const { name = '', module = null, returns } = functions[stats.function] ?? {};
  const named = Array.from(
    errors,
    ([errno, count]) => [errno === 0 ? 'other' : nameErrno(errno), count] as const,
  );
  return {
    ...{ type: 'stat', function: name, module },
    ...(by !== null && key !== null && returns && { by: keyToJson(key, by, returns) }),
    ...sumsToJson(stats, named),
  };
}
