/** Links as one: each step for some at a time, in order. */
import type { NativeCopy, NativeLink } from './native.js';

/**
 * So many at once: as many as there are threads for it. Copies are verified side by side; the kernel
 * attaches one after the other.
 */
const atOnce = 4;

export function joinLinks(links: readonly NativeLink[]): NativeLink {
  return {
    detach: () => forEach(links, (link) => link.detach()),
    close() {
      for (const link of links) link.close();
    },
  };
}

/** How many runs of their programs the kernel skipped until now. */
export const countSkipped = (links: readonly NativeCopy[]): number =>
  links.reduce((sum, link) => sum + link.skipped(), 0);

/** Some at a time, in order. */
export async function forEach<Item>(
  items: readonly Item[],
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const work = async () => {
    for (const item of queue) await run(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
