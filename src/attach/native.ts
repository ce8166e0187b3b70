/** The native addon: its loader, its types, and the class of all its errors. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { exitStatus, Failure } from '../failure.js';
import type { SymbolVerbs } from '../symbols/symbols.js';
import type { DisassembleCode } from '../symbols/load-callees.js';

/** Where the BPF objects are, and in a folder for each architecture the addon and the helpers, from src/ as from dist/. */
const artifact = (name: string) => fileURLToPath(new URL(`../../build/${name}`, import.meta.url));
const ownArtifact = (name: string) => artifact(`${process.arch}/${name}`);

/** One for each way to attach: bpf/method.h. */
export const objectPaths = {
  multi: artifact('fsnoop.bpf.o'),
  below: artifact('fsnoop-below.bpf.o'),
  each: artifact('fsnoop-each.bpf.o'),
  kprobe: artifact('fsnoop-kprobe.bpf.o'),
  kprobeVoid: artifact('fsnoop-kprobe-void.bpf.o'),
  eachPair: artifact('fsnoop-each-pair.bpf.o'),
  kprobePair: artifact('fsnoop-kprobe-pair.bpf.o'),
  /** It counts, and does nothing else. */
  plain: artifact('fsnoop-plain-stat.bpf.o'),
};
/** That which counts, for the same way to attach. */
export const countingPath = (path: string) => path.replace(/\.bpf\.o$/, '-stat.bpf.o');
export const launcherPath = ownArtifact('launch');
export const watchdogPath = ownArtifact('watchdog');

/** What libbpf or bpf(2) answered when it failed. */
export class NativeError extends Error {
  /** The errno as a number. */
  readonly errno: number;
  /** Its name, as `EINVAL`. */
  readonly code: string;
  readonly syscall: string;
  /** What libbpf and the verifier said; '' when they said nothing. */
  readonly log: string;

  constructor(errno: number, code: string, syscall: string, log: string) {
    super(`${syscall}: ${code}${log === '' ? '' : `\n${log}`}`);
    this.name = 'NativeError';
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
    this.log = log;
  }
}

/** When the kernel was at work on something, in ms of CLOCK_MONOTONIC. */
export interface Span {
  readonly beginMs: number;
  readonly endMs: number;
}

export interface NativeLink {
  /** Detaches off the main thread: with thousands of functions it takes seconds. When that was. */
  detach(): Promise<Span>;
  close(): void;
}

/** Of a program that may be a copy, for this link alone. */
export interface NativeCopy extends NativeLink {
  /** When it was attached. */
  readonly attached: Span;
  /** How many runs of it the kernel skipped, until it is closed. */
  skipped(): number;
  /** How many calls did not get to the program, besides those that it skipped, until it is detached. */
  missed(): number;
}

export interface NativeRing {
  /** Copies whole records; the number of bytes, 0 when there is none. */
  read(into: Uint8Array): number;
  /** Since it was opened: what was written in all, and what of it was read. */
  progress(): { writtenBytes: number; readBytes: number; readRecords: number };
  close(): void;
}

export interface ProgramOptions {
  readonly type: number;
  readonly attachType: number;
  /** The function that it is loaded for, where that has to be said. */
  readonly target?: string;
}

export interface LoadOptions {
  /** Of programs whose section this libbpf does not know. */
  readonly programs: Readonly<Record<string, ProgramOptions>>;
  /** Programs to leave out. */
  readonly skipped: readonly string[];
  /** Bytes of global sections, by map name. */
  readonly globals: Readonly<Record<string, Uint8Array>>;
  /** Value sizes of maps, in bytes. */
  readonly valueBytes: Readonly<Record<string, number>>;
  /** Pairs of a mask that instructions have, and the one that they are to have. */
  readonly masks: readonly (readonly [number, number])[];
}

export interface NativeObject {
  load(options: LoadOptions): Promise<void>;
  /** All of it, or `bytes` from an offset on, as they are now. */
  readGlobal(map: string, offset?: number, bytes?: number): Buffer;
  writeGlobal(map: string, offset: number, bytes: Uint8Array): void;
  /** What the kernel calls a loaded program. */
  programId(program: string): number;
  /** Attaches a program to what its section names. */
  attach(program: string): Promise<NativeLink>;
  /**
   * Attaches one program to the functions of these BTF ids, all or none.
   * @param module that they are in, for which the program is loaded again; null for vmlinux
   */
  attachMulti(
    program: string,
    ids: Uint32Array,
    cookies: BigUint64Array,
    module: string | null,
  ): Promise<NativeCopy>;
  /** Attaches one program to the functions of these names by fprobe, all or none; flags: of bpf(2). */
  attachKprobes(
    program: string,
    names: readonly string[],
    cookies: BigUint64Array,
    flags: number,
  ): Promise<NativeCopy>;
  /**
   * Loads a program again, for the function of this BTF id alone, and attaches that copy.
   * @param module that it is in; null for vmlinux
   */
  attachCopy(
    program: string,
    id: number,
    cookie: bigint,
    module: string | null,
  ): Promise<NativeCopy>;
  /**
   * Loads a program again, with this cookie in the place of COOKIE_BLANK, and attaches that copy to a
   * tracepoint.
   */
  attachMark(program: string, name: string, cookie: bigint): Promise<NativeCopy>;
  /** Runs an iterator program; all that it writes. */
  iterate(program: string): Promise<Buffer>;
  /**
   * Writers begin no record when fewer than `slackBytes` are free. Records that are read are counted
   * in `counts`, by the place of their function.
   */
  openRing(map: string, ringBytes: number, slackBytes: number, counts: Float64Array): NativeRing;
  close(): void;
}

export interface Native extends SymbolVerbs {
  readonly Object: new (path: string) => NativeObject;
  /** Off the main thread. */
  readonly disassemble: DisassembleCode;
  /** False when the other end of this pipe is closed. */
  hasReader(fd: number): boolean;
  setErrorClass(errorClass: typeof NativeError): void;
}

let loaded: Native | undefined;

/**
 * Loads the addon once.
 * @throws {Failure} when it isn't built, or a library that it needs isn't there.
 */
export function loadNative(): Native {
  if (loaded) return loaded;
  const path = ownArtifact('fsnoop.node');
  try {
    loaded = createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new Failure(
      exitStatus.failed,
      `The native addon ${path} could not be loaded: ${(error as Error).message}`,
      'From a clone, build it with: npm run setup',
      'It needs libbpf and capstone: apt-get install libbpf1 libcapstone4',
    );
  }
  loaded.setErrorClass(NativeError);
  return loaded;
}
