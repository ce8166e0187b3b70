/** What a person is told about a guest that did not just exit. */
import type { GuestRun } from './guest.js';

/** Lines for stderr; none when all went well. */
export function renderRunEnd(run: GuestRun, timeoutMs: number): readonly string[] {
  switch (run.outcome) {
    case 'timed out':
      return [`fsnoop vm: timed out after ${timeoutMs / 1000} s`, ...renderSplats(run)];
    case 'crashed':
      return ['fsnoop vm: the guest crashed or could not start. Its last words:', ...run.lastWords];
    case 'exited':
      return renderSplats(run);
    case 'interrupted':
      return [];
  }
}

function renderSplats({ splats }: GuestRun): readonly string[] {
  return splats.length === 0 ? [] : ["fsnoop vm: the guest's kernel complained:", ...splats];
}
