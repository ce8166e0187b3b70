/**
 * In the guest, where time counts instructions: a loop of reads tells what one costs its thread, alone and
 * traced in each way. What a call costs is the difference, per function.
 */
import { spawn } from 'node:child_process';
import { attachFloor, symbols } from './floor.mjs';
import {
  flagsForNames,
  functionsOfRead,
  peerCommand,
  progress,
  readSummary,
  run,
  tryPeer,
  whileFunctionGraph,
  whileTracing,
} from './tools.mjs';

/** What `reads` makes without an argument. */
const reads = 20_000;

const costOfRead = async (command = ['reads']) => Number.parseFloat((await run(command)).stdout);

async function floor(names) {
  const attached = await attachFloor(symbols.match(names).map(({ btfId }) => btfId));
  try {
    return await costOfRead();
  } finally {
    await attached.detach();
  }
}

/** A function that is never called, when a root is wanted that is not entered. */
const idleRoot = 'icmp_rcv';

const flagsFor = (names) => [...flagsForNames(names), '--format', 'json'];

const ways = {
  recorded: {
    floor,
    async fsnoop(names) {
      const flags = [...flagsFor(names), '-o', '/tmp/trace.json', '-c', 'reads'];
      const cost = await costOfRead(['fsnoop', ...flags]);
      const { calls, lost } = readSummary('/tmp/trace.json');
      if (calls < names.length * reads || lost.ring > 0) throw new Error('calls were not recorded');
      return cost;
    },
    functionGraph: (names) => whileFunctionGraph(names, {}, costOfRead),
    bpftrace: (names) => bpftrace(names, ''),
  },
  ignoredTask: {
    floor,
    /** Only another process is traced, which makes no calls. */
    async fsnoop(names) {
      const other = spawn('sleep', ['1000']);
      try {
        const flags = [...flagsFor(names), '--filter-pid', `${other.pid}`];
        return await whileTracing(flags, () => costOfRead());
      } finally {
        other.kill();
      }
    },
    functionGraph: (names) => whileFunctionGraph(names, { set_ftrace_pid: '1' }, costOfRead),
    bpftrace: (names) => bpftrace(names, '/pid == 1/'),
  },
  ignoredOutsideRoot: {
    floor,
    fsnoop(names) {
      const flags = [...flagsFor([idleRoot, ...names]), '-o', '/tmp/trace.json', '-c', 'reads'];
      return costOfRead(['fsnoop', ...flags]);
    },
    functionGraph: (names) =>
      whileFunctionGraph([idleRoot, ...names], { set_graph_function: idleRoot }, costOfRead),
  },
};

/** A histogram of durations, which is what bpftrace is mostly asked for. */
function bpftrace(names, filter) {
  const probes = names.flatMap((name, at) => [
    `fentry:${name} ${filter} { @start${at}[tid] = nsecs }`,
    `fexit:${name} ${filter} { @ns${at} = hist(nsecs - @start${at}[tid]); delete(@start${at}, tid) }`,
  ]);
  const command = ['-q', '-e', probes.join('\n'), '-c', '/usr/bin/reads'];
  return tryPeer(() => costOfRead(peerCommand('bpftrace', ...command)));
}

/** Instructions a call: `{ recorded: { fsnoop: [one function, five functions], … }, … }`. */
export async function measure({ tracers }) {
  const alone = await costOfRead();
  const found = {};
  for (const [way, measures] of Object.entries(ways)) {
    found[way] = {};
    for (const [tracer, cost] of Object.entries(measures)) {
      if (!tracers.includes(tracer)) continue;
      progress(`${way}, ${tracer}`);
      found[way][tracer] = [];
      for (const names of [functionsOfRead.slice(0, 1), functionsOfRead]) {
        const whole = await cost(names);
        found[way][tracer].push(whole.notRun ? whole : (whole - alone) / names.length);
      }
    }
  }
  return { alone, ...found };
}
