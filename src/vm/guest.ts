/** Runs a command in a throw-away guest with a real kernel: fetch, build, boot, stream, report. */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { findOwnArchitecture, type Architecture } from './architecture.js';
import { makeEndMark } from './end-mark.js';
import type { GuestFile } from './guest-files.js';
import { buildImage } from './image.js';
import { findLastWords, findSplats, parseConsole } from './kernel-log.js';
import { countedVariable } from '../machine.js';
import { loadKernel, loadKernelWithModules } from './kernels.js';
import { loadModules, type KernelModule } from './modules.js';
import type { FetchOptions } from './packages.js';
import { chooseAccelerators, giveUpKvm, startQemu, type Accelerator, type Qemu } from './qemu.js';
import { loadSystem } from './system.js';

/** Takes bytes of output; the guest waits while it does. An error ends the guest. */
export type Sink = (bytes: Buffer) => Promise<void>;

export interface GuestOptions {
  /** This machine's own without it. */
  readonly architecture?: Architecture | undefined;
  /** A Debian series such as `7.2`, or the path of a kernel image. */
  readonly kernel: string;
  /** Program and arguments, passed on exactly; runs in /root with stdin from /dev/null. */
  readonly command: readonly string[];
  /** Brought into the guest beside busybox, cat, node and fsnoop. */
  readonly files?: readonly GuestFile[];
  /** Loaded before the command, with what they depend on; only for a Debian series. */
  readonly modules?: readonly string[];
  /** Added to PATH, HOME and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  /** Virtual time is the number of instructions executed; one CPU. */
  readonly icount?: boolean;
  /** CPUs; 2 without it. */
  readonly smp?: number;
  /** 2 GiB without it. */
  readonly memoryBytes?: number;
  /** From the start of QEMU to its end; 300 s without it. */
  readonly timeoutMs?: number;
  /** Get the command's output byte for byte, as it comes. */
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Told what is going on, in a line without its end; `fetch` takes time and network. */
  readonly report?: (progress: string, kind: 'fetch' | 'step') => void;
  /** Ends the guest. */
  readonly signal?: AbortSignal | undefined;
}

export interface GuestRun {
  readonly outcome: 'exited' | 'timed out' | 'crashed' | 'interrupted';
  /** The command's own; 124 timed out, 125 crashed or never came up, 130 interrupted. */
  readonly status: number;
  /** The kernel's console: warnings and worse. */
  readonly kernelLog: readonly string[];
  /** The lines of it that say something is badly wrong: empty when all is well. */
  readonly splats: readonly string[];
  /** Why it crashed: the panic, or what QEMU said. Empty unless `crashed`. */
  readonly lastWords: readonly string[];
}

/**
 * Runs a command in a guest to its end. Nothing of it stays behind.
 * @throws {Failure} when the guest can't be started: no such kernel, module or file, no QEMU
 * @throws what a sink throws
 */
export async function runInGuest(options: GuestOptions): Promise<GuestRun> {
  const { signal, architecture = findOwnArchitecture() } = options;
  const fetching = {
    architecture,
    report: (progress: string) => options.report?.(progress, 'fetch'),
    signal,
  };
  try {
    const [kernel, modules] = await loadKernelAndModules(options, fetching);
    const system = await loadSystem(fetching);
    options.report?.('building the guest', 'step');
    const endMark = `fsnoop-end-${randomUUID()}`;
    await using image = await buildImage({
      architecture,
      system,
      command: options.command,
      env: { ...(options.icount === true && { [countedVariable]: '1' }), ...options.env },
      files: options.files ?? [],
      modules,
      endMark,
    });
    options.report?.(`booting ${kernel}`, 'step');
    const machine = {
      architecture,
      kernel,
      cpus: options.smp ?? 2,
      memoryBytes: options.memoryBytes ?? 2 * 1024 ** 3,
      icount: options.icount ?? false,
    };
    const boot = async (accelerator: Accelerator, patienceMs?: number) => {
      using qemu = startQemu(machine, accelerator, image);
      return await follow(qemu, options, endMark, patienceMs);
    };
    const [accelerator, fallback] = await chooseAccelerators(machine, signal);
    if (fallback === undefined) return (await boot(accelerator)).run;
    const { run, cameUp } = await boot(accelerator, kvmPatienceMs);
    if (cameUp || run.outcome !== 'crashed') return run;
    giveUpKvm();
    options.report?.(`KVM can't run this guest here; booting it without`, 'step');
    return (await boot(fallback)).run;
  } catch (error) {
    if (signal?.aborted === true) return interrupted;
    throw error;
  }
}

/** Path of the kernel's image, and the modules to load. */
async function loadKernelAndModules(
  { kernel, modules = [] }: GuestOptions,
  fetching: FetchOptions,
): Promise<[string, readonly KernelModule[]]> {
  if (modules.length === 0) return [await loadKernel(kernel, fetching), []];
  const { image, modules: folder } = await loadKernelWithModules(kernel, fetching);
  return [image, await loadModules(folder, modules)];
}

/** Nested KVMs that can't run a kernel stand still or stop; one that can has it up in a second or two. */
const kvmPatienceMs = 20_000;

const statuses = { 'timed out': 124, crashed: 125, interrupted: 130 } as const;

const interrupted: GuestRun = {
  outcome: 'interrupted',
  status: statuses.interrupted,
  kernelLog: [],
  splats: [],
  lastWords: [],
};

/** Carries the streams until QEMU ends, and judges how it ended. Not up in `patienceMs` is a crash. */
async function follow(
  qemu: Qemu,
  options: GuestOptions,
  endMark: string,
  patienceMs?: number,
): Promise<{ run: GuestRun; cameUp: boolean }> {
  let cut: 'timed out' | 'interrupted' | undefined;
  let cameUp = false;
  const stop = (reason: typeof cut): void => {
    cut ??= reason;
    qemu.kill();
  };
  const interrupt = (): void => {
    stop('interrupted');
  };
  const timer = setTimeout(stop, options.timeoutMs ?? 300_000, 'timed out');
  const patience =
    patienceMs === undefined
      ? undefined
      : setTimeout(() => {
          qemu.kill();
        }, patienceMs);
  const onUp = (): void => {
    cameUp = true;
    clearTimeout(patience);
    options.report?.(`running ${options.command[0] ?? ''}`, 'step');
  };
  options.signal?.addEventListener('abort', interrupt);
  if (options.signal?.aborted === true) interrupt();
  try {
    const mark = Buffer.from(endMark);
    const log = collect(qemu.console);
    const streams = [
      carry(qemu.stdout, options.stdout, mark),
      carry(qemu.stderr, options.stderr, mark),
    ];
    const [status] = await Promise.all([answer(qemu, streams, onUp), ...streams, qemu.ended]);
    return { run: judge(cut, status, parseConsole(await log), qemu.messages()), cameUp };
  } finally {
    clearTimeout(timer);
    clearTimeout(patience);
    options.signal?.removeEventListener('abort', interrupt);
  }
}

function judge(
  cut: 'timed out' | 'interrupted' | undefined,
  status: number | undefined,
  kernelLog: readonly string[],
  messages: string,
): GuestRun {
  const splats = findSplats(kernelLog);
  if (status !== undefined) return { outcome: 'exited', status, kernelLog, splats, lastWords: [] };
  const outcome = cut ?? 'crashed';
  const words = outcome === 'crashed' ? [...findLastWords(kernelLog), ...messages.split('\n')] : [];
  return {
    outcome,
    status: statuses[outcome],
    kernelLog,
    splats,
    lastWords: words.filter((line) => line !== ''),
  };
}

/** Hears the guest say `up` and `exit N`; lets it power off when all output has arrived. */
async function answer(
  qemu: Qemu,
  streams: readonly Promise<void>[],
  onUp: () => void,
): Promise<number | undefined> {
  let text = '';
  let up = false;
  let status: number | undefined;
  for await (const chunk of qemu.control) {
    text += (chunk as Buffer).toString();
    if (!up && text.startsWith('up\n')) {
      up = true;
      onUp();
    }
    const [, said] = /^exit (\d+)\n/m.exec(text) ?? [];
    if (said === undefined || status !== undefined) continue;
    status = Number(said);
    void Promise.all(streams).then(
      () => {
        qemu.answer('bye\n');
      },
      () => undefined,
    );
  }
  return status;
}

/** Copies a stream up to the mark, no faster than `sink` takes it. */
async function carry(source: Readable, sink: Sink, mark: Buffer): Promise<void> {
  const endMark = makeEndMark(mark);
  for await (const chunk of source) {
    await sink(endMark.push(chunk as Buffer));
    if (endMark.ended) break;
  }
  await sink(endMark.flush());
}

async function collect(source: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
