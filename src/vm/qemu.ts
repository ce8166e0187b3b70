/** QEMU: how it is called, and the streams between it and us. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { PassThrough, type Duplex, type Readable } from 'node:stream';
import { exitStatus, Failure } from '../failure.js';
import { findOwnArchitecture, traitsOf, type Architecture } from './architecture.js';
import { ports } from './init.js';
import { findProgram, needProgram, runProgram } from './programs.js';

export interface Machine {
  readonly architecture: Architecture;
  /** Path of the kernel image. */
  readonly kernel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Virtual time is the number of instructions executed: measurements repeat. One CPU, no KVM. */
  readonly icount: boolean;
}

export type Accelerator = 'kvm' | 'tcg';

/** A running QEMU; disposing it ends it. */
export interface Qemu extends Disposable {
  /** What the guest sends. */
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly control: Readable;
  /** The kernel's console. */
  readonly console: Readable;
  /** Writes to the control port. */
  answer(text: string): void;
  /** What QEMU itself has to say. */
  readonly messages: () => string;
  /** Settles when the process has ended. */
  readonly ended: Promise<void>;
  kill(): void;
}

/**
 * Starts QEMU. The kernel ends it when this process dies, even by SIGKILL.
 * @throws {Failure} when QEMU is not installed
 */
export function startQemu(machine: Machine, accelerator: Accelerator, initramfs: FileHandle): Qemu {
  const path = needProgram(traitsOf[machine.architecture].qemu);
  const args = renderArgs(machine, accelerator);
  const setpriv = findProgram('setpriv');
  const [program, before] =
    setpriv === undefined ? [path, []] : [setpriv, ['--pdeathsig', 'KILL', path]];
  const child = spawn(program, [...before, ...args], {
    // a process group of its own: Ctrl-C is for us
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...streams.map(() => 'pipe' as const), initramfs.fd],
  });
  return manage(child);
}

/** Streams in the order of their file descriptors in the child, from 3 on. Two ways for each: see init.ts. */
const streams = ['console', 'stdout', 'stderr', 'control', 'stdout', 'stderr', 'control'] as const;
const firstFd = 3;
const virtioAt = 4;
const initramfsFd = firstFd + streams.length;

/** QEMU's arguments. */
export function renderArgs(machine: Machine, accelerator: Accelerator): readonly string[] {
  const traits = traitsOf[machine.architecture];
  const chardevs = streams.flatMap((_, at) => ['-chardev', `socket,id=c${at},fd=${firstFd + at}`]);
  const devices = streams.flatMap((name, at) => {
    if (at >= virtioAt && name !== 'console')
      return ['-device', `virtserialport,chardev=c${at},nr=${ports[name]}`];
    return at < traits.serialLines ? ['-serial', `chardev:c${at}`] : [];
  });
  return [
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-machine', traits.machine],
    ...renderProcessor(machine, accelerator),
    ...['-m', `${Math.ceil(machine.memoryBytes / 1024 ** 2)}M`],
    ...['-kernel', machine.kernel, '-initrd', `/proc/self/fd/${initramfsFd}`],
    ...['-append', `console=${traits.console} ${kernelCommandLine}`],
    ...chardevs,
    ...['-device', 'virtio-serial-pci', ...devices],
  ];
}

/**
 * loglevel=5 shows warnings, which a splat of WARN() is. Without cryptomgr.notests a kernel thread eats half a
 * CPU for seconds. A panic restarts at once, which -no-reboot turns into the end.
 */
const kernelCommandLine = 'loglevel=5 panic=-1 mitigations=off cryptomgr.notests rdinit=/init';

function renderProcessor(machine: Machine, accelerator: Accelerator): readonly string[] {
  const { cpu, countedCpu } = traitsOf[machine.architecture];
  if (machine.icount)
    return ['-accel', 'tcg', '-icount', 'shift=0', '-smp', '1', '-cpu', countedCpu];
  const smp = ['-smp', `${machine.cpus}`];
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host', ...smp]
    : // thread=multi makes int3 oopses in trampolines while their text is being patched
      ['-accel', 'tcg,thread=single', '-cpu', cpu, ...smp];
}

/**
 * The accelerators to try, in order: KVM where it can be set up, which does not prove that it can run a kernel.
 * FSNOOP_ACCEL=kvm or tcg decides instead.
 */
export async function chooseAccelerators(
  machine: Machine,
  signal?: AbortSignal,
): Promise<readonly [Accelerator, ...Accelerator[]]> {
  const forced = process.env['FSNOOP_ACCEL'];
  if (forced === 'kvm' || forced === 'tcg') return [forced];
  if (forced !== undefined && forced !== '')
    throw new Failure(exitStatus.usage, `FSNOOP_ACCEL is '${forced}', not 'kvm' or 'tcg'.`);
  if (machine.icount || machine.architecture !== process.arch) return ['tcg'];
  kvmStarts ??= probeKvm(signal);
  return (await kvmStarts) ? ['kvm', 'tcg'] : ['tcg'];
}

let kvmStarts: Promise<boolean> | undefined;

/** For the rest of this process. */
export function giveUpKvm(): void {
  kvmStarts = Promise.resolve(false);
}

/** Has QEMU set up a guest that it never starts. */
async function probeKvm(signal?: AbortSignal): Promise<boolean> {
  const { qemu, machine } = traitsOf[findOwnArchitecture()];
  const args = `-nodefaults -display none -machine ${machine} -accel kvm -cpu host -S -monitor stdio`;
  try {
    await runProgram(needProgram(qemu), args.split(' '), {
      signal,
      input: 'quit\n',
    });
    return true;
  } catch {
    return false;
  }
}

function manage(child: ChildProcess): Qemu {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  const messages: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => messages.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    messages.push(chunk);
    // The guest stands still from here on.
    if (chunk.includes('KVM internal error')) kill();
  });
  const sockets = streams.map((name, at) => {
    const socket = (child.stdio as readonly unknown[])[firstFd + at] as Duplex;
    // the guest may be gone while we answer; its end is told by `ended`
    socket.on('error', () => undefined);
    return { name, socket };
  });
  const named = (wanted: (typeof streams)[number]): readonly Duplex[] =>
    sockets.filter(({ name }) => name === wanted).map(({ socket }) => socket);
  return {
    stdout: merge(named('stdout')),
    stderr: merge(named('stderr')),
    control: merge(named('control')),
    console: merge(named('console')),
    answer: (text) => {
      for (const socket of named('control')) socket.write(text);
    },
    messages: () => Buffer.concat(messages).toString().trim(),
    ended: new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => {
        resolve();
      });
    }),
    kill,
    [Symbol.dispose]: () => {
      kill();
      for (const { socket } of sockets) socket.destroy();
    },
  };
}

/** One stream of what comes on several, of which one is used. */
function merge(sources: readonly Readable[]): Readable {
  const merged = new PassThrough();
  let open = sources.length;
  for (const source of sources) {
    source.pipe(merged, { end: false });
    source.once('close', () => {
      open -= 1;
      if (open === 0) merged.end();
    });
  }
  return merged;
}
