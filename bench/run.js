/**
 * Measures fsnoop and its peers, on the terminal, into bench/results.json and BENCHMARKS.md:
 *
 *	npm run bench              all measures
 *	npm run bench -- NAME...   some of them; the results of the others stay
 *	npm run bench -- quick     fsnoop's cost a call against the committed results: 1 when it is dearer
 *
 * The status is 1 when something could not be measured, whether or not targets are met.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, URL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { makeBench } from './bench.js';
import { attach } from './measures/attach.js';
import { callees } from './measures/callees.js';
import { cost, quickCost } from './measures/cost.js';
import { memory } from './measures/memory.js';
import { pipeline } from './measures/pipeline.js';
import { recording } from './measures/recording.js';
import { ready } from './measures/ready.js';
import { startup } from './measures/startup.js';
import { sustained } from './measures/sustained.js';
import { renderDocument, renderTable } from './render.js';
import { findDearer, judge, merge } from './rows.js';

const measures = [cost, attach, ready, startup, callees, pipeline, recording, sustained, memory];
const names = measures.map(({ name }) => name);

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const resultsPath = here('results.json');

const loadResults = () => JSON.parse(readFileSync(resultsPath, 'utf8'));

/** No more digits than tell something. */
const rounded = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value);

async function writeResults(results) {
  await writeFormatted(resultsPath, JSON.stringify(results, rounded));
  const text = readFileSync(here('BENCHMARKS.text.md'), 'utf8');
  await writeFormatted(here('../BENCHMARKS.md'), renderDocument(text, loadResults()));
}

/** As `npm run format` would have it. */
async function writeFormatted(path, text) {
  writeFileSync(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
}

/** Measures one, keeps its results; the error when that can't be done. */
async function runMeasure({ name, measure }, bench) {
  bench.report(`${name} …`);
  try {
    const { kernel, rows } = await measure(bench);
    const result = { kernel, fsnoop: bench.fsnoop, rows: rows.map(judge) };
    await writeResults(merge(loadResults(), name, result, names));
    return [];
  } catch (error) {
    bench.report(error.stack);
    return [`${name} could not be measured: ${error.message}`];
  }
}

async function runQuick(bench) {
  const { kernel, rows } = await quickCost(bench);
  const judged = rows.map(judge);
  console.log(renderTable({ quick: { kernel, fsnoop: bench.fsnoop, rows: judged } }));
  return findDearer(judged, loadResults().cost?.rows ?? []);
}

async function runAll(wanted, bench) {
  const failures = [];
  for (const measure of measures.filter(({ name }) => wanted.includes(name)))
    failures.push(...(await runMeasure(measure, bench)));
  const found = Object.entries(loadResults()).filter(([name]) => wanted.includes(name));
  console.log(renderTable(Object.fromEntries(found)));
  return failures;
}

async function main(args) {
  const unknown = args.filter((name) => ![...names, 'quick'].includes(name));
  if (unknown.length > 0) {
    console.error(`There is no measure ${unknown.join(', ')}. There are:`);
    for (const { name, summary } of measures) console.error(`  ${name.padEnd(10)}  ${summary}`);
    console.error(`  ${'quick'.padEnd(10)}  a recorded and an ignored call, as CI does`);
    return 2;
  }
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(0).padStart(4);
  const bench = makeBench((text) => console.error(`bench ${seconds()} s: ${text}`));
  try {
    const failures = args.includes('quick')
      ? await runQuick(bench)
      : await runAll(args.length === 0 ? names : args, bench);
    for (const failure of failures) console.error(`bench: ${failure}`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    bench.close();
  }
}

process.exitCode = await main(process.argv.slice(2));
