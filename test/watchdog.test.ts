/** The watchdog beside processes that hang, live, and end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { watchdogPath } from '../src/attach/native.js';
import { parseWatchdogMs, startWatchdog } from '../src/attach/watchdog.js';

interface Watched extends Disposable {
  readonly process: ChildProcess;
  readonly watchdog: ChildProcess;
  readonly signs: Writable;
  /** What the watchdog says, once it has ended. */
  readonly said: Promise<string>;
}

/** A process that sleeps, with a watchdog that waits so long for signs. */
function watch(ms: number): Watched {
  const process = spawn('sleep', ['100']);
  const watchdog = spawn(watchdogPath, [`${process.pid ?? 0}`, `${ms}`], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const signs = watchdog.stdio[3] as Writable;
  signs.on('error', () => undefined);
  return {
    ...{ process, watchdog, signs, said: text(watchdog.stderr ?? Readable.from([])) },
    [Symbol.dispose]: () => process.kill(),
  };
}

test('a process that gives no sign is killed, and it is said', async () => {
  using watched = watch(400);
  const [, signal] = (await once(watched.process, 'exit')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  expect(await watched.said).toMatch(
    /^fsnoop \(\d+\) gave no sign of life for 0\.4 s: .*Ctrl-Z.*--watchdog sets the time.*\n$/,
  );
});

test('one that gives signs lives on; when they end for good, so does the watchdog', async () => {
  using watched = watch(2000);
  for (let sign = 0; sign < 30; sign++) {
    watched.signs.write('.');
    await delay(100);
  }
  expect(watched.process.exitCode ?? watched.process.signalCode).toBeNull();
  watched.signs.destroy();
  expect(await once(watched.watchdog, 'exit')).toEqual([0, null]);
  expect(await watched.said).toBe('');
});

test('it has a session of its own, and goes when it is let go', async () => {
  const watchdog = startWatchdog(1000);
  const { stdout } = spawn('ps', ['-o', 'sid=', '-p', `${watchdog.pid}`]);
  expect(Number(await text(stdout))).toBe(watchdog.pid);
  await delay(1500); // it is heard
  watchdog[Symbol.dispose]();
  while (isAlive(watchdog.pid)) await delay(20);
});

test.each([
  ['30s', 30_000],
  ['5m', 300_000],
  ['1', 1000],
  ['0', 0],
])('--watchdog %s is %i ms', (written, ms) => {
  expect(parseWatchdogMs(written)).toBe(ms);
});

test.each([
  ['999ms', /too short/],
  ['no', /is not a time/],
])('--watchdog %s is not taken', (written, why) => {
  expect(() => parseWatchdogMs(written)).toThrow(why);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
