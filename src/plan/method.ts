/** Ways to attach, and which of them a trace takes. */
import { exitStatus, Failure } from '../failure.js';
import { formatCount } from '../words/quantities.js';

/** Those that cost least a call first. */
export const methods = [
  'fsession.multi',
  'fsession',
  'fentry+fexit',
  'kprobe.session',
  'kprobe.multi',
] as const;

export type Method = (typeof methods)[number];

interface Traits {
  /** How many programs, and of what they are attached, each function takes; 0: one for all. */
  readonly copies: number;
  /** Calls deeper than this below the root (which has 0) are not recorded. */
  readonly deepest: number;
  /** How many argument slots are read; those behind are on the stack. */
  readonly argSlots: number;
  /** Whether functions are attached to by their names, which modules may have too. */
  readonly byName: boolean;
}

/** What a level in the session cookie has room for, and what frames have: bpf/method.h. */
const inCookie = { deepest: 500 };
const inFrame = { deepest: 30 };
const byTrampoline = { argSlots: 12, byName: false };
const byRegisters = { argSlots: 6, byName: true };

export const traits: Readonly<Record<Method, Traits>> = {
  'fsession.multi': { copies: 0, ...inCookie, ...byTrampoline },
  fsession: { copies: 1, ...inCookie, ...byTrampoline },
  'fentry+fexit': { copies: 2, ...inFrame, ...byTrampoline },
  'kprobe.session': { copies: 0, ...inFrame, ...byRegisters },
  'kprobe.multi': { copies: 0, ...inFrame, ...byRegisters },
};

/** The deepest that is counted: the kernel side keeps what is below a call for each level. */
export const deepestCounted = 62;
/** The same where nothing else is told of calls. */
export const deepestPlain = 59;

/** The deepest that any method records. */
export const deepestOfAll = inCookie.deepest;

/** What is known of the kernel's having a method. */
export type Offer = 'yes' | 'no' | 'could not tell';

export interface Offers extends Readonly<Record<Method, Offer>> {
  /** The release of the kernel. */
  readonly kernel: string;
}

/**
 * The method that is asked for, or all that the kernel has; one that it may have is as good as one that
 * it has, and is tried when it attaches.
 * @throws {Failure} when the kernel has none, or not that one
 */
export function listMethods(wished: Method | 'auto', offers: Offers): readonly Method[] {
  const able = methods.filter((method) => offers[method] !== 'no');
  const listed = wished === 'auto' ? able : able.filter((method) => method === wished);
  if (listed.length > 0) return listed;
  throw wished === 'auto' ? lacksAll(offers) : lacks(wished, able, offers);
}

/**
 * Each copy of the program takes 170 KB, milliseconds that add up, and two open files, of which the
 * kernel gives a process 4,096 where nobody says otherwise.
 */
export const mostCopies = 1500;

/** From here on the time for a program each is more than what it spares. */
const fewFunctions = 100;

/** What a method is to do. */
export interface Task {
  readonly functions: number;
  /** Calls deeper than this below the root are not wanted; null: as deep as there are. */
  readonly maxDepth: number | null;
  /** Whether none of them is in a module or a BPF program. */
  readonly isOfVmlinux: boolean;
}

/**
 * Of the methods that there are the best for the task.
 * @throws {Failure} when none of them can do it
 */
export function chooseMethod(able: readonly Method[], task: Task): Method {
  const isFew = task.functions <= fewFunctions;
  const ranked = isFew ? able : [...able.filter((method) => traits[method].copies === 0), ...able];
  const misfits = ranked.map((method) => ({ method, misfit: findMisfit(method, task) }));
  const chosen = misfits.find(({ misfit }) => misfit === null);
  if (chosen !== undefined) return chosen.method;
  throw misfits[0]?.misfit ?? new Error('there is no method');
}

/** Why the method can't do it. */
function findMisfit(method: Method, { functions, maxDepth, isOfVmlinux }: Task): Failure | null {
  const { copies, deepest, byName } = traits[method];
  if (byName && !isOfVmlinux) return notInVmlinux(method);
  if (copies * functions > mostCopies) return tooMany(method, functions);
  if (maxDepth !== null && maxDepth > deepest) return tooDeep(method, maxDepth);
  return null;
}

function tooMany(method: Method, functions: number): Failure {
  const { copies } = traits[method];
  return new Failure(
    exitStatus.usage,
    `${formatCount(functions)} functions are too many for the method ${method}, which loads ${copies === 1 ? 'a program' : `${copies} programs`} for each: it takes ${formatCount(mostCopies / copies)}.`,
    'Trace fewer: a narrower -k or --fgraph-include, more of --fgraph-exclude, a smaller --fgraph-max-depth',
    'Without --method, one that takes all is chosen where the kernel has it, as Linux 7.2 does: fsnoop vm --kernel 7.2 -- fsnoop …',
  );
}

function notInVmlinux(method: Method): Failure {
  return new Failure(
    exitStatus.usage,
    `The method ${method} attaches to functions by name, and some of these are in modules or BPF programs.`,
    'Leave them out, or take another: --method fentry+fexit',
  );
}

function tooDeep(method: Method, maxDepth: number): Failure {
  const { deepest } = traits[method];
  return new Failure(
    exitStatus.usage,
    `--fgraph-max-depth ${maxDepth} is too deep for the method ${method}, which follows calls down to ${deepest} levels below a root.`,
    `Give --fgraph-max-depth ${deepest}, or less`,
    'Without --method, one that goes deeper is chosen where the kernel has it, as Linux 7.0 does: fsnoop vm --kernel 7.2 -- fsnoop …',
  );
}

export const aboutMethod: Readonly<
  Record<Method, { readonly how: string; readonly since: string }>
> = {
  'fsession.multi': {
    how: 'attaches one BPF program to many functions',
    since: 'Linux 7.2 for x86_64',
  },
  fsession: {
    how: 'runs one BPF program at the entry and the return of a function',
    since: 'Linux 7.0 for x86_64 and arm64',
  },
  'fentry+fexit': {
    how: 'runs a BPF program at the entry of a function and another at its return',
    since: 'Linux 5.19, with cookies',
  },
  'kprobe.session': {
    how: 'attaches one BPF program to many functions by fprobe',
    since: 'Linux 6.10 with CONFIG_FPROBE, and fsnoop has it for x86_64',
  },
  'kprobe.multi': {
    how: 'attaches two BPF programs to many functions by fprobe',
    since: 'Linux 5.18 with CONFIG_FPROBE, and fsnoop has it for x86_64',
  },
};

/** `fsession, which …: it came with …` */
function spellMethod(method: Method): string {
  const { how, since } = aboutMethod[method];
  return `${method}, which ${how}: it came with ${since}`;
}

export const guestAdvice =
  'Try it in a throw-away guest with a newer kernel: fsnoop vm --kernel 7.2 -- fsnoop …';

function lacks(method: Method, able: readonly Method[], { kernel }: Offers): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `This kernel (${kernel}) has no ${spellMethod(method)}.`,
    ...able.slice(0, 1).map((other) => `Leave out --method: it has ${other}`),
    guestAdvice,
  );
}

function lacksAll({ kernel }: Offers): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `This kernel (${kernel}) has none of the ways to attach that fsnoop has: ${methods.join(', ')}. The oldest that fsnoop is tested with is Linux 6.1.`,
    guestAdvice,
  );
}
