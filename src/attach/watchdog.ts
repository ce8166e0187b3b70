/** A process that kills this one when it hangs or is stopped: the kernel then detaches for it. */
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { exitStatus, Failure } from '../failure.js';
import { parseDurationNs } from '../words/quantities.js';
import { watchdogPath } from './native.js';

export interface Watchdog extends Disposable {
  readonly pid: number;
}

const shortestMs = 1000;
/** A sign of life each second, or more in a short time. */
const signsOfTime = 20;
const signMs = 1000;

/**
 * Watches from now on, until it is disposed or this process ends, however it does. It waits by
 * CLOCK_MONOTONIC, which a suspended machine does not count. It has a session of its own, so that
 * Ctrl-C is not for it, and neither our input nor our output.
 * @param timeoutMs for so long this process may give no sign of life
 * @throws {Failure} when it can't be started
 */
export function startWatchdog(timeoutMs: number): Watchdog {
  const child = spawn(watchdogPath, [`${process.pid}`, `${timeoutMs}`], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    detached: true,
  });
  child.on('error', () => undefined);
  if (child.pid === undefined) {
    throw new Failure(exitStatus.failed, `The watchdog ${watchdogPath} could not be started.`);
  }
  child.unref();
  const signs = child.stdio[3] as Duplex;
  signs.on('error', () => undefined);
  const timer = setInterval(() => signs.write('.'), Math.min(signMs, timeoutMs / signsOfTime));
  timer.unref();
  return {
    pid: child.pid,
    [Symbol.dispose]() {
      clearInterval(timer);
      signs.destroy();
    },
  };
}

/**
 * Milliseconds from `30s`, or 0 for `0`: never.
 * @throws {Failure} when it is neither, or too short to tell a busy machine from one that hangs
 */
export function parseWatchdogMs(text: string): number {
  if (text === '0') return 0;
  const ms = Math.round(parseDurationNs('--watchdog', text, 's') / 1e6);
  if (ms >= shortestMs) return ms;
  throw new Failure(
    exitStatus.usage,
    `--watchdog '${text}' is too short: on a busy machine fsnoop would seem to hang.`,
    'Give a second at least, or 0 to do without',
  );
}
