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
import { bestByTurns, secondsOf, secondsOfCommand } from '../cpu-time.js';
import { commandOf } from '../peers.js';

/** A million calls. */
const trees = 200_000;
const callsOfTree = 5;
const calls = trees * callsOfTree;
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
    const temporary = mkdtempSync(join(tmpdir(), 'fsnoop-pipeline-'));
    try {
      const counted = await recordReads(bench, { icount: true });
      const clocked = await recordReads(bench, { icount: false });
      const trace = await saveTrace(counted, temporary, bench);
      const rows = [
        ...(await measureRates(trace, bench)),
        ...sizeRows(counted, clocked, trace, bench),
      ];
      return { kernel: 'host', rows };
    } finally {
      rmSync(temporary, { recursive: true });
    }
  },
};

async function measureRates(trace, bench) {
  const batches = makeBatches();
  const rates = {
    ...(await measureWays(batches, trace)),
    ...(await measureRecording(batches, trace)),
  };
  const row = (name, rate, targets, peers = []) => ({
    name,
    unit: 'million calls/s',
    value: rate / 1e6,
    targets,
    peers,
  });
  const faster = { least: 10, of: reference };
  const peers = (rate) => [bench.peer(reference, trace.notRun === undefined ? rate / 1e6 : trace)];
  return [
    row(
      'decode, build trees, print text',
      rates.text,
      [{ least: 1.5 }, faster],
      peers(rates.reportByText),
    ),
    row('decode, build trees, print JSON', rates.json, [{ least: 1 }]),
    row('decode only', rates.decode, []),
    row('decode, build trees', rates.trees, []),
    row('text, one line a call', rates.lines, []),
    row('text, ftrace', rates.ftrace, []),
    row('into a recording', rates.write, []),
    row('from a recording, decode only', rates.read, []),
    row('from a recording, print text', rates.print, [], peers(rates.reportByPrint)),
  ];
}

/** Bytes a call, of files. */
function sizeRows(counted, clocked, trace, bench) {
  const row = (name, { recording }, peers) => ({
    name,
    unit: 'bytes/call',
    value: recording.bytes / recording.calls,
    targets: [{ most: 10 }],
    peers,
  });
  const bytes = trace.notRun === undefined ? trace.bytes / trace.calls : trace;
  return [
    row('recording of five functions', counted, [bench.peer('trace-cmd record', bytes)]),
    row('recording of five functions, by the clock', clocked, []),
  ];
}

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

/** Calls a second of writing and reading recordings, and of `trace-cmd report`, which prints its file. */
async function measureRecording(batches, trace) {
  let file = [];
  const write = await bestRate(() => {
    const writer = new RecordingWriter(opening, noAddresses);
    file = [writer.start(attached), ...batches.map((batch) => writer.add(batch))];
    file.push(writer.end(ending));
  });
  const readInto = (take) => async () => {
    for await (const part of readRecording(Readable.from(file)))
      if (part.type === 'records') take(part.records);
  };
  const read = await bestRate(readInto(intoRecords(() => undefined)));
  const print = await bestByTurns({
    own: () => secondsOf(readInto(intoRenderer({}))),
    ...timeReport(trace),
  });
  return { write, read, print: calls / print.own, reportByPrint: trace.calls / print.report };
}

/** By turns with what it is compared with; nothing where there is no file. */
const timeReport = ({ notRun, command }) =>
  notRun === undefined ? { report: () => secondsOfCommand(command) } : {};

let written = 0;

const ways = {
  decode: () => intoRecords(() => undefined),
  trees: intoTrees,
  text: () => intoRenderer({}),
  json: () => intoRenderer({ format: 'json' }),
  lines: () => intoRenderer({ graph: false }),
  ftrace: () => intoRenderer({ style: 'ftrace' }),
};

/** Calls a second of each way, and of `trace-cmd report`, by turns with the text that it is compared with. */
async function measureWays(batches, trace) {
  const rates = {};
  for (const [name, makeTake] of Object.entries(ways)) {
    const run = () => {
      const take = makeTake();
      for (const batch of batches) take(batch);
    };
    const beside = name === 'text' ? timeReport(trace) : {};
    const best = await bestByTurns({ own: () => secondsOf(run), ...beside });
    rates[name] = calls / best.own;
    if (name === 'text') rates.reportByText = trace.calls / best.report;
  }
  if (written === 0) throw new Error('nothing was rendered');
  return rates;
}

async function bestRate(run) {
  const { own } = await bestByTurns({ own: () => secondsOf(run) });
  return calls / own;
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

/** What fsnoop and trace-cmd record of real reads, in a guest of their own. */
async function recordReads(bench, { icount }) {
  const args = { reads: trees, readsPerSecond: 8000, mostBytes: 4096 };
  const { found } = await bench.guest('record', { args, peers: true, icount });
  checkCalls('fsnoop', found.recording.calls);
  return found;
}

/** The command that reports trace-cmd's file, how long it is, how many calls are in it; `{ notRun }` without one. */
async function saveTrace({ base64, notRun }, temporary, bench) {
  if (base64 === undefined) return { notRun };
  const { folder } = await bench.peers();
  const path = join(temporary, 'trace.dat');
  const file = Buffer.from(base64, 'base64');
  writeFileSync(path, file);
  const command = commandOf(folder, 'trace-cmd', 'report', path);
  const recorded = countCalls(command);
  checkCalls('trace-cmd', recorded);
  return { command, calls: recorded, bytes: file.length };
}

function checkCalls(who, recorded) {
  if (recorded < calls * 0.99) throw new Error(`${who} recorded ${recorded} calls`);
}

/** A call is a line of its own, or ends with one. */
function countCalls([program, ...args]) {
  const text = execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  return text.split('\n').filter((line) => /; *$|} *(\/\*.*)?$/.test(line)).length;
}
