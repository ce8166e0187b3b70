/** How each method loads the program and attaches it to functions. */
import type { Method } from '../plan/method.js';
import { attachCopies } from './copies.js';
import { findRefused } from './bisect.js';
import {
  copiesObjectPath,
  NativeError,
  objectPath,
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
  /**
   * One link for all functions, or a link for each: then each gets the least program that does, and tasks
   * are chosen when all are attached.
   */
  readonly links: 'one' | 'each';
}

const programTypeTracing = 26;

/** Does nothing, for nobody: the kernel has it for tests of BPF. */
export const idleFunction = 'bpf_fentry_test1';

export const techniques: Readonly<Record<Method, Technique>> = {
  'fsession.multi': {
    objectPath,
    options: { type: programTypeTracing, attachType: 61 },
    attach: attachTogether,
    links: 'one',
  },
  fsession: {
    objectPath: copiesObjectPath,
    options: { type: programTypeTracing, attachType: 58, target: idleFunction },
    attach: attachCopies,
    links: 'each',
  },
};

/** One link for all: the kernel takes all of them or none, and those that it refuses are looked for. */
async function attachTogether(target: Target): Promise<AttachedFunctions> {
  const { object, programs, ids, cookies, roots, onProgress } = target;
  const [program = 'on_call'] = programs;
  const places = [...ids.keys()];
  const attachPlaces = (some: readonly number[]) =>
    object.attachMulti(
      program,
      Uint32Array.from(some, (place) => ids[place] ?? 0),
      BigUint64Array.from(some, (place) => cookies[place] ?? 0n),
    );
  const skipped = () => object.programInfo(program).skipped;
  onProgress(`attaching to ${places.length} functions`);
  try {
    const link = await attachPlaces(places);
    return { link, attached: places.length, refused: new Set(), skipped };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const refused = new Set(await findRefused(places, attachPlaces, onProgress));
    const left = places.filter((place) => !refused.has(place));
    if (!left.some((place) => roots.has(place))) throw error;
    return { link: await attachPlaces(left), attached: left.length, refused, skipped };
  }
}
