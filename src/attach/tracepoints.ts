/** Attaches a copy of a program to each tracepoint. */
import type { PlannedFunction } from '../plan/plan.js';
import { forEach, joinLinks } from './links.js';
import { NativeError, type NativeCopy, type NativeObject } from './native.js';

export interface TracepointTarget {
  readonly object: NativeObject;
  readonly program: string;
  readonly tracepoints: readonly PlannedFunction[];
  /** By place of the tracepoint. */
  readonly cookies: BigUint64Array;
  readonly onProgress: (text: string) => void;
  /** Nobody wants them any more: the rest is left out. */
  readonly isCancelled: () => boolean;
}

export interface AttachedTracepoints {
  readonly links: readonly NativeCopy[];
  /** Those that the kernel refused. */
  readonly refused: readonly PlannedFunction[];
}

/** What the kernel answers where the tracepoint is gone, or is none that BPF programs can have. */
const notOfProgram = new Set(['ENOENT', 'EINVAL']);

/**
 * @throws {NativeError} when the kernel takes no such program, or none of the tracepoints; nothing is
 * attached then
 */
export async function attachTracepoints(target: TracepointTarget): Promise<AttachedTracepoints> {
  const { object, program, tracepoints, cookies } = target;
  const links: NativeCopy[] = [];
  const refused: PlannedFunction[] = [];
  let failure: Error | undefined;
  await forEach([...tracepoints.entries()], async ([place, tracepoint]) => {
    if (failure !== undefined || target.isCancelled()) return;
    try {
      links.push(await object.attachMark(program, tracepoint.name, cookies[place] ?? 0n));
    } catch (error) {
      const isOfOne = error instanceof NativeError && notOfProgram.has(error.code);
      if (isOfOne) refused.push(tracepoint);
      if (!isOfOne || refused.length === tracepoints.length) failure = error as Error;
    }
    target.onProgress(`attaching to ${tracepoints.length} tracepoints: ${links.length}`);
  });
  if (failure === undefined) return { links, refused };
  const all = joinLinks(links);
  await all.detach();
  all.close();
  throw failure;
}
