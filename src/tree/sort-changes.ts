/** The order of what differs between two runs. */
import { measureNames, type Change, type Comparison } from './compare.js';
import { spellName } from './measured.js';

/** `change`: what is so many times as much as before, or as little; else by how much more or less it is. */
export const changeKeys = ['change', ...measureNames, 'name'] as const;

export type ChangeKey = (typeof changeKeys)[number];

/** What is significant first, and of that the largest change; of those that are alike by name. */
export function sortComparisons(all: readonly Comparison[], key: ChangeKey): Comparison[] {
  const sizes = new Map(all.map((one) => [one, sizeOf(one, key)]));
  const bySize = (a: Comparison, b: Comparison) => {
    const [one = 0, other = 0] = [sizes.get(a), sizes.get(b)];
    return one === other ? 0 : other - one; // both may be infinite
  };
  return all.toSorted(
    (a, b) =>
      Number(b.isSignificant) - Number(a.isSignificant) ||
      bySize(a, b) ||
      (spellName(a) < spellName(b) ? -1 : 1),
  );
}

function sizeOf({ changes, isSignificant }: Comparison, key: ChangeKey): number {
  if (key === 'name') return 0;
  if (key !== 'change') return differenceOf(changes[key]);
  const meant = Object.values<Change>(changes).filter(
    (change) => change.isSignificant || !isSignificant,
  );
  return Math.max(0, ...meant.map(ratioOf));
}

const differenceOf = ({ before, after }: Change): number => Math.abs((after ?? 0) - (before ?? 0));

/** As a logarithm, in either direction. */
function ratioOf({ before, after }: Change): number {
  if (before === null || after === null || before === after) return 0;
  return Math.abs(Math.log(after / before));
}
