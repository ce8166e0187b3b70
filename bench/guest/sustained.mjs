/** In the guest, with one CPU: the highest rate of calls that a tracer records without loss. */
import { rmSync } from 'node:fs';
import { flagsForNames, functionsOfRead, peerCommand, progress, run, tryPeer } from './tools.mjs';

/** How long a rate has to be borne: several times what fsnoop's buffer holds at such rates. */
const seconds = 10;

/** Each gives the rate that the load reached, and what the tracer lost for want of room, in its own words. */
const tracers = {
  async fsnoop(load) {
    const flags = [...flagsForNames(functionsOfRead), '--args', 'off', '-o', '/tmp/trace.txt'];
    const { stdout, stderr } = await run(['fsnoop', ...flags, '-c', load.join(' ')]);
    // runs that the kernel skipped are told too, but do not come of the rate
    const lost = /\b(ring|user) [\d,]+/.exec(stderr)?.[0] ?? null;
    return { rate: Number.parseFloat(stdout), lost };
  },
  async traceCmd(load) {
    const functions = functionsOfRead.flatMap((name) => ['-l', name]);
    const flags = ['record', '-p', 'function_graph', ...functions, '-F', '-o', '/tmp/trace.dat'];
    const { stdout } = await run(peerCommand('trace-cmd', ...flags, ...load));
    const report = await run(peerCommand('trace-cmd', 'report', '--stat', '/tmp/trace.dat'));
    const losses = [...report.stdout.matchAll(/(?:overrun|dropped events): (\d+)/g)];
    if (losses.length === 0) throw new Error('trace-cmd did not say what it lost');
    const lost = losses.find(([, count]) => count !== '0')?.[0] ?? null;
    return { rate: Number.parseFloat(/^\d+$/m.exec(stdout)[0]), lost };
  },
};

/** Calls a second that were all recorded, or null. A load that is held up does not count. */
async function bear(tracer, readsPerSecond) {
  const asked = Math.round(readsPerSecond);
  for (const file of ['trace.txt', 'trace.dat']) rmSync(`/tmp/${file}`, { force: true });
  const { rate, lost } = await tracers[tracer](['/usr/bin/load', `${asked}`, `${seconds}`]);
  progress(`${tracer}: ${asked} reads/s, made ${rate}, lost ${lost ?? 'none'}`);
  return lost === null && rate > 0.97 * asked ? rate * functionsOfRead.length : null;
}

/** Doubles the rate until it is too much, then halves the interval, to 3 %. */
async function findHighest(tracer) {
  let reads = 10_000;
  let best = null;
  for (let rate; (rate = await bear(tracer, reads)) !== null; reads *= 2) best = rate;
  if (best === null) throw new Error(`${tracer} loses calls even at ${reads} reads/s`);
  for (let factor = Math.SQRT2, from = reads / 2; factor > 1.015; factor = Math.sqrt(factor)) {
    const rate = await bear(tracer, from * factor);
    if (rate === null) continue;
    best = rate;
    from *= factor;
  }
  return best;
}

export async function measure() {
  return {
    fsnoop: await findHighest('fsnoop'),
    traceCmd: await tryPeer(() => findHighest('traceCmd')),
  };
}
