/**
 * A recording of a million calls: how many bytes one takes, and how many calls a second of CPU time are written and
 * read on this machine, in memory. Beside it trace-cmd's file of the same load, and its report.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readRecording } from '../../dist/recording/read.js';
import { RecordingWriter } from '../../dist/recording/write.js';
import { noAddresses } from '../../dist/symbols/addresses.js';
import { bestByTurns, secondsOf } from '../cpu-time.js';
import {
  callsOfRead,
  functions,
  intoRecords,
  intoRenderer,
  makeBatches,
  recordReads,
  rendered,
  saveTrace,
  timeReport,
} from '../recorded-reads.js';

const reads = 200_000;
const calls = reads * callsOfRead;

export const recording = {
  name: 'recording',
  summary: 'size of a recording of a million calls, writing and reading it',
  async measure(bench) {
    const folder = mkdtempSync(join(tmpdir(), 'fsnoop-recording-'));
    try {
      const counted = await recordReads(bench, { reads, icount: true });
      const clocked = await recordReads(bench, { reads, icount: false });
      const trace = await saveTrace(counted, { reads, folder, bench });
      const rows = [
        ...sizeRows(counted, clocked, trace, bench),
        ...rateRows(await measureRates(trace), trace, bench),
      ];
      return { kernel: 'host', rows };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

/** Bytes a call, of files. */
function sizeRows(counted, clocked, trace, bench) {
  const row = (name, { recording: { bytes, calls: recorded } }, peers) => ({
    name,
    unit: 'bytes/call',
    value: bytes / recorded,
    targets: [{ most: 10 }],
    peers,
  });
  const bytes = trace.notRun === undefined ? trace.bytes / trace.calls : trace;
  return [
    row('recording of five functions', counted, [bench.peer('trace-cmd record', bytes)]),
    row('recording of five functions, by the clock', clocked, []),
  ];
}

function rateRows(rates, trace, bench) {
  const row = (name, rate, peers) => ({
    name,
    unit: 'million calls/s',
    value: rate / 1e6,
    targets: [],
    peers,
  });
  const report = trace.notRun === undefined ? rates.report / 1e6 : trace;
  return [
    row('into a recording', rates.write, []),
    row('from a recording, decode only', rates.read, []),
    row('from a recording, print text', rates.print, [bench.peer('trace-cmd report', report)]),
  ];
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

/** Calls a second, also of `trace-cmd report`, by turns with what it is compared with. */
async function measureRates(trace) {
  const batches = makeBatches(reads);
  let file = [];
  const write = () => {
    const writer = new RecordingWriter(opening, noAddresses);
    file = [writer.start(attached), ...batches.map((batch) => writer.add(batch))];
    file.push(writer.end(ending));
  };
  const readInto = (makeTake) => async () => {
    const take = makeTake();
    for await (const part of readRecording(Readable.from(file)))
      if (part.type === 'records') take(part.records);
  };
  const written = await bestByTurns({ own: () => secondsOf(write) });
  const read = await bestByTurns({
    own: () => secondsOf(readInto(() => intoRecords(() => undefined))),
  });
  const printed = await bestByTurns({
    own: () => secondsOf(readInto(() => intoRenderer({}))),
    ...timeReport(trace),
  });
  if (rendered() === 0) throw new Error('nothing was rendered');
  return {
    write: calls / written.own,
    read: calls / read.own,
    print: calls / printed.own,
    report: trace.calls / printed.report,
  };
}
