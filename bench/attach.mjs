/**
 * In the guest: attaches fsnoop and an empty program to the same functions, one after the other, and
 * compares how long that takes. The guest is slow: the ratio counts, not the seconds.
 */
import { release } from 'node:os';
import { attachFloor, symbols } from './floor.mjs';

const { attach } = await import('/usr/lib/node_modules/fsnoop/dist/attach/attach.js');

async function timeFsnoop(functions) {
  const plan = makePlan(functions);
  const options = { epochNs: process.hrtime.bigint(), commandPid: null, onProgress: () => {} };
  const attachment = await attach(plan, options);
  if (attachment.refused.length > 0) throw new Error(`${attachment.refused.length} refused`);
  const detachMs = await attachment.detach();
  await attachment[Symbol.asyncDispose]();
  return { attachMs: attachment.attachMs, detachMs };
}

const makePlan = (functions) => ({
  method: 'fsession.multi',
  functions: functions.map((known, at) => ({ ...known, root: at === 0 })),
  refused: [],
  graph: true,
  maxDepth: 5,
  minDurationNs: 0,
  pids: [],
  comm: null,
  command: null,
  bufferBytes: 1 << 24,
  live: false,
});

async function timeFloor(functions) {
  const attached = await attachFloor(functions.map(({ btfId }) => btfId));
  return { attachMs: attached.attachMs, detachMs: await attached.detach() };
}

const all = symbols.match(['*']).filter(({ reason }) => reason === null);
const columns = (...cells) => cells.map((cell) => `${cell}`.padStart(12)).join('');
const seconds = (ms) => `${(ms / 1000).toFixed(2)} s`;
console.log(`Linux ${release()}, guest seconds, attach and detach; the floor is an empty program.`);
console.log(columns('functions', 'attach', 'floor', 'ratio', 'detach', 'floor', 'ratio'));
for (const count of [100, 1000, 5000, 20000]) {
  const step = all.length / count;
  const some = Array.from({ length: count }, (_, at) => all[Math.floor(at * step)]);
  const floor = await timeFloor(some);
  const own = await timeFsnoop(some);
  console.log(
    columns(
      count,
      seconds(own.attachMs),
      seconds(floor.attachMs),
      (own.attachMs / floor.attachMs).toFixed(2),
      seconds(own.detachMs),
      seconds(floor.detachMs),
      (own.detachMs / floor.detachMs).toFixed(2),
    ),
  );
}
