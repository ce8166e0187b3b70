/** How much memory V8 takes before it looks for what is no longer needed. */
import { setFlagsFromString } from 'node:v8';

/** Whether the process is fsnoop's own, or of a program that has its own way with memory. */
export type HeapOwner = 'fsnoop' | 'a program';

/**
 * Keeps it little until that is disposed of. Most of what symbols and plans are made of stays: room for
 * what is soon gone would only be taken besides.
 */
export function keepHeapSmall(owner: HeapOwner): Disposable {
  if (owner === 'a program') return { [Symbol.dispose]: () => undefined };
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=30');
  return {
    [Symbol.dispose]: () => {
      // as V8 has them: what it compiled of fsnoop is of no other flags
      setFlagsFromString('--semi-space-growth-factor=2');
      setFlagsFromString('--heap-growing-percent=0');
    },
  };
}

/**
 * Gives what is soon gone the 16 MB that it ends with: V8 doubles its room when enough has survived, the
 * last time after minutes of a stream.
 */
export function growHeapAtOnce(owner: HeapOwner): void {
  if (owner === 'a program') return;
  setFlagsFromString('--semi-space-growth-factor=16');
}
