/**
 * Records of reads of /dev/zero, five calls each: made here as the kernel side writes them, or recorded in a guest by
 * fsnoop and by trace-cmd's function_graph. And what takes records, batch by batch.
 */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode } from '../dist/events/decode.js';
import { encode } from '../dist/events/encode.js';
import { recordType } from '../dist/events/record.js';
import { makeRenderer } from '../dist/render/renderer.js';
import { noAddresses } from '../dist/symbols/addresses.js';
import { Stream } from '../dist/tracing/stream.js';
import { secondsOfCommand } from './cpu-time.js';
import { commandOf } from './peers.js';

export const callsOfRead = 5;
/** As src/tracing/backlog.ts reads them. */
const batchBytes = 1 << 16;

const long = { kind: 'int', bytes: 8, signed: true, char: false };
const int = { kind: 'int', bytes: 4, signed: true, char: false };
export const functions = [
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

/** Batches of whole records of so many reads, as the ring buffer gives them. */
export function makeBatches(trees) {
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

export const intoRecords = (take) => (batch) => decode(batch, batch.length, take);

const epochNs = 1_000_000_000_000n;

let letters = 0;

/** How many were rendered: nothing is left out because nobody looks. */
export const rendered = () => letters;

/** Into text, which is dropped. */
export function intoRenderer(options) {
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
    letters += stream.takeText().length;
  };
}

/** What fsnoop and trace-cmd record of real reads, in a guest of their own. */
export async function recordReads(bench, { reads, icount }) {
  const args = { reads, readsPerSecond: 8000, mostBytes: 4096 };
  const { found } = await bench.guest('record', { args, peers: true, icount });
  checkCalls('fsnoop', found.recording.calls, reads);
  return found;
}

/** The command that reports trace-cmd's file, how long it is, how many calls are in it; `{ notRun }` without one. */
export async function saveTrace({ base64, notRun }, { reads, folder: temporary, bench }) {
  if (base64 === undefined) return { notRun };
  const { folder } = await bench.peers();
  const path = join(temporary, 'trace.dat');
  const file = Buffer.from(base64, 'base64');
  writeFileSync(path, file);
  const command = commandOf(folder, 'trace-cmd', 'report', path);
  const recorded = countCalls(command);
  checkCalls('trace-cmd', recorded, reads);
  return { command, calls: recorded, bytes: file.length };
}

function checkCalls(who, recorded, reads) {
  if (recorded < reads * callsOfRead * 0.99) throw new Error(`${who} recorded ${recorded} calls`);
}

/** A call is a line of its own, or ends with one. */
function countCalls([program, ...args]) {
  const text = execFileSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 30 });
  return text.split('\n').filter((line) => /; *$|} *(\/\*.*)?$/.test(line)).length;
}

/** By turns with what it is compared with; nothing where there is no file. */
export const timeReport = ({ notRun, command }) =>
  notRun === undefined ? { report: () => secondsOfCommand(command) } : {};
