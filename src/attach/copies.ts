/** Attaches a copy of the program to each function, or of two programs: single fsession, fentry+fexit. */
import type { AttachedFunctions, Target } from './methods.js';
import { attachHalves, countSkipped, forEach, joinLinks } from './links.js';
import { NativeError, type NativeCopy } from './native.js';

/** What the kernel answers where it is not the function that it minds. */
const notOfFunction = new Set(['EPERM', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM']);

/**
 * Functions that the kernel refuses are left out. It ends early, with what is attached, when nobody
 * wants it any more.
 * @throws {NativeError} when it can't go on, or no root is left; nothing is attached then
 */
export async function attachCopies(target: Target): Promise<AttachedFunctions> {
  const places = [...target.ids.keys()];
  const { links, attached, refused, refusal } = await attachEach(target, places);
  const all = joinLinks(links);
  if (refusal !== undefined && [...target.roots].every((place) => refused.includes(place))) {
    await all.detach();
    all.close();
    throw refusal;
  }
  return {
    link: all,
    attached,
    refused: new Set(refused),
    skipped: () => countSkipped(links),
  };
}

export interface Group {
  readonly links: readonly NativeCopy[];
  /** How many functions. */
  readonly attached: number;
  /** Places of the functions that the kernel refused. */
  readonly refused: readonly number[];
  /** The first. */
  readonly refusal?: NativeError | undefined;
}

/**
 * The functions at these places.
 * @throws {NativeError} when it can't go on; nothing is attached then
 */
export async function attachEach(target: Target, places: readonly number[]): Promise<Group> {
  const { object, programs, halves, ids, modules, cookies, isCancelled } = target;
  const links: NativeCopy[] = [];
  const refused: number[] = [];
  let attached = 0;
  let failure: Error | undefined;
  let refusal: NativeError | undefined;
  await forEach(places, async (place) => {
    if (failure !== undefined || isCancelled()) return;
    try {
      const program = programs[place] ?? 'on_call_options';
      const id = ids[place] ?? 0;
      const copies = await attachHalves(halves, ({ suffix }) =>
        object.attachCopy(program + suffix, id, cookies[place] ?? 0n, modules[place] ?? null),
      );
      links.push(...copies);
      attached++;
    } catch (error) {
      if (!(error instanceof NativeError) || notOfFunction.has(error.code)) {
        failure ??= error as Error;
        return;
      }
      refusal ??= error;
      refused.push(place);
    }
    target.onProgress(`attaching to ${places.length} functions: ${attached}`);
  });
  if (failure === undefined) return { links, attached, refused, refusal };
  const all = joinLinks(links);
  await all.detach();
  all.close();
  throw failure;
}
