/** Turns a plan into an attachment: the one side effect of a trace. Disposing it detaches. */
import { readdirSync, readFileSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import type { Plan, PlannedFunction } from '../plan/plan.js';
import { findRefused } from './bisect.js';
import { explainRefusal } from './explain.js';
import {
  loadNative,
  NativeError,
  objectPath,
  type NativeLink,
  type NativeObject,
  type NativeRing,
} from './native.js';
import { encodePrograms, type EncodedPrograms } from './programs.js';
import {
  decodeCounters,
  encodeFrame,
  encodeSettings,
  frameBytes,
  longestRecordBytes,
  ringHeadBytes,
  ringMaxBytes,
  ringMarginBytes,
  taskSearched,
  taskTraced,
  tidLimit,
} from './shared.js';

const programs = ['on_call_times', 'on_call', 'on_call_options'] as const;
const programTypeTracing = 26;
const attachTypeFsessionMulti = 61;
const smallestRingBytes = 4096;

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
  /** Of the command that waits to be traced, or null. */
  readonly commandPid: number | null;
  /** Processes that belong to fsnoop besides this one: none of them is traced. */
  readonly helperPids?: readonly number[];
  /** Told what is being done, for a terminal. */
  readonly onProgress: (text: string) => void;
}

export interface Attachment extends AsyncDisposable {
  /** Functions that the kernel refused; the others are attached. */
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
 * Loads the program and attaches it to all functions of the plan with one link.
 * Functions that the kernel refuses are found, left out, and told.
 * @throws {Failure} when this kernel or user cannot trace.
 */
export async function attach(plan: Plan, options: AttachOptions): Promise<Attachment> {
  const object = new (loadNative().Object)(objectPath);
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
    const program = chooseProgram(plan);
    await load(object, program, plan, ringBytes);
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
    chooseTasks(object, [...plan.pids, options.commandPid ?? []].flat(), ownPids);

    const begin = performance.now();
    const { link, refused } = await attachFunctions(
      object,
      program,
      plan,
      encoded,
      options.onProgress,
    );
    owned.push(link);
    const attachMs = elapsedMs(begin);
    const handles = { object, program, ring, link, hooks, closeAll };
    return { refused, attachMs, counts, ...makeAttachment(handles) };
  } catch (error) {
    closeAll();
    throw error instanceof NativeError ? explainRefusal(error) : error;
  }
}

/** Since `begin`, to the microsecond. */
const elapsedMs = (begin: number) => Math.round((performance.now() - begin) * 1000) / 1000;

/** The one that costs least a call: for times alone, with arguments and guards, or for everything. */
function chooseProgram({ live, minDurationNs, functions }: Plan): (typeof programs)[number] {
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
  readonly program: string;
  readonly ring: NativeRing;
  /** Of the program, and of what keeps the record of tasks. */
  readonly link: NativeLink;
  readonly hooks: readonly NativeLink[];
  readonly closeAll: () => void;
}

function makeAttachment(handles: Handles): Omit<Attachment, 'refused' | 'attachMs' | 'counts'> {
  const { object, program, ring, link, hooks, closeAll } = handles;
  const readCounters = () => decodeCounters(object.readGlobal('.bss.counters'));
  let detached: Promise<number> | undefined;
  const detach = async () => {
    const begin = performance.now();
    // The kernel takes the halves of a call away one after the other: end all tracing before.
    object.writeGlobal('.bss.tasks', 0, Buffer.alloc(2 * readMaxTid()));
    await link.detach();
    return elapsedMs(begin);
  };
  return {
    read: (into) => ring.read(into),
    losses() {
      const { lostRing, lostEntry } = readCounters();
      return { ring: lostRing, recursion: object.programInfo(program).skipped, entry: lostEntry };
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
  program: string,
  plan: Plan,
  ringBytes: number,
): Promise<void> {
  await object.load({
    programs: { [program]: { type: programTypeTracing, attachType: attachTypeFsessionMulti } },
    skipped: programs.filter((other) => other !== program),
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
  const atLeast = Math.max(bufferBytes, smallestRingBytes, 2 * slackBytes);
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

async function attachFunctions(
  object: NativeObject,
  program: string,
  plan: Plan,
  { cookies }: EncodedPrograms,
  onProgress: (text: string) => void,
): Promise<{ link: NativeLink; refused: PlannedFunction[] }> {
  const places = plan.functions.map((_, place) => place);
  const attachPlaces = (some: readonly number[]) =>
    object.attachMulti(
      program,
      Uint32Array.from(some, (place) => plan.functions[place]?.btfId ?? 0),
      BigUint64Array.from(some, (place) => cookies[place] ?? 0n),
    );
  onProgress(`attaching to ${places.length} functions`);
  try {
    return { link: await attachPlaces(places), refused: [] };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const culprits = new Set(await findRefused(places, attachPlaces, onProgress));
    const left = places.filter((place) => !culprits.has(place));
    if (!left.some((place) => plan.functions[place]?.root)) throw error;
    return {
      link: await attachPlaces(left),
      refused: plan.functions.filter((_, place) => culprits.has(place)),
    };
  }
}
