/** Turns a recording into the format of another program. */
import { readFileSync } from 'node:fs';
import type { Exporter, ExportParts } from '../export/exporter.js';
import { makeChromeExporter } from '../export/chrome.js';
import { makeCsvExporter } from '../export/csv.js';
import { makeFoldedExporter, ownNs, ownOffNs } from '../export/folded.js';
import { makeHtmlExporter } from '../export/html.js';
import { makePerfettoExporter } from '../export/perfetto.js';
import { makeSpeedscopeExporter } from '../export/speedscope.js';
import { openOutput } from '../tracing/output.js';
import { readTrees } from './trees.js';
import { checkApart, checkOffCpu, openRecording } from './file.js';
import { isOfMarks } from '../recording/opening.js';
import { renderUnplaced } from '../render/notes.js';
import { renderSummaryText } from '../render/summary.js';
import { replay } from './replay.js';
import { makeWrite, Stop } from '../tracing/stop.js';

export interface ExportRequest {
  /** A recording; `-` is standard input. */
  readonly path: string;
  readonly to: Format;
  /** A file, or null for standard output. */
  readonly output: string | null;
  /** Gets what people are told beside it. */
  readonly onNote: (text: string) => void;
}

const makers = {
  chrome: makeChromeExporter,
  perfetto: makePerfettoExporter,
  speedscope: makeSpeedscopeExporter,
  folded: (parts: ExportParts) => makeFoldedExporter(parts, ownNs),
  'off-cpu': (parts: ExportParts) => makeFoldedExporter(parts, ownOffNs),
  csv: makeCsvExporter,
  html: (parts: ExportParts) => makeHtmlExporter(parts, readPage()),
} as const;

/** `json` is what `trace --format json` writes. */
export const formats = [...(Object.keys(makers) as (keyof typeof makers)[]), 'json'] as const;
export type Format = (typeof formats)[number];

/**
 * @returns the exit status
 * @throws {Failure} when the file is no recording, or the output, or is damaged: what is before the damage was
 * exported
 */
export async function exportRecording(request: ExportRequest): Promise<number> {
  const { path, to, output: outputPath, onNote } = request;
  if (to === 'json') return replay({ ...request, ...asJsonLines });
  await checkApart(path, outputPath);
  const recording = await openRecording(path);
  if (to === 'off-cpu') checkOffCpu(recording, path, '--to off-cpu');
  const exporter: Exporter = makers[to](recording);
  await using output = await openOutput(outputPath);
  using stop = new Stop();
  const write = makeWrite(output, stop);
  await write(exporter.start());
  let made: (string | Uint8Array)[] = [];
  let unplaced = 0;
  const { ending, damage, counts } = await readTrees(recording, {
    onTree: (tree) => {
      made.push(exporter.tree(tree));
    },
    onHit: (hit) => {
      if (exporter.hit === undefined) unplaced++;
      else made.push(exporter.hit(hit));
    },
    onBatch: async () => {
      await write(joinAll(made));
      made = [];
    },
    isOver: () => stop.reason !== null,
  });
  for (const piece of exporter.end()) await write(piece);
  onNote(renderUnplaced(unplaced, to));
  const lost = ending === null ? null : { ...ending.losses, user: counts.lostUser };
  if (lost !== null)
    onNote(renderSummaryText({ ...counts, isOfMarks: isOfMarks(recording.opening), lost }));
  if (damage !== null) throw damage;
  return stop.status();
}

const asJsonLines = {
  ...({ format: 'json', style: 'tree' } as const),
  ...{ live: false, width: null, color: false, limitEvents: null, verbose: false },
};

/** Made by `start`, `tree`, `hit` and `end` of one exporter, which are all text or all bytes. */
function joinAll(chunks: readonly (string | Uint8Array)[]): string | Uint8Array {
  const bytes = chunks.filter((chunk) => typeof chunk !== 'string');
  return bytes.length > 0 ? Buffer.concat(bytes) : chunks.join('');
}

/** The page that shows a trace; its script is its own. */
function readPage(): string {
  return readFileSync(new URL('page.html', import.meta.url), 'utf8');
}
