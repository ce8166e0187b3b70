/** In the guest: attaches fsnoop and the empty program to the same functions in turn, and times both. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { attachFloor } from './floor.mjs';
import { flagsForNames, progress, readSummary, run, spreadFunctions } from './tools.mjs';

/** So long the kernel frees what was attached before, on its own time. */
const settleMs = 1000;

async function timeFsnoop(functions, pid) {
  const names = functions.map(({ name }) => name);
  const flags = [...flagsForNames(names), '--filter-pid', `${pid}`, '--duration', '10ms'];
  await run(['fsnoop', ...flags, '--format', 'json', '-o', '/tmp/trace.json']);
  const start = JSON.parse(readFileSync('/tmp/trace.json', 'utf8').split('\n')[0]);
  if (start.refused.length > 0 || start.functions !== functions.length)
    throw new Error(`${start.functions} of ${functions.length} functions were attached`);
  return { attachMs: start.attachMs, detachMs: readSummary('/tmp/trace.json').detachMs };
}

async function timeFloor(functions) {
  const attached = await attachFloor(functions.map(({ btfId }) => btfId));
  return { attachMs: attached.attachMs, detachMs: await attached.detach() };
}

/** The least seconds for each number of functions, of both. */
export async function measure({ rounds }) {
  // makes no calls: what is timed is attaching
  const idle = spawn('sleep', ['100000']);
  const found = [];
  for (const [count, ofCount] of Object.entries(rounds)) {
    const functions = spreadFunctions(Number(count));
    const times = { fsnoop: [], floor: [] };
    const tracers = {
      fsnoop: async () => times.fsnoop.push(await timeFsnoop(functions, idle.pid)),
      floor: async () => times.floor.push(await timeFloor(functions)),
    };
    for (let round = 0; round < ofCount; round++) {
      progress(`${count} functions, round ${round + 1} of ${ofCount}`);
      const order = round % 2 === 0 ? ['floor', 'fsnoop'] : ['fsnoop', 'floor'];
      for (const tracer of order) {
        await delay(settleMs);
        await tracers[tracer]();
      }
    }
    const seconds = (tracer, key) => Math.min(...times[tracer].map((time) => time[key])) / 1000;
    found.push({
      count: Number(count),
      attach: { fsnoop: seconds('fsnoop', 'attachMs'), floor: seconds('floor', 'attachMs') },
      detach: { fsnoop: seconds('fsnoop', 'detachMs'), floor: seconds('floor', 'detachMs') },
    });
  }
  idle.kill();
  return found;
}
