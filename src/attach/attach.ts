/** Turns a plan into an attachment: the one side effect of a trace. Disposing it detaches. */
import { readFileSync } from 'node:fs';
import { powerOf2From, type Counting } from '../plan/counting.js';
import { placesOf, type Plan, type PlannedFunction } from '../plan/plan.js';
import type { Btf } from '../symbols/btf.js';
import { findCgroup } from './cgroup.js';
import {
  chooseCounting,
  countingCookies,
  countingMaps,
  countingMasks,
  countsPlainly,
  encodeCounting,
  readCounted,
  type CountedBytes,
} from './counting.js';
import { checkFtrace, explainRefusal } from './explain.js';
import { countSkipped, joinLinks, lengthMs } from './links.js';
import {
  chooseTechnique,
  pickPrograms,
  type AttachedFunctions,
  type PurposefulTechnique,
  type Target,
} from './methods.js';
import {
  loadNative,
  NativeError,
  type NativeLink,
  type NativeObject,
  type NativeRing,
  type ProgramOptions,
} from './native.js';
import { encodePrograms } from './programs.js';
import {
  decodeCounters,
  decodeTicks,
  encodeRoots,
  encodeSkipping,
  encodeSettings,
  longestRecordBytes,
  markProgram,
  type ProgramName,
  ringHeadBytes,
  ringMarginBytes,
  ringMinBytes,
  statsFinder,
  switchHook,
  tickHooks,
} from './shared.js';
import { checkPids, type TaskArray } from './tasks.js';
import { attachTracepoints } from './tracepoints.js';

/** What the kernel side counted as lost. */
export interface KernelLosses {
  /** Records that found no room in the ring. */
  readonly ring: number;
  /**
   * Runs of the program that the kernel skipped, to keep it out of itself; where it can be told whose they were,
   * those of tasks that are traced.
   */
  readonly recursion: number;
  /** Of these, while their task was in no tree: of roots at most calls are missing there. Absent where none is known. */
  readonly outside?: number;
  /** Calls in an open tree whose entry was not seen. */
  readonly entry: number;
}

export interface AttachOptions {
  /** Of the running kernel. */
  readonly btf: Btf;
  /** Of the command that waits to be traced, or null. */
  readonly commandPid: number | null;
  /** Calls are counted, and recorded only where that says so; null: recorded. */
  readonly counting: Counting | null;
  /** Of the handler of the kernel's tick: the lower half of its address. Null: nobody asks how long that takes. */
  readonly tick: number | null;
  /** Processes that belong to fsnoop besides this one: none of them is traced that isn't asked for. */
  readonly helperPids?: readonly number[];
  /** Told what is being done, for a terminal. */
  readonly onProgress: (text: string) => void;
  /** Nobody wants it any more: where functions are attached one by one, the rest of them is left out. */
  readonly isCancelled: () => boolean;
}

export interface Attachment extends AsyncDisposable {
  /** How many functions are attached. */
  readonly attached: number;
  /** How many tracepoints. */
  readonly tracepoints: number;
  /** Functions and tracepoints that the kernel refused. */
  readonly refused: readonly PlannedFunction[];
  /** How long the kernel took for that, in ms. */
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
  /**
   * How many ticks of the kernel took how long, while their CPU ran a traced task, by bucket of src/tree/buckets.ts;
   * null where nobody asked.
   */
  ticks(): readonly number[] | null;
  /** What was counted so far, where calls are. */
  counted(): CountedBytes | null;
  /** Ends tracing at once and detaches; how long the kernel took for that, in ms. Records stay to be read. */
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
  const { counting, tick } = options;
  const technique = chooseTechnique(
    plan,
    counting === null
      ? 'recording'
      : countsPlainly(plan, counting)
        ? 'counting plainly'
        : 'counting',
  );
  const object = new (loadNative().Object)(technique.objectPath(options.btf));
  const owned: { close(): void }[] = [object];
  const closeAll = () => {
    for (const handle of owned.reverse()) handle.close();
    owned.length = 0;
  };
  try {
    const places = placesOf(plan);
    const encoded = encodePrograms(places);
    const slackBytes = ringSlackBytes(plan);
    const ringBytes = chooseRingBytes(plan.bufferBytes, slackBytes);
    options.onProgress('loading the program');
    const chosen = choosePrograms(plan, technique.programs, counting);
    const accountSkips = canAccountSkips(technique, options.btf);
    const hooked = hookNames({ plan, accountSkips, tick });
    await load(object, technique, chosen, hooked, {
      plan,
      ringBytes,
      counting,
      accountSkips,
      tick,
    });
    const counts = new Float64Array(places.length);
    const ring = object.openRing('.bss.ring', ringBytes, slackBytes, counts);
    owned.push(ring);
    const hooks: NativeLink[] = [];
    if (accountSkips) await findStats(object, technique, chosen);
    for (const name of hooked) {
      const hook = await object.attach(name);
      hooks.push(hook);
      owned.push(hook);
    }
    if (technique.roots !== null) object.writeGlobal('.bss.roots', 0, encodeRoots(technique.roots));
    object.writeGlobal('.bss.programs', 0, encoded.programs);
    object.writeGlobal('.bss.ops', 0, encoded.ops);
    const tracedPids = [...plan.pids, options.commandPid ?? []].flat();
    // a program that traces itself has asked for it
    const ownPids = [process.pid, ...(options.helperPids ?? [])].filter(
      (pid) => !tracedPids.includes(pid),
    );
    checkPids(tracedPids);
    const choose = () => {
      technique.tasks.choose(object, tracedPids, ownPids);
    };
    if (technique.chooseTasks === 'before') choose();

    const target = {
      object,
      programs: chosen,
      halves: technique.halves,
      ids: Uint32Array.from(plan.functions, ({ btfId, idInProgram }) => idInProgram ?? btfId),
      names: plan.functions.map(({ name }) => name),
      modules: plan.functions.map(({ module }) => module),
      cookies:
        counting === null
          ? encoded.cookies
          : countingCookies(encoded.cookies, plan.functions, counting),
      roots: new Set(plan.functions.flatMap(({ root }, place) => (root ? place : []))),
      ...options,
    };
    // before there are trees for them
    const marks = await attachTracepoints({
      object,
      program: markProgram,
      tracepoints: plan.tracepoints,
      cookies: encoded.cookies.subarray(plan.functions.length),
      ...options,
    });
    owned.push(...marks.links);
    const functions = await attachFunctions(plan, technique, target);
    owned.push(functions.link);
    const all = joinLinks([functions.link, ...marks.links]);
    if (technique.chooseTasks === 'after') choose();
    return {
      attached: functions.attached,
      tracepoints: marks.links.length,
      refused: [
        ...plan.functions.filter((_, place) => functions.refused.has(place)),
        ...marks.refused,
      ],
      attachMs: lengthMs(all.attached),
      counts,
      ...makeAttachment({
        object,
        link: all,
        skipped: () => functions.skipped() + countSkipped(marks.links),
        ring,
        hooks,
        ...{ counting, tick },
        tasks: technique.tasks,
        closeAll,
      }),
    };
  } catch (error) {
    closeAll();
    throw error instanceof NativeError ? explainRefusal(error) : error;
  }
}

/** None, where tracepoints are told alone. */
async function attachFunctions(
  { functions }: Plan,
  technique: PurposefulTechnique,
  target: Target,
): Promise<AttachedFunctions> {
  if (functions.length > 0) return technique.attach(target);
  return { link: joinLinks([]), attached: 0, refused: new Set(), skipped: () => 0 };
}

/** By the place of the function. */
function choosePrograms(
  plan: Plan,
  programs: PurposefulTechnique['programs'],
  counting: Counting | null,
): readonly ProgramName[] {
  const choose = (functions: readonly PlannedFunction[]) =>
    counting === null
      ? chooseProgram(plan, functions)
      : chooseCounting(counting, plan.minDurationNs, functions);
  if (programs === 'of each') return plan.functions.map((one) => choose([one]));
  const forAll = choose(plan.functions);
  return plan.functions.map(() => forAll);
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

const hasPrograms = (plan: Plan) => placesOf(plan).some(({ program }) => program !== null);

interface Handles {
  readonly object: NativeObject;
  /** All that writes records. */
  readonly link: Pick<NativeLink, 'detach'>;
  /** How many runs of it the kernel skipped until now. */
  readonly skipped: () => number;
  readonly ring: NativeRing;
  /** What keeps the record of tasks. */
  readonly hooks: readonly NativeLink[];
  readonly counting: Counting | null;
  readonly tick: number | null;
  readonly tasks: TaskArray;
  readonly closeAll: () => void;
}

function makeAttachment(
  handles: Handles,
): Omit<Attachment, 'attached' | 'tracepoints' | 'refused' | 'attachMs' | 'counts'> {
  const { object, link, skipped, ring, hooks, counting, tick, tasks, closeAll } = handles;
  const readCounters = () => decodeCounters(object.readGlobal('.bss.counters'));
  let detached: Promise<number> | undefined;
  const detach = async () => {
    // The kernel takes the halves of a call away one after the other: end all tracing before.
    tasks.stop(object);
    return lengthMs(await link.detach());
  };
  return {
    read: (into) => ring.read(into),
    losses() {
      // before all that were skipped are counted, or one too many is taken from them
      const { lostRing, lostEntry, lostRecursion, skippedOthers, skippedOutside } = readCounters();
      return {
        ring: lostRing,
        recursion: skipped() - skippedOthers + lostRecursion,
        ...(skippedOutside > 0 && { outside: skippedOutside }),
        entry: lostEntry,
      };
    },
    made() {
      const { writtenBytes, readBytes, readRecords } = ring.progress();
      const read = readRecords && (readRecords * writtenBytes) / readBytes;
      return read + readCounters().lostRing;
    },
    ticks: () => (tick === null ? null : decodeTicks(object.readGlobal('.bss.ticks'))),
    counted: () => counting && readCounted(object, counting),
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

/** What programs are told when they are loaded. */
interface LoadSettings {
  readonly plan: Plan;
  readonly ringBytes: number;
  readonly counting: Counting | null;
  readonly accountSkips: boolean;
  readonly tick: number | null;
}

async function load(
  object: NativeObject,
  technique: PurposefulTechnique,
  chosen: readonly ProgramName[],
  hooked: readonly string[],
  { plan, ringBytes, counting, accountSkips, tick }: LoadSettings,
): Promise<void> {
  const picked = pickPrograms(technique, chosen);
  await object.load({
    programs: {
      ...picked.programs,
      ...(plan.tracepoints.length > 0 ? { [markProgram]: ofRawTracepoint } : {}),
    },
    skipped: [
      ...picked.skipped,
      ...(plan.tracepoints.length > 0 ? [] : [markProgram]),
      ...someHooks.filter((name) => !hooked.includes(name)),
      ...(accountSkips ? [] : [statsFinder]),
    ],
    globals: {
      '.rodata.settings': encodeSettings({
        minDurationNs: plan.minDurationNs,
        ringBytes,
        maxDepth: Math.min(plan.maxDepth, technique.deepest),
        byTask: isByTask(plan),
        follow: !isByTask(plan) || plan.command !== null,
        comm: plan.comm,
        cgroup: plan.cgroup === null ? null : findCgroup(plan.cgroup),
        live: plan.live,
        inTrees: plan.functions.length > 0,
        tellDeeper: !plan.graph,
        tellAway: plan.cpuTime,
        accountSkips,
        tick,
      }),
      ...(counting && { '.rodata.counting': encodeCounting(counting) }),
    },
    valueBytes: {
      '.bss.ring': ringHeadBytes + ringBytes + ringMarginBytes,
      ...(counting && countingMaps(counting)),
    },
    masks: counting === null ? [] : countingMasks(counting),
  });
}

const isByTask = (plan: Plan) => plan.pids.length > 0 || plan.command !== null;

/** Of all functions of vmlinux that is counted in one place, or two; and v6.2 can read it without a call. */
const canAccountSkips = ({ programs }: PurposefulTechnique, btf: Btf): boolean =>
  programs === 'one' && btf.find('func', 'bpf_rdonly_cast').length > 0;

async function findStats(
  object: NativeObject,
  technique: PurposefulTechnique,
  chosen: readonly ProgramName[],
): Promise<void> {
  const names = Object.keys(pickPrograms(technique, chosen).programs);
  object.writeGlobal(
    '.bss.skipping',
    0,
    encodeSkipping(names.map((name) => object.programId(name))),
  );
  await object.iterate(statsFinder);
}

/** They keep the record of tasks that begin and end, and are off the CPU; from now on. */
const hookNames = ({
  plan,
  accountSkips,
  tick,
}: Pick<LoadSettings, 'plan' | 'accountSkips' | 'tick'>) => [
  ...['on_fork', 'on_rename', 'on_exit', 'on_free'],
  ...(plan.cpuTime || accountSkips ? [switchHook] : []),
  ...(tick === null ? [] : tickHooks),
];

/** Those that only some traces have a use for. */
const someHooks = [switchHook, ...tickHooks];

const ofRawTracepoint: ProgramOptions = { type: 17, attachType: 0 };

/** The next power of two that holds the buffer asked for and the slack of all CPUs. */
function chooseRingBytes(bufferBytes: number, slackBytes: number): number {
  const atLeast = Math.max(bufferBytes, ringMinBytes, 2 * slackBytes);
  return powerOf2From(atLeast);
}

/** Programs that write records: of calls, of tasks that are gone, of tracepoints, of times off the CPU. */
const writers = 4;

/** Each can be at it once on every CPU. */
function ringSlackBytes(plan: Plan): number {
  const { plain, withValues } = longestRecordBytes;
  return writers * possibleCpus() * (hasPrograms(plan) ? withValues : plain);
}

/** From a list as `0-3,8-11`. */
export function possibleCpus(): number {
  const list = readFileSync('/sys/devices/system/cpu/possible', 'utf8');
  return 1 + Math.max(...list.split(/[-,]/).map(Number));
}
