/** When and why a trace ends. The first reason counts. */
import { Deferred } from '../deferred.js';
import { ClosedPipe } from '../descriptor.js';
import { exitStatus } from '../failure.js';
import type { Output } from './output.js';
import type { Stopped } from '../render/summary.js';

export type StopReason =
  | { readonly type: 'command'; readonly status: number }
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals; readonly status: number }
  | { readonly type: 'rate'; readonly stopped: Stopped }
  | { readonly type: 'duration' | 'limit' | 'closed pipe' | 'broken output' | 'abort' };

/** What may end it from outside: signals to this process, or a program. */
export type EndBy = 'signals' | ProgramEnd;

export interface ProgramEnd {
  /** Aborted: it is to end. */
  readonly enough: AbortSignal;
  /** Aborted: it is to end, and what is not taken yet is not wanted. */
  readonly left: AbortSignal;
}

/** setTimeout() takes no more: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Listens until it is disposed. The first signal asks for an end; the second, of whatever kind,
 * ends the process at once, and the kernel then detaches what is attached.
 */
export class Stop implements Disposable {
  reason: StopReason | null = null;
  /** Nothing can be written any more. */
  isBroken = false;
  /** Nobody wants what is not taken yet. */
  isLeft = false;
  #outputError: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #endBy: EndBy;
  readonly #asked = new Deferred<void>();
  /** Resolves with the first reason. */
  readonly asked = this.#asked.promise;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#forget();
    for (const name of Object.keys(signals)) process.once(name, endAtOnce);
    this.ask({ type: 'signal', signal, status: signals[signal as keyof typeof signals] });
  };

  readonly #onEnough = (): void => {
    this.ask({ type: 'abort' });
  };
  readonly #onLeft = (): void => {
    this.isLeft = true;
    this.ask({ type: 'abort' });
  };

  constructor(endBy: EndBy = 'signals') {
    this.#endBy = endBy;
    if (endBy === 'signals') {
      for (const name of Object.keys(signals)) process.on(name, this.#onSignal);
    } else {
      listen(endBy.enough, this.#onEnough);
      listen(endBy.left, this.#onLeft);
    }
  }

  ask(reason: StopReason): void {
    this.reason ??= reason;
    this.#asked.resolve();
  }

  /** Asks for an end after this time; never for null. */
  after(durationMs: number | null): void {
    if (durationMs === null) return;
    this.#timer = setTimeout(
      () => {
        if (durationMs > longestTimerMs) this.after(durationMs - longestTimerMs);
        else this.ask({ type: 'duration' });
      },
      Math.min(durationMs, longestTimerMs),
    );
  }

  /** The output failed. */
  break(error: Error): void {
    this.isBroken = true;
    this.isLeft = true;
    if (error instanceof ClosedPipe) {
      this.ask({ type: 'closed pipe' });
    } else {
      this.#outputError = error;
      this.ask({ type: 'broken output' });
    }
  }

  /** The output failed, other than by a reader that left. */
  get isCut(): boolean {
    return this.#outputError !== undefined;
  }

  /** Nothing was wrong: the command ended, or as much was traced as was asked for. */
  get isDone(): boolean {
    return ['command', 'duration', 'limit'].includes(this.reason?.type ?? '');
  }

  /** What a command that still runs is sent. */
  get signal(): NodeJS.Signals {
    return this.reason?.type === 'signal' ? this.reason.signal : 'SIGTERM';
  }

  /**
   * The exit status that the reason stands for.
   * @throws what the output failed with
   */
  status(): number {
    if (this.#outputError !== undefined) throw this.#outputError;
    switch (this.reason?.type) {
      case 'command':
      case 'signal':
        return this.reason.status;
      case 'rate':
        return exitStatus.failed;
      case 'closed pipe':
        return exitStatus.closedPipe;
      default:
        return 0;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#forget();
    for (const name of Object.keys(signals)) process.off(name, endAtOnce);
  }

  #forget(): void {
    if (this.#endBy !== 'signals') {
      this.#endBy.enough.removeEventListener('abort', this.#onEnough);
      this.#endBy.left.removeEventListener('abort', this.#onLeft);
      return;
    }
    for (const name of Object.keys(signals)) process.off(name, this.#onSignal);
  }
}

/** Writes as long as that can be done; when it no longer can, it is time to end. */
export function makeWrite(output: Output, stop: Stop): Output['write'] {
  return async (text) => {
    if (text.length === 0 || stop.isBroken) return;
    await output.write(text).catch((error: unknown) => {
      stop.break(error as Error);
    });
  };
}

function listen(signal: AbortSignal, onAbort: () => void): void {
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort);
}

function endAtOnce(signal: NodeJS.Signals): void {
  process.off(signal, endAtOnce);
  process.kill(process.pid, signal);
}
