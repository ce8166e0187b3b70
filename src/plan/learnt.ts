/** What was learnt of the calls below roots, as a line of JSON: in a file it is used again. */
import { exitStatus, Failure } from '../failure.js';

/** How it becomes known what is below the roots, where neither flags nor the code are to say so. */
export type Lesson =
  | {
      readonly type: 'learn';
      /** Calls of the roots to follow; null: the command once, or ten. */
      readonly calls: number | null;
      /** A file for what is learnt, or null. */
      readonly saveTo: string | null;
    }
  | { readonly type: 'load'; readonly path: string };

export interface Learnt {
  readonly type: 'learnt';
  readonly version: 1;
  /** `uname -r`. */
  readonly kernel: string;
  readonly roots: readonly string[];
  /** So many levels below the roots. */
  readonly maxDepth: number;
  /** Calls of the roots that were followed. */
  readonly calls: number;
  /** Calls and records that were lost meanwhile: functions may be missing. */
  readonly lost: number;
  /** Below the roots, by name. */
  readonly functions: readonly string[];
}

/** A line. */
export const printLearnt = (learnt: Learnt) => `${JSON.stringify(learnt)}\n`;

/**
 * @param path only for the message
 * @throws {Failure} when it is no such file
 */
export function parseLearnt(text: string, path: string): Learnt {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notLearnt(path);
  }
  if (!isLearnt(value)) throw notLearnt(path);
  return value;
}

/**
 * @param now the kernel that runs, and the roots that are asked for
 * @throws {Failure} when it was learnt of another kernel, or below other roots
 */
export function checkLearnt(
  learnt: Learnt,
  now: Pick<Learnt, 'kernel' | 'roots'>,
  path: string,
): void {
  if (learnt.kernel !== now.kernel) {
    throw new Failure(
      exitStatus.usage,
      `${path} was learnt of Linux ${learnt.kernel}; this is ${now.kernel}.`,
      again(path),
    );
  }
  const missing = now.roots.filter((root) => !learnt.roots.includes(root));
  if (missing.length > 0) {
    throw new Failure(
      exitStatus.usage,
      `${path} was learnt below ${learnt.roots.join(', ')}, not below ${missing.join(', ')}.`,
      again(path),
    );
  }
}

const again = (path: string) => `Learn again: --fgraph-learn --fgraph-save ${path}`;

function isLearnt(value: unknown): value is Learnt {
  if (typeof value !== 'object' || value === null) return false;
  const { type, version, kernel, roots, maxDepth, calls, lost, functions } = value as Record<
    keyof Learnt,
    unknown
  >;
  return (
    type === 'learnt' &&
    version === 1 &&
    typeof kernel === 'string' &&
    [maxDepth, calls, lost].every(Number.isInteger) &&
    [roots, functions].every(isNames)
  );
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

function notLearnt(path: string): Failure {
  return new Failure(
    exitStatus.usage,
    `${path} is not what --fgraph-save writes.`,
    'Write it with: --fgraph-learn --fgraph-save FILE',
  );
}
