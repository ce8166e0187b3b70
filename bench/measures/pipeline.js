/**
 * How many calls a second of CPU time go from recorded bytes to text, on this machine: decode, tree, render,
 * one process, no I/O. `trace-cmd report` does the same with as many calls that function_graph recorded.
 */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from '../../dist/events/decode.js';
import { encode } from '../../dist/events/encode.js';
import { recordType } from '../../dist/events/record.js';
import { noAddresses } from '../../dist/symbols/addresses.js';
import { makeRenderer } from '../../dist/render/renderer.js';
import { TreeBuilder } from '../../dist/tree/builder.js';
import { commandOf } from '../peers.js';

const trees = 40_000;
const callsOfTree = 5;
const rounds = 10;
/** As src/backlog.ts reads them. */
const batchBytes = 1 << 16;
const reference = 'trace-cmd report';

const long = { kind: 'int', bytes: 8, signed: true, char: false };
const int = { kind: 'int', bytes: 4, signed: true, char: false };
const functions = [
  { name: 'ksys_read', returns: long, root: true },
  { name: 'vfs_read', returns: long, root: false },
  { name: 'rw_verify_area', returns: int, root: false },
  { name: 'security_file_permission', returns: int, root: false },
  { name: 'read_zero', returns: long, root: false },
].map((known) => ({
  ...known,
  ...{ module: null, btfId: 1, reason: null },
  ...{
    returnsName: '',
    parameters: [],
    argSlots: 0,
    program: null,
    entryValues: [],
    returnValues: [],
    outputs: [],
  },
}));
const noBytes = new DataView(new ArrayBuffer(0));

export const pipeline = {
  name: 'pipeline',
  summary: 'from recorded bytes to text and JSON, on the host',
  async measure(bench) {
    const report = await rateOfReport(bench);
    const batches = makeBatches();
    const rates = await measureWays(batches);
    const row = (name, rate, targets, peers = []) => ({
      name,
      unit: 'million calls/s',
      value: rate / 1e6,
      targets,
      peers,
    });
    const faster = { least: 10, of: reference };
    const peers = [bench.peer(reference, report)];
    return {
      kernel: 'host',
      rows: [
        row('decode, build trees, print text', rates.text, [{ least: 1.5 }, faster], peers),
        row('decode, build trees, print JSON', rates.json, [{ least: 1 }]),
        row('decode only', rates.decode, []),
        row('decode, build trees', rates.trees, []),
        row('text, one line a call', rates.lines, []),
        row('text, ftrace', rates.ftrace, []),
      ],
    };
  },
};

/** The records of one read of /dev/zero: five calls, in the order of return. */
function recordsOfRead(tree) {
  const startNs = tree * 20_000 + 7_000_000_000;
  // Durations differ from tree to tree, some of them are slow.
  const slowNs = (tree * 7919) % 3000;
  const call = (place, depth, index, startsAfterNs, durationNs, retvalLow) => ({
    type: recordType.call,
    depth,
    function: place,
    tree,
    tid: 101,
    pid: 101,
    cpu: tree % 2,
    index,
    startNs: startNs + startsAfterNs,
    durationNs,
    retvalLow,
    retvalHigh: 0,
    comm: depth === 0 ? 'dd' : '',
    hasEntry: false,
    view: noBytes,
    ...{ slots: 0, argsAt: 0, itemsAt: 0, end: 0 },
  });
  return [
    call(3, 3, 0, 120, 80 + (slowNs >> 3), 0),
    call(2, 2, 1, 100, 300 + (slowNs >> 2), 0),
    call(4, 2, 2, 1600, 400 + (slowNs >> 1), 4096),
    call(1, 1, 3, 60, 3500 + slowNs, 4096),
    call(0, 0, 4, 0, 3700 + slowNs * 3, 4096),
  ];
}

/** Batches of whole records, as the ring buffer gives them. */
function makeBatches() {
  const batches = [];
  let batch = [];
  for (let tree = 0; tree < trees; tree++) {
    batch.push(...recordsOfRead(tree));
    if (batch.length * 60 > batchBytes || tree === trees - 1) {
      batches.push(encode(batch));
      batch = [];
    }
  }
  return batches;
}

let written = 0;

const ways = {
  decode: () => ({ take: () => undefined, end: () => undefined }),
  trees: () => ({ take: intoTrees(() => undefined), end: () => undefined }),
  text: () => intoRenderer({}),
  json: () => intoRenderer({ format: 'json' }),
  lines: () => intoRenderer({ graph: false }),
  ftrace: () => intoRenderer({ style: 'ftrace' }),
};

/** Calls a second of each way, of the best round. */
function measureWays(batches) {
  const rates = Object.fromEntries(
    Object.entries(ways).map(([name, makeTake]) => [name, bestRate(batches, makeTake)]),
  );
  if (written === 0) throw new Error('nothing was rendered');
  return rates;
}

function bestRate(batches, makeTake) {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const { take, end } = makeTake();
    const begin = process.cpuUsage();
    for (const batch of batches) {
      decode(batch, batch.length, take);
      end();
    }
    const { user, system } = process.cpuUsage(begin);
    best = Math.max(best, (trees * callsOfTree * 1e6) / (user + system));
  }
  return best;
}

/** Into trees, which are dropped. */
function intoTrees(onTree) {
  const builder = new TreeBuilder({ onTree });
  return (record) => {
    builder.add(record);
  };
}

function intoRenderer(options) {
  const renderer = makeRenderer({
    format: 'text',
    style: 'tree',
    graph: true,
    live: false,
    width: null,
    color: false,
    functions,
    outputs: [],
    addresses: noAddresses,
    epochNs: 1_000_000_000_000n,
    ...options,
  });
  let text = '';
  const take = intoTrees((tree) => {
    text += renderer.tree(tree);
  });
  return {
    take,
    // Buffer.from makes V8 flatten the string, as writing it does
    end: () => {
      written += Buffer.from(text, renderer.encoding).length;
      text = '';
    },
  };
}

/** The same of `trace-cmd report`; `{ notRun }` when there is none. */
async function rateOfReport(bench) {
  const { folder } = await bench.peers();
  const args = { reads: trees, readsPerSecond: 8000 };
  const { found } = await bench.guest('record', { args, peers: true });
  if (found.base64 === undefined) return found;
  const temporary = mkdtempSync(join(tmpdir(), 'fsnoop-report-'));
  try {
    const path = join(temporary, 'trace.dat');
    writeFileSync(path, Buffer.from(found.base64, 'base64'));
    const command = commandOf(folder, 'trace-cmd', 'report', path);
    const calls = countCalls(command);
    if (calls < trees * callsOfTree * 0.99) throw new Error(`trace-cmd recorded ${calls} calls`);
    const seconds = Array.from({ length: 5 }, () => cpuSeconds(command));
    return calls / Math.min(...seconds) / 1e6;
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

/** A call is a line of its own, or ends with one. */
function countCalls([program, ...args]) {
  const text = execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  return text.split('\n').filter((line) => /; *$|} *(\/\*.*)?$/.test(line)).length;
}

/** Of a command whose output is dropped: the last line of the shell's `times`, user and system. */
export function cpuSeconds(command) {
  const script = '"$@" >/dev/null 2>&1; times';
  const text = execFileSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8' });
  const [user, system] = [
    ...text
      .trim()
      .split('\n')
      .at(-1)
      .matchAll(/(\d+)m([\d.]+)s/g),
  ].map(([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds));
  return user + system;
}
