/** The long form of safety.guest.test.ts: hours of everything, in pieces of one boot each. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { guestSession, type GuestSession } from './guest.js';
import {
  attached,
  buildStress,
  everything,
  keptKiB,
  nothingAttached,
  parseMemory,
  patient,
  readMemory,
  underStress,
  workersEndSeconds,
} from './safety.js';

const rounds = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

let stress: Awaited<ReturnType<typeof buildStress>>;

beforeAll(async () => {
  stress = await buildStress();
});

afterAll(() => stress[Symbol.asyncDispose]());

/** All steps in one boot, each followed by a look at what is left. */
function boot(kernel: string, steps: Readonly<Record<string, string>>) {
  const each = Object.entries(steps).flatMap(
    ([name, script]) =>
      [
        [name, script],
        [`after ${name}`, nothingAttached],
      ] as const,
  );
  return guestSession<string>({
    ...stress.machine,
    kernel,
    timeoutMs: 4 * 3600e3,
    stepTimeoutMs: 600e3,
    steps: {
      'the first time': underStress(everything, 1),
      settled: nothingAttached,
      'memory before': readMemory(workersEndSeconds),
      ...Object.fromEntries(each),
      'memory after': readMemory(workersEndSeconds),
    },
  });
}

function expectClean({ steps, splats }: GuestSession<string>): void {
  expect(splats).toEqual([]);
  const left = Object.entries(steps).filter(
    ([name, { status }]) => name.startsWith('after ') && status !== 0,
  );
  expect(left).toEqual([]);
  const before = parseMemory(steps['memory before']?.stdout ?? '');
  const after = parseMemory(steps['memory after']?.stdout ?? '');
  console.log('memory in KiB, before and after:', before, after);
  expect(before.available - after.available).toBeLessThan(keptKiB.settled);
  expect(after.slab - before.slab).toBeLessThan(keptKiB.settled);
}

const stressed = /^OK: \d+ rounds\nstress: 0\nfsnoop: 130\n$/;

/** A function belongs to a half by its last letter. */
function randomHalf(): string {
  const letters = Array.from('abcdefghijklmnopqrstuvwxyz0123456789_').filter(
    () => Math.random() < 0.5,
  );
  return `*[${letters.join('')}]`;
}

/** Kills fsnoop so long after it began: while it starts, attaches, traces or detaches. */
const killedAfter = (seconds: number) => `
fsnoop ${everything} ${patient} --duration 10 &
tracer=$!
stress ${seconds + 20} & sleep ${seconds}
kill -KILL $tracer; wait $tracer; echo fsnoop: $?
wait; echo over`;

/** A run with everything takes so long in a guest without KVM, from its start to its end. */
const runSeconds = 110;

describe.each(['7.2', '7.3'])('on %s', (kernel) => {
  test('everything, five times', { timeout: 4 * 3600e3 }, async () => {
    const names = rounds(5).map((round) => `round ${round}`);
    const steps = names.map((name) => [name, underStress(everything, 30)] as const);
    const run = await boot(kernel, Object.fromEntries(steps));
    for (const name of names) expect(run.steps[name]?.stdout).toMatch(stressed);
    expectClean(run);
  });

  test('every tracepoint, alone and in trees', { timeout: 4 * 3600e3 }, async () => {
    const every = "-t '*' --args off --max-rate 0 --output /dev/null";
    const inTrees = `${every} -k '*_read,*_write,schedule' -g --fgraph-include 'vfs_*' --cpu-time`;
    const steps = { alone: underStress(every, 30), 'in trees': underStress(inTrees, 30) };
    const run = await boot(kernel, steps);
    for (const name of Object.keys(steps)) expect(run.steps[name]?.stdout).toMatch(stressed);
    expectClean(run);
  });

  test('random halves, twenty times', { timeout: 4 * 3600e3 }, async () => {
    const halves = rounds(20).map(randomHalf);
    const flags = (half: string) =>
      `-k vfs_read -g --fgraph-include '${half}' --args off --output /dev/null`;
    const steps = halves.map((half) => [half, underStress(flags(half), 5)] as const);
    const run = await boot(kernel, Object.fromEntries(steps));
    for (const half of halves)
      expect([half, run.steps[half]?.stdout]).toEqual([half, expect.stringMatching(stressed)]);
    expectClean(run);
  });

  test('SIGKILL at a random moment, twenty times', { timeout: 4 * 3600e3 }, async () => {
    const moments = rounds(20).map(() => Math.random() * runSeconds);
    const names = moments.map((moment) => `after ${moment.toFixed(1)} s`);
    const steps = names.map(
      (name, at) => [`killed ${name}`, killedAfter(moments[at] ?? 0)] as const,
    );
    const run = await boot(kernel, Object.fromEntries(steps));
    for (const name of names) {
      const { stdout = '' } = run.steps[`killed ${name}`] ?? {};
      expect([name, stdout]).toEqual([name, expect.stringMatching(/^OK: \d+ rounds$/m)]);
    }
    expectClean(run);
  });

  test('SIGSTOP with everything attached', { timeout: 3600e3 }, async () => {
    const steps = {
      stopped: attached(
        `${everything} --watchdog 30s`,
        `kill -STOP $tracer; stress 20; wait $tracer; echo fsnoop: $?`,
      ),
    };
    const run = await boot(kernel, steps);
    expect(run.steps['stopped']?.stdout).toMatch(/^OK: \d+ rounds\nfsnoop: 137\n$/);
    expectClean(run);
  });
});
