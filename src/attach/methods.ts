/** How each method loads the program and attaches it to functions. */
import type { Plan } from '../plan/plan.js';
import { isOfProgram } from '../symbols/programs.js';
import { attachCopies, attachEach, type Group } from './copies.js';
import { findRefused } from './bisect.js';
import { countSkipped, joinLinks } from './links.js';
import {
  copiesObjectPath,
  NativeError,
  objectPath,
  type NativeCopy,
  type NativeLink,
  type NativeObject,
  type ProgramOptions,
} from './native.js';
import type { ProgramName } from './shared.js';

/** What is to be attached. */
export interface Target {
  readonly object: NativeObject;
  /** All by the place of the function in the plan. With one link there is one program. */
  readonly programs: readonly ProgramName[];
  readonly ids: Uint32Array;
  /** Null for vmlinux. */
  readonly modules: readonly (string | null)[];
  readonly cookies: BigUint64Array;
  /** Without one of these there is nothing to trace. */
  readonly roots: ReadonlySet<number>;
  readonly onProgress: (text: string) => void;
  /** Nobody wants it any more. */
  readonly isCancelled: () => boolean;
}

export interface AttachedFunctions {
  readonly link: Pick<NativeLink, 'detach' | 'close'>;
  /** How many. */
  readonly attached: number;
  /** Places of the functions that the kernel refused. */
  readonly refused: ReadonlySet<number>;
  /** How many runs of the program the kernel skipped until now. */
  readonly skipped: () => number;
}

export interface Technique {
  readonly objectPath: string;
  readonly options: ProgramOptions;
  readonly attach: (target: Target) => Promise<AttachedFunctions>;
  /** The same for all functions, or for each the least that does. */
  readonly programs: 'one' | 'of each';
  /** When tasks are chosen: with several links before, they would be traced while some of them are missing. */
  readonly chooseTasks: 'before' | 'after';
}

const programTypeTracing = 26;
const attachTypeFsession = 58;
const attachTypeFsessionMulti = 61;

/** Does nothing, for nobody: the kernel has it for tests of BPF. */
export const idleFunction = 'bpf_fentry_test1';

const together: Technique = {
  objectPath,
  options: { type: programTypeTracing, attachType: attachTypeFsessionMulti },
  attach: attachTogether,
  programs: 'one',
  chooseTasks: 'before',
};

/** Modules have programs of their own, which must be kept out of each other as other copies are. */
const byModule: Technique = { ...together, objectPath: copiesObjectPath, chooseTasks: 'after' };

const one: Technique = {
  objectPath: copiesObjectPath,
  options: { type: programTypeTracing, attachType: attachTypeFsession, target: idleFunction },
  attach: attachCopies,
  programs: 'of each',
  chooseTasks: 'after',
};

export function chooseTechnique({
  method,
  functions,
}: Pick<Plan, 'method' | 'functions'>): Technique {
  if (method === 'fsession') return one;
  return functions.some(({ module }) => module !== null) ? byModule : together;
}

/**
 * A link for all functions of vmlinux, one for those of each module, and one for each of a BPF program. It ends early, with what is attached,
 * when nobody wants it any more.
 * @throws {NativeError} when it can't go on, or no root is left; nothing is attached then
 */
async function attachTogether(target: Target): Promise<AttachedFunctions> {
  const { modules, roots, isCancelled, onProgress } = target;
  const links: NativeCopy[] = [];
  const refused = new Set<number>();
  let refusal: NativeError | undefined;
  let attached = 0;
  const all = joinLinks(links);
  onProgress(`attaching to ${modules.length} functions`);
  try {
    for (const [module, places] of groupPlaces(modules)) {
      if (isCancelled()) break;
      // one link for many functions is not for those of BPF programs
      const group = isOfProgram(module)
        ? await attachEach(target, places)
        : await attachGroup(target, module, places);
      for (const place of group.refused) refused.add(place);
      refusal ??= group.refusal;
      links.push(...group.links);
      attached += places.length - group.refused.length;
    }
    if (refusal !== undefined && [...roots].every((place) => refused.has(place))) throw refusal;
  } catch (error) {
    await all.detach();
    all.close();
    throw error;
  }
  return { link: all, attached, refused, skipped: () => countSkipped(links) };
}

function groupPlaces<Key>(keys: readonly Key[]): Map<Key, number[]> {
  const groups = new Map<Key, number[]>();
  for (const [place, key] of keys.entries()) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [place]);
    else group.push(place);
  }
  return groups;
}

/** The kernel takes all of them or none, and those that it refuses are looked for. */
async function attachGroup(
  { object, programs, ids, cookies, onProgress }: Target,
  module: string | null,
  places: readonly number[],
): Promise<Group> {
  const [program = 'on_call_options'] = programs;
  const attachPlaces = (some: readonly number[]) =>
    object.attachMulti(
      program,
      Uint32Array.from(some, (place) => ids[place] ?? 0),
      BigUint64Array.from(some, (place) => cookies[place] ?? 0n),
      module,
    );
  try {
    return { links: [await attachPlaces(places)], refused: [] };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const refused = await findRefused(places, attachPlaces, onProgress);
    const left = places.filter((place) => !refused.includes(place));
    const links = left.length === 0 ? [] : [await attachPlaces(left)];
    return { links, refused, refusal: error };
  }
}
