/**
 * How many calls a second go from bytes to text: decode, tree, render, one process, no I/O.
 *
 *	npx tsc && node bench/pipeline.js
 */
import { Buffer } from 'node:buffer';
import { decode } from '../dist/events/decode.js';
import { encode } from '../dist/events/encode.js';
import { recordType } from '../dist/events/record.js';
import { makeRenderer } from '../dist/render/renderer.js';
import { TreeBuilder } from '../dist/tree/builder.js';

const trees = 40_000;
const rounds = 10;
const batchBytes = 256 * 1024;

const long = { kind: 'int', bytes: 8, signed: true };
const int = { kind: 'int', bytes: 4, signed: true };
const functions = [
  { name: 'ksys_read', returns: long, root: true },
  { name: 'vfs_read', returns: long, root: false },
  { name: 'rw_verify_area', returns: int, root: false },
  { name: 'security_file_permission', returns: int, root: false },
  { name: 'read_zero', returns: long, root: false },
].map((known) => ({ ...known, module: null, btfId: 1, reason: null }));

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

/** Decodes all batches into `take` and returns calls a second, of the best round. */
function measure(batches, makeTake) {
  let best = 0;
  for (let round = 0; round < rounds; round++) {
    const take = makeTake();
    const begin = process.hrtime.bigint();
    for (const batch of batches) decode(batch, batch.length, take);
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    best = Math.max(best, (trees * 5) / seconds);
  }
  return best;
}

/** A record's way to the end of `renderer`; the text is measured and dropped. */
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
    epochNs: 1_000_000_000_000n,
    ...options,
  });
  // Buffer.from makes V8 flatten the string, as writing it would.
  return intoTrees((tree) => {
    written += Buffer.from(renderer.tree(tree)).length;
  });
}

let written = 0;
const batches = makeBatches();
const ways = {
  decode: () => () => undefined,
  'decode + tree': () => intoTrees(() => undefined),
  'text, tree': () => intoRenderer({}),
  'text, tree, in colour, cut to 80': () => intoRenderer({ color: true, width: 80 }),
  'text, ftrace': () => intoRenderer({ style: 'ftrace' }),
  'text, arrows': () => intoRenderer({ style: 'arrows' }),
  'text, one line a call': () => intoRenderer({ graph: false }),
  'JSON, trees': () => intoRenderer({ format: 'json' }),
  'JSON, one line a call': () => intoRenderer({ format: 'json', graph: false }),
};
for (const [name, makeTake] of Object.entries(ways)) {
  const rate = measure(batches, makeTake) / 1e6;
  console.log(`${name.padEnd(36)} ${rate.toFixed(2).padStart(6)} million calls/s`);
}
if (written === 0) throw new Error('nothing was rendered');
