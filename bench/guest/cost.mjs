/**
 * In the guest, where time counts instructions: a loop of reads tells what one costs its thread, alone and
 * traced in each way. What a call costs is the difference, per function.
 */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
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

/** What a task that sleeps is in. */
const sleepingRoot = 'hrtimer_nanosleep';

/** Without values, unless a way asks for them. */
const flagsFor = (names, values = ['--args', 'off']) => [
  ...[...flagsForNames(names), ...values],
  ...['--format', 'json', '-o', '/tmp/trace.json'],
];

/** A read while fsnoop records each call of these functions, with the values that the flags ask for. */
async function record(names, values) {
  const cost = await costOfRead(['fsnoop', ...flagsFor(names, values), '-c', 'reads']);
  const { calls, lost } = readSummary('/tmp/trace.json');
  if (calls < names.length * reads || lost.ring > 0) throw new Error('calls were not recorded');
  return cost;
}

/** A read while fsnoop counts the calls of these functions, which the flags name. */
async function count(names, flagsForThem) {
  const flags = [...flagsForThem, '--json', '-o', '/tmp/counted.json'];
  const cost = await costOfRead(['fsnoop', 'stat', ...flags, '-c', 'reads']);
  const { calls, lost } = readSummary('/tmp/counted.json');
  if (calls < names.length * reads || lost.entry > 0) throw new Error('calls were not counted');
  return cost;
}

const one = functionsOfRead.slice(0, 1);

/** With four arguments and with two, numbers and pointers: three each. */
const withScalars = ['rw_verify_area', 'security_file_permission'];

/** What is measured in each way for each list of functions. */
const ways = {
  recorded: {
    lists: [one, functionsOfRead],
    tracers: {
      floor,
      fsnoop: (names) => record(names),
      functionGraph: (names) => whileFunctionGraph(names, {}, costOfRead),
      bpftrace: (names) => bpftrace(names, ''),
    },
  },
  counted: {
    lists: [one, functionsOfRead],
    tracers: {
      floor,
      fsnoop: (names) => count(names, ['-k', names.join()]),
      functionGraph: (names) => whileFunctionGraph(names, {}, costOfRead),
      bpftrace: (names) => bpftrace(names, ''),
    },
  },
  countedBelow: {
    lists: [functionsOfRead],
    tracers: { fsnoop: (names) => count(names, flagsForNames(names)) },
  },
  recordedScalars: {
    lists: [withScalars],
    tracers: {
      noValues: (names) => record(names),
      fsnoop: (names) => record(names, []),
    },
  },
  recordedString: {
    lists: [one],
    tracers: {
      noValues: (names) => record(names),
      fsnoop: (names) => record(names, []),
    },
  },
  recordedExpression: {
    lists: [['vfs_read']],
    tracers: {
      noValues: (names) => record(names),
      fsnoop: (names) => record(names, ['--args', 'off', '--output-arg', 'file->f_inode->i_size']),
    },
  },
  ignoredTask: {
    lists: [one, functionsOfRead],
    tracers: {
      floor,
      /** Only another process is traced, which makes no calls. */
      fsnoop: (names) => whileOtherIsTraced(flagsFor(names)),
      functionGraph: (names) => whileFunctionGraph(names, { set_ftrace_pid: '1' }, costOfRead),
      bpftrace: (names) => bpftrace(names, '/pid == 1/'),
    },
  },
  ignoredOutsideRoot: {
    lists: [one, functionsOfRead],
    tracers: {
      floor,
      fsnoop: (names) => costOfRead(['fsnoop', ...flagsFor([idleRoot, ...names]), '-c', 'reads']),
      functionGraph: (names) =>
        whileFunctionGraph([idleRoot, ...names], { set_graph_function: idleRoot }, costOfRead),
    },
  },
  /** The same while a sleeping task is in a root. */
  ignoredTaskWhileOpen: {
    lists: [functionsOfRead],
    tracers: {
      fsnoop: (names) =>
        whileTracing([...flagsFor([sleepingRoot, ...names]), '-c', 'sleep 1000'], async () => {
          await delay(500); // until it sleeps
          return costOfRead();
        }),
    },
  },
  ignoredOutsideRootWhileOpen: {
    lists: [functionsOfRead],
    tracers: {
      fsnoop: (names) =>
        costOfRead([
          ...['fsnoop', ...flagsFor([sleepingRoot, ...names])],
          ...['-c', "sh -c 'sleep 1000 >/dev/null 2>&1 & sleep 0.2; exec reads'"],
        ]),
    },
  },
  rejected: {
    lists: [['vfs_read']],
    tracers: {
      otherTask: (names) => whileOtherIsTraced(flagsFor(names)),
      notInRoot: (names) =>
        costOfRead(['fsnoop', ...flagsFor([idleRoot, ...names]), '-c', 'reads']),
      fsnoop: rejected,
      bpftrace: (names) => bpftrace(names, '/args.count == 4096/'),
    },
  },
};

async function whileOtherIsTraced(flags) {
  const other = spawn('sleep', ['1000']);
  try {
    return await whileTracing([...flags, '--filter-pid', `${other.pid}`], () => costOfRead());
  } finally {
    other.kill();
  }
}

/** Reads are of one byte. */
async function rejected(names) {
  const flags = [...flagsFor(names), '--filter-arg', 'count == 4096', '-c', 'reads'];
  const cost = await costOfRead(['fsnoop', ...flags]);
  if (readSummary('/tmp/trace.json').calls >= reads) throw new Error('calls were recorded');
  return cost;
}

/** A histogram of durations, which is what bpftrace is mostly asked for. */
function bpftrace(names, filter) {
  const probes = names.flatMap((name, at) => [
    `fentry:${name} ${filter} { @start${at}[tid] = nsecs }`,
    `fexit:${name} ${filter} { @ns${at} = hist(nsecs - @start${at}[tid]); delete(@start${at}, tid) }`,
  ]);
  const command = ['-q', '-e', probes.join('\n'), '-c', '/usr/bin/reads'];
  return tryPeer(() => costOfRead(peerCommand('bpftrace', ...command)));
}

/** Instructions a call, by way and tracer, one for each list: `{ recorded: { fsnoop: [542, 531], … }, … }`. */
export async function measure({ ways: some, tracers }) {
  const alone = await costOfRead();
  const found = {};
  for (const way of some) {
    const { lists, tracers: measures } = ways[way];
    found[way] = {};
    for (const [tracer, cost] of Object.entries(measures)) {
      if (!tracers.includes(tracer)) continue;
      progress(`${way}, ${tracer}`);
      found[way][tracer] = [];
      for (const names of lists) {
        const whole = await cost(names);
        found[way][tracer].push(whole.notRun ? whole : (whole - alone) / names.length);
      }
    }
  }
  return { alone, ...found };
}
