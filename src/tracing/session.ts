/** One time of tracing: attaches, takes records until it is to end, detaches. */
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { attach, type KernelLosses } from '../attach/attach.js';
import type { CountedBytes } from '../attach/counting.js';
import type { CommandOutput, WaitingCommand } from '../attach/command.js';
import { startWatchdog } from '../attach/watchdog.js';
import { ClosedPipe } from '../descriptor.js';
import { Backlog } from './backlog.js';
import type { Output } from './output.js';
import type { Counting } from '../plan/counting.js';
import { placesOf, type Plan, type PlannedFunction, type RefusedFunction } from '../plan/plan.js';
import { guardRate } from './rate-guard.js';
import { findHot, renderHot } from '../render/hot.js';
import { renderStopped } from '../render/notes.js';
import type { SoFar } from './sink.js';
import type { EndBy, Stop } from './stop.js';
import type { Btf } from '../symbols/btf.js';

export interface SessionOptions {
  readonly durationMs: number | null;
  /** More records a second end it; 0: never. */
  readonly maxRate: number;
  /** What the command prints goes to this descriptor: 2 where standard output is a recording. */
  readonly commandOutput: CommandOutput;
  readonly endBy: EndBy;
  /** After so long without a sign of life fsnoop is killed; 0: never. */
  readonly watchdogMs: number;
  readonly onProgress: (text: string) => void;
  readonly onNote: (text: string) => void;
}

/** What happens in it. */
export interface SessionParts {
  /** Of the running kernel. */
  readonly btf: Btf;
  /** Calls are counted, and recorded only where that says so; null: recorded. */
  readonly counting: Counting | null;
  /** Of the handler of the kernel's tick: the lower half of its address. Null: nobody asks how long that takes. */
  readonly tick: number | null;
  /** Ends it: the command, a limit, a signal. */
  readonly stop: Stop;
  /** Goes as soon as all is attached. */
  readonly command: WaitingCommand | null;
  /** A trace that nobody reads ends. */
  readonly output: Output;
  /** All is attached; nothing has been taken. What is counted, and lost, can be read from now on. */
  readonly onAttached: (attached: Attached, soFar: SoFar) => Promise<void>;
  /** Gets whole records, in bytes that are not changed later. */
  readonly take: (records: Buffer) => Promise<void>;
}

interface Attached {
  readonly functions: number;
  readonly tracepoints: number;
  readonly attachMs: number;
  /** By the kernel itself. */
  readonly refused: readonly RefusedFunction[];
}

export interface SessionEnd extends Attached {
  readonly detachMs: number;
  readonly losses: KernelLosses;
  /** How many records there were, by the place of their function in the plan. */
  readonly counts: Float64Array;
  /** How many ticks of the kernel took how long, by bucket; null where nobody asked. */
  readonly ticks: readonly number[] | null;
  /** Where calls were counted. */
  readonly counted: CountedBytes | null;
}

/** Records are fetched this often; what comes in between waits in the ring. */
const pollMs = 20;
/** Decoding rests after so long, as long as nothing waits too long: the CPU is the traced program's. */
const decodeMs = 40;
const longestWaitMs = 10_000;
/** Of the free memory, so much may wait to be decoded where calls come faster than that. */
const backlogShare = 1 / 4;

/** @throws {Failure} when this kernel or user cannot trace */
export async function runSession(
  plan: Plan,
  options: SessionOptions,
  { btf, counting, tick, stop, command, output, onAttached, take }: SessionParts,
): Promise<SessionEnd> {
  const places = placesOf(plan);
  const { onProgress, onNote } = options;
  using watchdog = options.watchdogMs === 0 ? null : startWatchdog(options.watchdogMs);
  await using attachment = await attach(plan, {
    btf,
    commandPid: command?.pid ?? null,
    helperPids: [watchdog?.pid ?? []].flat(),
    onProgress,
    ...{ counting, tick },
    isCancelled: () => stop.reason !== null,
  });
  // at once, even where what was read before can't be written
  const detached = stop.asked.then(() => attachment.detach());
  onProgress('');
  const attached = {
    functions: attachment.attached,
    tracepoints: attachment.tracepoints,
    attachMs: attachment.attachMs,
    refused: attachment.refused.map(toRefused),
  };
  await onAttached(attached, attachment);
  stop.after(options.durationMs);
  void command?.ended.then((status) => {
    stop.ask({ type: 'command', status });
  });
  using guard = guardRate({
    limit: options.maxRate,
    made: () => attachment.made(),
    onOver: (recordsPerSecond) => {
      if (stop.reason !== null) return; // something else was first
      const stopped = { reason: 'max-rate', recordsPerSecond, maxRate: options.maxRate } as const;
      stop.ask({ type: 'rate', stopped });
      const hot = findHot(places, attachment.counts);
      onNote(renderStopped(stopped) + renderHot(hot, 'Most records until then'));
    },
  });
  if (stop.reason === null) command?.go();

  const limitBytes = process.availableMemory() * backlogShare;
  const backlog = new Backlog(attachment, limitBytes, () => performance.now());
  while (stop.reason === null) {
    const restAt = performance.now() + decodeMs;
    const isRest = () =>
      performance.now() > restAt && backlog.fill < 0.5 && backlog.ageMs < longestWaitMs;
    await drain(backlog, take, () => stop.reason !== null || isRest());
    if (!output.hasReader()) stop.break(new ClosedPipe());
    await Promise.race([stop.asked, delay(pollMs)]);
  }
  guard[Symbol.dispose]();
  onProgress(`detaching from ${attachment.attached + attachment.tracepoints} functions`);
  const detachMs = await detached;
  const open = await attachment.openCalls(); // before the slow part: it tells how long they are open
  watchdog?.[Symbol.dispose]();
  onProgress('reading what is left; a second Ctrl-C leaves it out');
  await drain(backlog, take, () => false);
  await take(open);
  onProgress('');
  return {
    ...attached,
    detachMs,
    losses: attachment.losses(),
    counts: attachment.counts,
    ticks: attachment.ticks(),
    counted: attachment.counted(),
  };
}

const toRefused = ({ name }: PlannedFunction): RefusedFunction => ({
  function: name,
  reason: 'refused by the kernel',
});

/** Takes what the ring holds now, batch by batch, with room for signals in between. */
async function drain(
  backlog: Backlog,
  take: (records: Buffer) => Promise<void>,
  isOver: () => boolean,
): Promise<void> {
  for (;;) {
    const records = backlog.next();
    if (records === undefined) return;
    await take(records);
    await turn();
    if (isOver()) return;
  }
}
