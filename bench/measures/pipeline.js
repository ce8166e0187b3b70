/**
 * How many calls a second of CPU time go from recorded bytes to text, on this machine: decode, tree, render,
 * one process, no I/O. `trace-cmd report` does the same with as many calls that function_graph recorded.
 */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { decode } from '../../dist/events/decode.js';
import { encode } from '../../dist/events/encode.js';
import { recordType } from '../../dist/events/record.js';
import { readRecording } from '../../dist/recording/read.js';
import { RecordingWriter } from '../../dist/recording/write.js';
import { noAddresses } from '../../dist/symbols/addresses.js';
import { makeRenderer } from '../../dist/render/renderer.js';
import { Stream } from '../../dist/tracing/stream.js';
import { TreeBuilder } from '../../dist/tree/builder.js';
import { commandOf } from '../peers.js';

const trees = 40_000;
const callsOfTree = 5;
const rounds = 10;
/** As src/tracing/backlog.ts reads them. */
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
    const { report, bytes, recording } = await measureReal(bench);
    const batches = makeBatches();
    const rates = { ...(await measureWays(batches)), ...(await measureRecording(batches)) };
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
        row('into a recording', rates.write, []),
        row('from a recording, decode only', rates.read, []),
        {
          name: 'recording of five functions',
          unit: 'bytes/call',
          value: recording.bytes / recording.calls,
          targets: [{ most: 10 }],
          peers: [bench.peer('trace-cmd record', bytes)],
        },
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

/** All that a recording has besides records. */
const opening = {
  ...{ epochNs: 0n, startedAt: '', cpus: 2, command: null, graph: true, live: false },
  ...{ functions, outputs: [], learnt: null, limitEvents: null, bufferBytes: 2 ** 24 },
};
const attached = { kernel: '', method: '', functions: 5, refused: [], attachMs: 0 };
const ending = {
  losses: { ring: 0, recursion: 0, entry: 0 },
  ...{ detachMs: 0, counts: [], stopped: null },
};

/** Calls a second of writing and reading recordings, of the best round. */
async function measureRecording(batches) {
  let file = [];
  const write = await bestRateOf(() => {
    const writer = new RecordingWriter(opening, noAddresses);
    file = [writer.start(attached), ...batches.map((batch) => writer.add(batch))];
    file.push(writer.end(ending));
  });
  const read = await bestRateOf(async () => {
    for await (const part of readRecording(Readable.from(file)))
      if (part.type === 'records') decode(part.records, part.records.length, () => undefined);
  });
  return { write, read };
}

let written = 0;

const ways = {
  decode: () => intoRecords(() => undefined),
  trees: intoTrees,
  text: () => intoRenderer({}),
  json: () => intoRenderer({ format: 'json' }),
  lines: () => intoRenderer({ graph: false }),
  ftrace: () => intoRenderer({ style: 'ftrace' }),
};

/** Calls a second of each way, of the best round. */
async function measureWays(batches) {
  const rates = {};
  for (const [name, makeTake] of Object.entries(ways))
    rates[name] = await bestRate(batches, makeTake);
  if (written === 0) throw new Error('nothing was rendered');
  return rates;
}

const bestRate = (batches, makeTake) =>
  bestRateOf(() => {
    const take = makeTake();
    for (const batch of batches) take(batch);
  });

async function bestRateOf(run) {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const begin = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(begin);
    best = Math.max(best, (trees * callsOfTree * 1e6) / (user + system));
  }
  return best;
}

const intoRecords = (take) => (batch) => decode(batch, batch.length, take);

/** Into trees, which are dropped. */
function intoTrees() {
  const builder = new TreeBuilder({ onTree: () => undefined });
  return intoRecords((record) => {
    builder.add(record);
  });
}

const epochNs = 1_000_000_000_000n;

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
    epochNs,
    ...options,
  });
  const onLimit = () => undefined;
  const stream = new Stream({ renderer, epochNs, unit: 'tree', limit: null, onLimit });
  return (batch) => {
    stream.add(batch, batch.length);
    written += stream.takeText().length;
  };
}

/**
 * Of real reads: the recording, and of trace-cmd's the rate of `report` and the bytes a call; `{ notRun }` when there
 * is none.
 */
async function measureReal(bench) {
  const { folder } = await bench.peers();
  const args = { reads: trees, readsPerSecond: 8000 };
  const { found } = await bench.guest('record', { args, peers: true });
  const { recording, base64, ...none } = found;
  checkCalls('fsnoop', recording.calls);
  if (base64 === undefined) return { recording, report: none, bytes: none };
  const temporary = mkdtempSync(join(tmpdir(), 'fsnoop-report-'));
  try {
    const path = join(temporary, 'trace.dat');
    const file = Buffer.from(base64, 'base64');
    writeFileSync(path, file);
    const command = commandOf(folder, 'trace-cmd', 'report', path);
    const calls = countCalls(command);
    checkCalls('trace-cmd', calls);
    const seconds = Array.from({ length: 5 }, () => cpuSeconds(command));
    const report = calls / Math.min(...seconds) / 1e6;
    return { recording, report, bytes: file.length / calls };
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

function checkCalls(who, calls) {
  if (calls < trees * callsOfTree * 0.99) throw new Error(`${who} recorded ${calls} calls`);
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
