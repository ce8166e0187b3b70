/** Ways to attach, and which of them a trace takes. */
import { exitStatus, Failure } from '../failure.js';

/** The best first. */
export const methods = ['fsession.multi', 'fsession'] as const;

export type Method = (typeof methods)[number];

/** What is known of the kernel's having a method. */
export type Offer = 'yes' | 'no' | 'could not tell';

export interface Offers extends Readonly<Record<Method, Offer>> {
  /** The release of the kernel. */
  readonly kernel: string;
}

/**
 * The method that is asked for, or the best that the kernel has; one that it may have is as good as
 * one that it has, and is tried when it attaches.
 * @throws {Failure} when the kernel has none, or not that one
 */
export function chooseMethod(wished: Method | 'auto', offers: Offers): Method {
  const able = methods.filter((method) => offers[method] !== 'no');
  const chosen = wished === 'auto' ? able[0] : able.find((method) => method === wished);
  if (chosen !== undefined) return chosen;
  throw wished === 'auto' ? lacksAll(offers) : lacks(wished, able, offers);
}

/**
 * Each copy of the program takes 170 KB, milliseconds that add up, and two open files, of which the
 * kernel gives a process 4,096 where nobody says otherwise.
 */
export const mostCopies = 1500;

/** @throws {Failure} when there are more functions than the method can take */
export function checkCount(method: Method, functions: number): void {
  if (method === 'fsession.multi' || functions <= mostCopies) return;
  throw new Failure(
    exitStatus.usage,
    `${functions} functions are too many for the method ${method}, which loads a program for each: it takes ${mostCopies}.`,
    'Trace fewer: a narrower -k or --fgraph-include, more of --fgraph-exclude, a smaller --fgraph-max-depth',
    'Linux 7.2 has fsession.multi, which takes all: fsnoop vm --kernel 7.2 -- fsnoop …',
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
    `This kernel (${kernel}) has no ${spellMethod('fsession')}.`,
    guestAdvice,
  );
}
