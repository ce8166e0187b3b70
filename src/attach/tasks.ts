/** Which tasks are traced: an array by tid, that both sides write. */
import { readdirSync, readFileSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import type { NativeObject } from './native.js';
import { encodeFrame, placeLayout, taskSearched, taskTraced, tidLimit } from './shared.js';

const tasksMap = '.bss.tasks';
const framesMap = '.bss.frames';

export interface TaskArray {
  /** Traces the threads that these processes have now, or without any all tasks but fsnoop's own. */
  choose(object: NativeObject, pids: readonly number[], ownPids: readonly number[]): void;
  /** Traces none any more. */
  stop(object: NativeObject): void;
}

/** Tasks have the numbers of their frames. */
export const taskNumbers = (frameBytes: number): TaskArray => ({
  choose(object, pids, ownPids) {
    const tasks = fill(new Uint16Array(readMaxTid()), taskTraced, pids, ownPids);
    object.writeGlobal(framesMap, taskTraced * frameBytes, encodeFrame(0n));
    object.writeGlobal(framesMap, taskSearched * frameBytes, encodeFrame(1n));
    object.writeGlobal(tasksMap, 0, bytesOf(tasks));
  },
  stop(object) {
    object.writeGlobal(tasksMap, 0, bytesOf(new Uint16Array(readMaxTid())));
  },
});

/** Tasks have the places of their innermost open calls. */
export const taskPlaces: TaskArray = {
  choose(object, pids, ownPids) {
    const { frame, last } = placeLayout;
    const tasks = fill(new Uint32Array(readMaxTid()), taskTraced * frame + last, pids, ownPids);
    object.writeGlobal(tasksMap, 0, bytesOf(tasks));
  },
  stop(object) {
    const none = bytesOf(new Uint32Array(readMaxTid()));
    const { buffer, byteOffset } = object.readGlobal(tasksMap, 0, none.length);
    object.writeGlobal(tasksMap, 0, none);
    for (const place of new Uint32Array(buffer, byteOffset, none.length / 4)) {
      if (place > placeLayout.frame * taskSearched + placeLayout.last) settle(object, place);
    }
    // again, for tasks that entered or left a call in that moment
    object.writeGlobal(tasksMap, 0, none);
  },
};

/** The kernel side looks for open calls in frames, where not each entry and return is told. */
function settle(object: NativeObject, place: number): void {
  const { frame, call, noCall } = placeLayout;
  const level = ((place % frame) - noCall) / call;
  const at = frame + place - (place % frame);
  object.writeGlobal(framesMap, at, level > 0 ? encodeFrame(1n, level) : encodeFrame(0n, 1));
}

function fill<Numbers extends Uint16Array | Uint32Array>(
  tasks: Numbers,
  traced: number,
  pids: readonly number[],
  ownPids: readonly number[],
): Numbers {
  if (pids.length === 0) tasks.fill(traced);
  for (const tid of pids.flatMap(listThreads)) tasks[tid] = traced;
  for (const tid of ownPids.flatMap(listThreads)) tasks[tid] = 0;
  return tasks;
}

const bytesOf = ({ buffer }: Uint16Array | Uint32Array) => new Uint8Array(buffer);

/** @throws {Failure} when there is no such process */
export function checkPids(pids: readonly number[]): void {
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
