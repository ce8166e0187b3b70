/** Finds which functions the kernel refuses: it refuses a set as a whole and does not say why. */
import { NativeError } from './native.js';

/** What attached a set. */
interface Detachable {
  detach(): Promise<unknown>;
}

/**
 * The members of a refused set that the kernel refuses, each alone or with the others of its half.
 * A set of n with k culprits takes about 2k log2(n) tries.
 */
export async function findRefused<Member>(
  refusedSet: readonly Member[],
  attach: (some: readonly Member[]) => Promise<Detachable>,
  onProgress: (text: string) => void,
): Promise<Member[]> {
  if (refusedSet.length <= 1) return [...refusedSet];
  onProgress(`the kernel refused a set of ${refusedSet.length} functions, looking for the culprit`);
  const middle = refusedSet.length >> 1;
  const found: Member[] = [];
  for (const half of [refusedSet.slice(0, middle), refusedSet.slice(middle)]) {
    if (await isRefused(half, attach)) {
      found.push(...(await findRefused(half, attach, onProgress)));
    }
  }
  return found;
}

async function isRefused<Member>(
  some: readonly Member[],
  attach: (some: readonly Member[]) => Promise<Detachable>,
): Promise<boolean> {
  try {
    const link = await attach(some);
    await link.detach();
    return false;
  } catch (error) {
    if (error instanceof NativeError) return true;
    throw error;
  }
}
