/** What the safety tests do in a guest, as shell scripts. */
import type { GuestSessionOptions } from './guest.js';
import { buildProgram, type BuiltProgram } from './calls.js';

/**
 * Without KVM, and on a host that is busy with other guests, fsnoop can take half a minute for what takes a
 * tenth of a second on a machine: it hangs only when it takes far longer.
 */
export const patient = '--watchdog 10m';

/** Tens of thousands of functions: almost every call of every task runs the program. */
export const everything = `-k vfs_read -g --fgraph-include '*' --args off --output /dev/null`;

/** What of fsnoop and its command `calls` is left after some seconds. */
export const leftovers = `
for try in $(seq 100); do
  [ -z "$(bpftool link; bpftool prog)" ] && break
  sleep 0.2
done
bpftool link; bpftool prog; pidof calls`;

/** Fails when a link or a program is left in the kernel after a time in which thousands are detached. */
export const nothingAttached = `
for try in $(seq 300); do
  [ -z "$(bpftool link; bpftool prog)" ] && exit 0
  sleep 0.5
done
bpftool link; bpftool prog; exit 1`;

/** fsnoop in the background until all is attached, its process id in $tracer; then what is done. */
export const attached = (flags: string, then: string) => `
rm -f /tmp/ready
fsnoop ${flags} --ready-file /tmp/ready &
tracer=$!
while ! [ -s /tmp/ready ]; do sleep 0.2; [ -d /proc/$tracer ] || exit 99; done
${then}`;

/**
 * A line `stress: 0` and one `fsnoop: 130`, with the statuses, and on stderr what they said. The
 * stress checks its own results.
 */
export const underStress = (flags: string, seconds: number) =>
  attached(
    `${flags} ${patient}`,
    `
stress ${seconds}; echo stress: $?
kill -INT $tracer; wait $tracer; echo fsnoop: $?`,
  );

/** Memory in KiB, of a system that has had so long to settle: `{ available, slab }` as JSON. */
export const readMemory = (seconds: number) => `
rm -f /tmp/trace*; sync; echo 3 >/proc/sys/vm/drop_caches; sleep ${seconds}
awk '/^MemAvailable:/ { a = $2 } /^Slab:/ { s = $2 }
  END { printf "{\\"available\\":%d,\\"slab\\":%d}\\n", a, s }' /proc/meminfo`;

export interface Memory {
  readonly available: number;
  readonly slab: number;
}

export const parseMemory = (text: string): Memory => JSON.parse(text) as Memory;

/**
 * Hundreds of the kernel's workers free the trampolines, and are idle for five minutes before they end, with
 * some 40 KiB each. A page for each trampoline would be 160 MiB.
 */
export const workersEndSeconds = 330;
export const keptKiB = { byWorkers: 112 * 1024, settled: 24 * 1024 } as const;

interface Stress extends AsyncDisposable {
  /** A guest that has the stress, and room for tens of thousands of trampolines. */
  readonly machine: Pick<GuestSessionOptions<string>, 'files' | 'memoryBytes'>;
}

export async function buildStress(): Promise<Stress> {
  const stress: BuiltProgram = await buildProgram('stress');
  return {
    machine: {
      files: [{ path: stress.path }, { path: '/usr/sbin/bpftool' }],
      memoryBytes: 4 * 2 ** 30,
    },
    [Symbol.asyncDispose]: () => stress[Symbol.asyncDispose](),
  };
}
