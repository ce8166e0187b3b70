/** Links as one: of many functions, of the two halves of a call. */
import type { Half } from './methods.js';
import type { NativeCopy, Span } from './native.js';

/**
 * So many at once: as many as there are threads for it. Copies are verified side by side; the kernel
 * attaches one after the other.
 */
const atOnce = 4;

export type JoinedLinks = Pick<NativeCopy, 'attached' | 'detach' | 'close'>;

/** Of links that there may be more of later; they are detached from the last to the first, some at a time. */
export function joinLinks(links: readonly JoinedLinks[], together = atOnce): JoinedLinks {
  return {
    get attached() {
      return joinSpans(links.map(({ attached }) => attached));
    },
    async detach() {
      const spans: Span[] = [];
      const detach = async (link: JoinedLinks) => {
        spans.push(await link.detach());
      };
      await forEach([...links].reverse(), detach, together);
      return joinSpans(spans);
    },
    close() {
      for (const link of links) link.close();
    },
  };
}

/** From the first to the last of them; none is empty, and joins with others to those. */
const joinSpans = (spans: readonly Span[]): Span => ({
  beginMs: Math.min(...spans.map(({ beginMs }) => beginMs)),
  endMs: Math.max(...spans.map(({ endMs }) => endMs)),
});

/** In ms, to the microsecond. */
export const lengthMs = ({ beginMs, endMs }: Span): number =>
  Math.round(Math.max(0, endMs - beginMs) * 1000) / 1000;

/** How many runs of their programs the kernel skipped until now. */
export const countSkipped = (links: readonly NativeCopy[]): number =>
  links.reduce((sum, link) => sum + link.skipped() + link.missed(), 0);

/** One after the other; where the second can't be attached, neither is. */
export async function attachHalves(
  halves: readonly Half[],
  attachHalf: (half: Half) => Promise<NativeCopy>,
): Promise<NativeCopy[]> {
  const links: NativeCopy[] = [];
  try {
    for (const half of halves) links.push(await attachHalf(half));
  } catch (error) {
    for (const link of links) {
      await link.detach();
      link.close();
    }
    throw error;
  }
  return links;
}

/** Some at a time, in order. */
export async function forEach<Item>(
  items: readonly Item[],
  run: (item: Item) => Promise<void>,
  together = atOnce,
): Promise<void> {
  const queue = items.values();
  const work = async () => {
    for (const item of queue) await run(item);
  };
  await Promise.all(Array.from({ length: together }, work));
}
