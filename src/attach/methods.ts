/** How each method loads the program and attaches it to functions. */
import { deepestCounted, deepestPlain, type Method } from '../plan/method.js';
import type { Plan } from '../plan/plan.js';
import type { Btf } from '../symbols/btf.js';
import { isOfProgram } from '../symbols/programs.js';
import { attachCopies, attachEach, type Group } from './copies.js';
import { findRefused } from './bisect.js';
import { busyWhileAttaching } from './busy.js';
import { attachHalves, countSkipped, joinLinks, type JoinedLinks } from './links.js';
import {
  countingPath,
  NativeError,
  objectPaths,
  type LoadOptions,
  type NativeCopy,
  type NativeObject,
  type ProgramOptions,
} from './native.js';
import {
  countingPrograms,
  frameBytes,
  programs as recordingPrograms,
  type ProgramName,
} from './shared.js';
import { taskNumbers, taskPlaces, type TaskArray } from './tasks.js';

/** What is to be attached. */
export interface Target {
  readonly object: NativeObject;
  /** All by the place of the function in the plan. With one link there is one program. */
  readonly programs: readonly ProgramName[];
  readonly halves: readonly Half[];
  readonly ids: Uint32Array;
  readonly names: readonly string[];
  /** What they are in: a module, a BPF program, or null for vmlinux. */
  readonly modules: readonly (string | null)[];
  readonly cookies: BigUint64Array;
  /** Without one of these there is nothing to trace. */
  readonly roots: ReadonlySet<number>;
  readonly onProgress: (text: string) => void;
  /** Nobody wants it any more. */
  readonly isCancelled: () => boolean;
}

export interface AttachedFunctions {
  readonly link: JoinedLinks;
  /** How many. */
  readonly attached: number;
  /** Places of the functions that the kernel refused. */
  readonly refused: ReadonlySet<number>;
  /** How many runs of the program the kernel skipped until now. */
  readonly skipped: () => number;
}

/** What is run at entry and return, or one of the two. */
export interface Half {
  /** Behind the name of the program. */
  readonly suffix: '' | '_return';
  readonly options: ProgramOptions;
}

interface Technique {
  readonly objectPath: (btf: Btf) => string;
  /** One, or two. */
  readonly halves: readonly Half[];
  readonly frame: keyof typeof frameBytes.recording;
  readonly attach: (target: Target) => Promise<AttachedFunctions>;
  /** The same for all functions, or for each the least that does. */
  readonly programs: 'one' | 'of each';
  /** When tasks are chosen: with several links, before all are attached, calls would be seen in part. */
  readonly chooseTasks: 'before' | 'after';
}

const programType = { kprobe: 2, tracing: 26 };

/** Does nothing, for nobody: the kernel has it for tests of BPF. */
export const idleFunction = 'bpf_fentry_test1';

const ofTracing = (attachType: number): ProgramOptions => ({
  type: programType.tracing,
  attachType,
  target: idleFunction,
});
const ofKprobe = (attachType: number): ProgramOptions => ({ type: programType.kprobe, attachType });

const techniques: Readonly<Record<Method, Technique>> = {
  'fsession.multi': {
    objectPath: () => objectPaths.multi,
    halves: [{ suffix: '', options: { type: programType.tracing, attachType: 61 } }],
    frame: 'withCookie',
    attach: (target) => attachTogether(target, attachIds),
    programs: 'one',
    chooseTasks: 'before',
  },
  fsession: {
    objectPath: () => objectPaths.each,
    halves: [{ suffix: '', options: ofTracing(58) }],
    frame: 'withCookie',
    attach: attachCopies,
    programs: 'of each',
    chooseTasks: 'after',
  },
  'fentry+fexit': {
    objectPath: () => objectPaths.eachPair,
    halves: [
      { suffix: '', options: ofTracing(24) },
      { suffix: '_return', options: ofTracing(25) },
    ],
    frame: 'withStack',
    attach: attachCopies,
    programs: 'of each',
    chooseTasks: 'after',
  },
  'kprobe.session': {
    objectPath: (btf) => (takesContext(btf) ? objectPaths.kprobe : objectPaths.kprobeVoid),
    halves: [{ suffix: '', options: ofKprobe(56) }],
    frame: 'withArguments',
    attach: (target) => attachTogether(target, attachNames),
    programs: 'one',
    chooseTasks: 'before',
  },
  'kprobe.multi': {
    objectPath: () => objectPaths.kprobePair,
    // so that no entry is seen without its return
    halves: [
      { suffix: '_return', options: ofKprobe(42) },
      { suffix: '', options: ofKprobe(42) },
    ],
    frame: 'withArguments',
    attach: (target) => attachTogether(target, attachNames),
    programs: 'one',
    chooseTasks: 'before',
  },
};

/** Modules have programs of their own, which must be kept out of each other as other copies are. */
const byModule: Technique = {
  ...techniques['fsession.multi'],
  objectPath: () => objectPaths.each,
  chooseTasks: 'after',
};

/** Where it is known which functions are no roots, calls of those cost less. */
const belowRoots: Technique = {
  ...techniques['fsession.multi'],
  objectPath: () => objectPaths.below,
  attach: (target) => attachTogether(target, attachIds, splitBusy),
};

/** Nothing is left out, and nothing but times is counted: calls cost least. */
const plainly: Pick<PurposefulTechnique, 'objectPath' | 'objectPrograms' | 'tasks' | 'deepest'> = {
  objectPath: () => objectPaths.plain,
  objectPrograms: ['on_stat'],
  tasks: taskPlaces,
  deepest: deepestPlain,
};

/** What its programs make of calls: a record of each, or sums; plainly where it is of all calls. */
export type Purpose = 'recording' | 'counting' | 'counting plainly';

/** The object of a technique that is for the purpose, and what is in it. */
export interface PurposefulTechnique extends Omit<Technique, 'frame'> {
  readonly objectPrograms: readonly ProgramName[];
  readonly tasks: TaskArray;
  /** Calls deeper than this below a root are left out. */
  readonly deepest: number;
  /** Lower halves of the addresses of roots, where the object is to know them. */
  readonly roots: readonly number[] | null;
}

export function chooseTechnique(
  { method, functions }: Pick<Plan, 'method' | 'functions'>,
  purpose: Purpose,
): PurposefulTechnique {
  const hasModules = functions.some(({ module }) => module !== null);
  const isMulti = method === 'fsession.multi';
  const roots = isMulti && !hasModules ? findRoots(functions) : null;
  const technique =
    isMulti && hasModules ? byModule : roots === null ? techniques[method] : belowRoots;
  const { objectPath, frame } = technique;
  const counts = purpose !== 'recording';
  return {
    ...technique,
    objectPath: (btf) => (counts ? countingPath(objectPath(btf)) : objectPath(btf)),
    objectPrograms: counts ? countingPrograms : recordingPrograms,
    tasks: taskNumbers(frameBytes[counts ? 'counting' : 'recording'][frame]),
    deepest: counts ? deepestCounted : Infinity,
    roots,
    ...(purpose === 'counting plainly' && technique === techniques['fsession.multi'] && plainly),
  };
}

/** Lower halves of their addresses; null where all functions are roots, or an address is not told. */
function findRoots(functions: Plan['functions']): number[] | null {
  const roots = functions.filter(({ root }) => root);
  const addresses = roots.flatMap(({ address = [] }) => address);
  return roots.length < functions.length && addresses.length === roots.length ? addresses : null;
}

/** Of the programs of the object those that are to be loaded, and those that are not. */
export function pickPrograms(
  { halves, objectPrograms }: Pick<PurposefulTechnique, 'halves' | 'objectPrograms'>,
  used: readonly ProgramName[],
): Pick<LoadOptions, 'programs' | 'skipped'> {
  const all = objectPrograms.flatMap((program) =>
    halves.map(({ suffix, options }) => ({ program, name: program + suffix, options })),
  );
  const isUsed = ({ program }: { program: ProgramName }) => used.includes(program);
  return {
    programs: Object.fromEntries(all.filter(isUsed).map(({ name, options }) => [name, options])),
    skipped: all.filter((one) => !isUsed(one)).map(({ name }) => name),
  };
}

/** Whether the kernel's function that tells an entry from a return takes the context; before 7.0 it takes nothing. */
function takesContext(btf: Btf): boolean {
  return btf
    .find('func', 'bpf_session_is_return')
    .some((id) => btf.prototype(id).parameters.length > 0);
}

/** Attaches a program to the functions at these places, which are in one module, to all or none. */
type AttachSome = (
  target: Target,
  program: ProgramName,
  half: Half,
  places: readonly number[],
  module: string | null,
) => Promise<NativeCopy>;

const cookiesOf = ({ cookies }: Target, places: readonly number[]) =>
  BigUint64Array.from(places, (place) => cookies[place] ?? 0n);

const attachIds: AttachSome = (target, program, { suffix }, places, module) =>
  target.object.attachMulti(
    program + suffix,
    Uint32Array.from(places, (place) => target.ids[place] ?? 0),
    cookiesOf(target, places),
    module,
  );

/** BPF_F_KPROBE_MULTI_RETURN */
const atReturn = 1;

const attachNames: AttachSome = (target, program, { suffix }, places) =>
  target.object.attachKprobes(
    program + suffix,
    places.map((place) => target.names[place] ?? ''),
    cookiesOf(target, places),
    suffix === '' ? 0 : atReturn,
  );

/** Which of the functions of a module have a link of their own. */
type Split = (target: Target, places: readonly number[]) => readonly (readonly number[])[];

/** A link takes the kernel as long as some hundred functions. */
const splitAbove = 10_000;

/** With the busy ones roots come last: no tree is open before all that is below them is attached. */
const splitBusy: Split = ({ names, roots }, places) => {
  if (places.length <= splitAbove) return [places];
  const isLast = (place: number) => roots.has(place) || busyWhileAttaching.has(names[place] ?? '');
  const first = places.filter((place) => !isLast(place));
  return first.length === 0 ? [places] : [first, places.filter(isLast)];
};

/**
 * A link for all functions of vmlinux, or as they are split, one for those of each module, and one for each of a
 * BPF program. It ends early, with what is attached, when nobody wants it any more.
 * @throws {NativeError} when it can't go on, or no root is left; nothing is attached then
 */
async function attachTogether(
  target: Target,
  attachSome: AttachSome,
  split?: Split,
): Promise<AttachedFunctions> {
  const { modules, roots, isCancelled, onProgress } = target;
  const links: NativeCopy[] = [];
  /** One for each program: links of the same count the same runs. */
  const counted = new Map<string | null, readonly NativeCopy[]>();
  const refused = new Set<number>();
  let refusal: NativeError | undefined;
  let attached = 0;
  const all = split === undefined ? joinLinks(links) : joinLinks(links, 1);
  onProgress(`attaching to ${modules.length} functions`);
  const groups = [...groupPlaces(modules)].flatMap(([module, ofModule]) =>
    (split?.(target, ofModule) ?? [ofModule]).map((places) => ({ module, places })),
  );
  try {
    for (const { module, places } of groups) {
      if (isCancelled()) break;
      // one link for many functions is not for those of BPF programs
      const group = isOfProgram(module)
        ? await attachEach(target, places)
        : await attachGroup(target, attachSome, module, places);
      for (const place of group.refused) refused.add(place);
      refusal ??= group.refusal;
      links.push(...group.links);
      if (group.links.length > 0) counted.set(module, group.links);
      attached += group.attached;
    }
    if (refusal !== undefined && [...roots].every((place) => refused.has(place))) throw refusal;
  } catch (error) {
    await all.detach();
    all.close();
    throw error;
  }
  return {
    link: all,
    attached,
    refused,
    skipped: () => countSkipped([...counted.values()].flat()),
  };
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
  target: Target,
  attachSome: AttachSome,
  module: string | null,
  places: readonly number[],
): Promise<Group> {
  const { programs, halves, onProgress } = target;
  const [program = 'on_call_options'] = programs;
  const attachPlaces = (some: readonly number[]) =>
    attachHalves(halves, (half) => attachSome(target, program, half, some, module));
  try {
    return { links: await attachPlaces(places), attached: places.length, refused: [] };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const attachJoined = async (some: readonly number[]) => joinLinks(await attachPlaces(some));
    const refused = await findRefused(places, attachJoined, onProgress);
    const left = places.filter((place) => !refused.includes(place));
    const links = left.length === 0 ? [] : await attachPlaces(left);
    return { links, attached: left.length, refused, refusal: error };
  }
}
