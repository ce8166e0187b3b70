/**
 * How many calls a second of CPU time go from recorded bytes to text, on this machine: decode, tree, render,
 * one process, no I/O. `trace-cmd report` does the same with as many calls that function_graph recorded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TreeBuilder } from '../../dist/tree/builder.js';
import { bestByTurns, secondsOf } from '../cpu-time.js';
import {
  callsOfRead,
  intoRecords,
  intoRenderer,
  makeBatches,
  recordReads,
  rendered,
  saveTrace,
  timeReport,
} from '../recorded-reads.js';

const reads = 40_000;
const reference = 'trace-cmd report';

export const pipeline = {
  name: 'pipeline',
  summary: 'from recorded bytes to text and JSON, on the host',
  async measure(bench) {
    const folder = mkdtempSync(join(tmpdir(), 'fsnoop-pipeline-'));
    try {
      const recorded = await recordReads(bench, { reads, icount: true });
      const trace = await saveTrace(recorded, { reads, folder, bench });
      return { kernel: 'host', rows: await measureRates(trace, bench) };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measureRates(trace, bench) {
  const rates = await measureWays(makeBatches(reads), trace);
  const row = (name, rate, targets, peers = []) => ({
    name,
    unit: 'million calls/s',
    value: rate / 1e6,
    targets,
    peers,
  });
  const faster = { least: 10, of: reference };
  const report = trace.notRun === undefined ? rates.report / 1e6 : trace;
  return [
    row(
      'decode, build trees, print text',
      rates.text,
      [{ least: 1.5 }, faster],
      [bench.peer(reference, report)],
    ),
    row('decode, build trees, print JSON', rates.json, [{ least: 1 }]),
    row('decode only', rates.decode, []),
    row('decode, build trees', rates.trees, []),
    row('text, one line a call', rates.lines, []),
    row('text, ftrace', rates.ftrace, []),
  ];
}

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
    rates[name] = (reads * callsOfRead) / best.own;
    if (name === 'text') rates.report = trace.calls / best.report;
  }
  if (rendered() === 0) throw new Error('nothing was rendered');
  return rates;
}

/** Into trees, which are dropped. */
function intoTrees() {
  const builder = new TreeBuilder({ onTree: () => undefined });
  return intoRecords((record) => {
    builder.add(record);
  });
}
