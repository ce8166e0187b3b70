/** Attaches a copy of the program to each function: single fsession. */
import type { AttachedFunctions, Target } from './methods.js';
import { countSkipped, forEach, joinLinks } from './links.js';
import { NativeError, type NativeCopy } from './native.js';

/** What the kernel answers where it is not the function that it minds. */
const notOfFunction = new Set(['EPERM', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * Functions that the kernel refuses are left out. It ends early, with what is attached, when nobody
 * wants it any more.
 * @throws {NativeError} when it can't go on, or no root is left; nothing is attached then
 */
export async function attachCopies(target: Target): Promise<AttachedFunctions> {
  const { object, programs, ids, modules, cookies, roots, isCancelled } = target;
  const links: NativeCopy[] = [];
  const refused = new Set<number>();
  let failure: Error | undefined;
  let refusal: NativeError | undefined;
  let rootsLeft = roots.size;
  const all = joinLinks(links);
  await forEach(ids, async (id, place) => {
    if (failure !== undefined || isCancelled()) return;
    try {
      const program = programs[place] ?? 'on_call_options';
      links.push(
        await object.attachCopy(program, id, cookies[place] ?? 0n, modules[place] ?? null),
      );
    } catch (error) {
      if (!(error instanceof NativeError) || notOfFunction.has(error.code)) {
        failure ??= error as Error;
        return;
      }
      refusal ??= error;
      refused.add(place);
      if (roots.has(place)) rootsLeft--;
    }
    target.onProgress(`attaching to ${ids.length} functions: ${links.length}`);
  });
  if (rootsLeft === 0) failure ??= refusal;
  if (failure !== undefined) {
    await all.detach();
    all.close();
    throw failure;
  }
  return { link: all, attached: links.length, refused, skipped: () => countSkipped(links) };
}
