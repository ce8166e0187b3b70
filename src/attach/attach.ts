/** Turns a plan into an attachment: the one side effect of a trace. Disposing it detaches. */
import { readdirSync, readFileSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import type { Plan, PlannedFunction } from '../plan/plan.js';
import type { Btf } from '../symbols/btf.js';
import { checkFtrace, explainRefusal } from './explain.js';
import {
  chooseTechnique,
  pickPrograms,
  type AttachedFunctions,
  type Technique,
} from './methods.js';
import {
  loadNative,
  NativeError,
  type NativeLink,
  type NativeObject,
  type NativeRing,
} from './native.js';
import { encodePrograms } from './programs.js';
import {
  decodeCounters,
  encodeFrame,
  encodeSettings,
  longestRecordBytes,
  type ProgramName,
  ringHeadBytes,
  ringMarginBytes,
  ringMaxBytes,
  ringMinBytes,
  taskSearched,
  taskTraced,
  tidLimit,
} from './shared.js';

/** What the kernel side counted as lost. */
export interface KernelLosses {
  /** Records that found no room in the ring. */
  readonly ring: number;
  /** Runs of the program that the kernel skipped, to keep it out of itself. */
  readonly recursion: number;
  /** Calls in an open tree whose entry was not seen. */
  readonly entry: number;
}

export interface AttachOptions {
  /** Of the running kernel. */
  readonly btf: Btf;
  /** Of the command that waits to be traced, or null. */
  readonly commandPid: number | null;
  /** Processes that belong to fsnoop besides this one: none of them is traced. */
  readonly helperPids?: readonly number[];
  /** Told what is being done, for a terminal. */
  readonly onProgress: (text: string) => void;
  /** Nobody wants it any more: where functions are attached one by one, the rest of them is left out. */
  readonly isCancelled: () => boolean;
}

export interface Attachment extends AsyncDisposable {
  /** How many functions are attached. */
  readonly attached: number;
  /** Functions that the kernel refused. */
  readonly refused: readonly PlannedFunction[];
  readonly attachMs: number;
  /** How many records were read, by the place of their function in the plan; it changes with each read. */
  readonly counts: Float64Array;
  /** Copies whole records; the number of bytes, 0 when there is none. */
  read(into: Uint8Array): number;
  losses(): KernelLosses;
  /**
   * How many records the kernel side made so far, whether they were read, wait in the ring, or found no
   * room in it: it counts on when nobody reads. Those that wait are taken to be as long as those read.
   */
  made(): number;
  /** Ends tracing at once and detaches; how long it took, in ms. Records stay to be read. */
  detach(): Promise<number>;
  /**
   * After detaching: records of the calls that have not returned, innermost first. From then on
   * nothing of ours runs in the kernel.
   */
  openCalls(): Promise<Buffer>;
}

/**
 * Loads the program and attaches it to all functions of the plan, by the plan's method.
 * Functions that the kernel refuses are found, left out, and told.
 * @throws {Failure} when this kernel or user cannot trace.
 */
export async function attach(plan: Plan, options: AttachOptions): Promise<Attachment> {
  checkFtrace();
  const technique = chooseTechnique(plan);
  const object = new (loadNative().Object)(technique.objectPath(options.btf));
  const owned: { close(): void }[] = [object];
  const closeAll = () => {
    for (const handle of owned.reverse()) handle.close();
    owned.length = 0;
  };
  try {
    const encoded = encodePrograms(plan.functions);
    const slackBytes = ringSlackBytes(plan);
    const ringBytes = chooseRingBytes(plan.bufferBytes, slackBytes);
    options.onProgress('loading the program');
    const chosen = choosePrograms(plan, technique.programs);
    await load(object, technique, chosen, plan, ringBytes);
    const counts = new Float64Array(plan.functions.length);
    const ring = object.openRing('.bss.ring', ringBytes, slackBytes, counts);
    owned.push(ring);
    const hooks: NativeLink[] = [];
    for (const name of hookNames) {
      const hook = await object.attach(name);
      hooks.push(hook);
      owned.push(hook);
    }
    object.writeGlobal('.bss.programs', 0, encoded.programs);
    object.writeGlobal('.bss.ops', 0, encoded.ops);
    const ownPids = [process.pid, ...(options.helperPids ?? [])];
    const tracedPids = [...plan.pids, options.commandPid ?? []].flat();
    checkPids(tracedPids);
    const choose = () => {
      chooseTasks(object, technique.frameBytes, tracedPids, ownPids);
    };
    if (technique.chooseTasks === 'before') choose();

    const begin = performance.now();
    const functions = await technique.attach({
      object,
      programs: chosen,
      halves: technique.halves,
      ids: Uint32Array.from(plan.functions, ({ btfId, idInProgram }) => idInProgram ?? btfId),
      names: plan.functions.map(({ name }) => name),
      modules: plan.functions.map(({ module }) => module),
      cookies: encoded.cookies,
      roots: new Set(plan.functions.flatMap(({ root }, place) => (root ? place : []))),
      ...options,
    });
    owned.push(functions.link);
    const attachMs = elapsedMs(begin);
    if (technique.chooseTasks === 'after') choose();
    return {
      attached: functions.attached,
      refused: plan.functions.filter((_, place) => functions.refused.has(place)),
      attachMs,
      counts,
      ...makeAttachment({ object, functions, ring, hooks, closeAll }),
    };
  } catch (error) {
    closeAll();
    throw error instanceof NativeError ? explainRefusal(error) : error;
  }
}

/** Since `begin`, to the microsecond. */
const elapsedMs = (begin: number) => Math.round((performance.now() - begin) * 1000) / 1000;

/** By the place of the function. */
function choosePrograms(plan: Plan, programs: Technique['programs']): readonly ProgramName[] {
  const { functions } = plan;
  if (programs === 'of each') return functions.map((one) => chooseProgram(plan, [one]));
  const forAll = chooseProgram(plan, functions);
  return functions.map(() => forAll);
}

/** The one that costs least a call: for times alone, with arguments and guards, or for everything. */
function chooseProgram(
  { live, minDurationNs }: Plan,
  functions: readonly PlannedFunction[],
): ProgramName {
  if (live || minDurationNs > 0 || functions.some(hasOps)) return 'on_call_options';
  return functions.some(({ argSlots, program }) => argSlots > 0 || program !== null)
    ? 'on_call'
    : 'on_call_times';
}

const hasOps = ({ program }: PlannedFunction) =>
  program !== null &&
  [program.filter, program.entry, program.returnFilter, program.atReturn].some(
    (ops) => ops.length > 0,
  );

const hasPrograms = (plan: Plan) => plan.functions.some(({ program }) => program !== null);

interface Handles {
  readonly object: NativeObject;
  readonly functions: AttachedFunctions;
  readonly ring: NativeRing;
  /** What keeps the record of tasks. */
  readonly hooks: readonly NativeLink[];
  readonly closeAll: () => void;
}

function makeAttachment(
  handles: Handles,
): Omit<Attachment, 'attached' | 'refused' | 'attachMs' | 'counts'> {
  const { object, functions, ring, hooks, closeAll } = handles;
  const readCounters = () => decodeCounters(object.readGlobal('.bss.counters'));
  let detached: Promise<number> | undefined;
  const detach = async () => {
    const begin = performance.now();
    // The kernel takes the halves of a call away one after the other: end all tracing before.
    object.writeGlobal('.bss.tasks', 0, Buffer.alloc(2 * readMaxTid()));
    await functions.link.detach();
    return elapsedMs(begin);
  };
  return {
    read: (into) => ring.read(into),
    losses() {
      const { lostRing, lostEntry, lostRecursion } = readCounters();
      return { ring: lostRing, recursion: functions.skipped() + lostRecursion, entry: lostEntry };
    },
    made() {
      const { writtenBytes, readBytes, readRecords } = ring.progress();
      const read = readRecords && (readRecords * writtenBytes) / readBytes;
      return read + readCounters().lostRing;
    },
    detach: () => (detached ??= detach()),
    async openCalls() {
      const open = await object.iterate('tell_open_calls');
      for (const hook of hooks) await hook.detach();
      return open;
    },
    async [Symbol.asyncDispose]() {
      await (detached ??= detach());
      closeAll();
    },
  };
}

async function load(
  object: NativeObject,
  technique: Technique,
  chosen: readonly ProgramName[],
  plan: Plan,
  ringBytes: number,
): Promise<void> {
  await object.load({
    ...pickPrograms(technique, chosen),
    globals: {
      '.rodata.settings': encodeSettings({
        minDurationNs: plan.minDurationNs,
        ringBytes,
        maxDepth: plan.maxDepth,
        byTask: isByTask(plan),
        follow: !isByTask(plan) || plan.command !== null,
        comm: plan.comm,
        live: plan.live,
      }),
    },
    valueBytes: { '.bss.ring': ringHeadBytes + ringBytes + ringMarginBytes },
  });
}

const isByTask = (plan: Plan) => plan.pids.length > 0 || plan.command !== null;

/** They keep the record of tasks that begin and end; from now on. */
const hookNames = ['on_fork', 'on_rename', 'on_exit', 'on_free'];

/** Traces the threads that these processes have now, or without any all tasks but fsnoop's own. */
function chooseTasks(
  object: NativeObject,
  frameBytes: number,
  pids: readonly number[],
  ownPids: readonly number[],
): void {
  const tasks = new Uint16Array(readMaxTid()).fill(pids.length === 0 ? taskTraced : 0);
  for (const tid of pids.flatMap(listThreads)) tasks[tid] = taskTraced;
  for (const tid of ownPids.flatMap(listThreads)) tasks[tid] = 0;
  if (pids.length === 0) tasks[0] = taskSearched; // the idle tasks
  object.writeGlobal('.bss.frames', taskTraced * frameBytes, encodeFrame(0n));
  object.writeGlobal('.bss.frames', taskSearched * frameBytes, encodeFrame(1n));
  object.writeGlobal('.bss.tasks', 0, new Uint8Array(tasks.buffer));
}

/** @throws {Failure} when there is no such process */
function checkPids(pids: readonly number[]): void {
  pids.forEach(listThreads);
}

/** No task has a higher id now. */
function readMaxTid(): number {
  return Math.min(tidLimit, Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')));
}

/** @throws {Failure} when there is no such process */
function listThreads(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    throw new Failure(
      exitStatus.usage,
      `There is no process ${pid} to trace.`,
      'Find it with: pgrep NAME',
    );
  }
}

/**
 * The next power of two that holds the buffer asked for and the slack of all CPUs.
 * @throws {Failure} when that is more than there can be
 */
function chooseRingBytes(bufferBytes: number, slackBytes: number): number {
  const atLeast = Math.max(bufferBytes, ringMinBytes, 2 * slackBytes);
  const ringBytes = 2 ** Math.ceil(Math.log2(atLeast));
  if (ringBytes <= ringMaxBytes) return ringBytes;
  throw new Failure(
    exitStatus.usage,
    `--buffer can be ${ringMaxBytes / 2 ** 20}M at most.`,
    'Record less: --min-duration, --filter-pid, fewer functions',
  );
}

/** Two programs write records; each can be at it once on every CPU. */
function ringSlackBytes(plan: Plan): number {
  const { plain, withValues } = longestRecordBytes;
  return 2 * possibleCpus() * (hasPrograms(plan) ? withValues : plain);
}

/** From a list as `0-3,8-11`. */
function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8');
  return 1 + Math.max(...list.split(/[-,]/).map(Number));
}
