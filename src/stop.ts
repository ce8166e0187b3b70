/** When and why a trace ends. The first reason counts. */
import { exitStatus } from './failure.js';
import { ClosedPipe } from './output.js';
import type { Stopped } from './render/summary.js';

export type StopReason =
  | { readonly type: 'command'; readonly status: number }
  | { readonly type: 'signal'; readonly signal: NodeJS.Signals; readonly status: number }
  | { readonly type: 'rate'; readonly stopped: Stopped }
  | { readonly type: 'duration' | 'limit' | 'closed pipe' | 'broken output' };

/** As a shell gives it for a process that SIGPIPE ended. */
const closedPipeStatus = 141;

/** setTimeout() takes no more: 24 days. */
const longestTimerMs = 2 ** 31 - 1;

const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Listens to signals until it is disposed. The first asks for an end; the second, of whatever kind,
 * ends the process at once, and the kernel then detaches what is attached.
 */
export class Stop implements Disposable {
  reason: StopReason | null = null;
  /** Nothing can be written any more. */
  isBroken = false;
  #outputError: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #resolve: () => void;
  /** Resolves with the first reason. */
  readonly asked: Promise<void>;
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#forget();
    for (const name of Object.keys(signals)) process.once(name, endAtOnce);
    this.ask({ type: 'signal', signal, status: signals[signal as keyof typeof signals] });
  };

  constructor() {
    const { promise, resolve } = withResolvers();
    this.asked = promise;
    this.#resolve = resolve;
    for (const name of Object.keys(signals)) process.on(name, this.#onSignal);
  }

  ask(reason: StopReason): void {
    this.reason ??= reason;
    this.#resolve();
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
    if (error instanceof ClosedPipe) {
      this.ask({ type: 'closed pipe' });
    } else {
      this.#outputError = error;
      this.ask({ type: 'broken output' });
    }
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
        return closedPipeStatus;
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
    for (const name of Object.keys(signals)) process.off(name, this.#onSignal);
  }
}

function endAtOnce(signal: NodeJS.Signals): void {
  process.off(signal, endAtOnce);
  process.kill(process.pid, signal);
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
