/** The kernel's own tick: what an hrtimer of each CPU calls, some hundred times a second while that is not idle. */
import type { SearchTables } from './kallsyms-tables.js';

/** tick_nohz_handler() since v6.9; before, something else was called that. */
export const tickSymbols = ['tick_sched_timer', 'tick_nohz_handler'] as const;

/** The lower half of its address, or null where there is none. */
export function findTick(search: SearchTables): number | null {
  const found = search(tickSymbols);
  const [tick] = tickSymbols.flatMap((symbol) => found.filter(({ name }) => name === symbol));
  return tick === undefined ? null : Number(tick.address & 0xffffffffn);
}
