/** Counts what a recording has of each function. */
import { openOutput } from '../tracing/output.js';
import type { PlannedFunction } from '../plan/plan.js';
import { readProfile } from './profile.js';
import { checkApart, checkOffCpu, openRecording } from './file.js';
import {
  renderMerged,
  renderMergedJson,
  renderReport,
  renderReportJson,
  renderReportSummaryJson,
  type ReportOptions,
} from '../render/report.js';
import { isOfMarks } from '../recording/opening.js';
import { renderSummaryText } from '../render/summary.js';
import { makeText, type TextOptions } from '../render/text.js';
import { makeWrite, Stop } from '../tracing/stop.js';
import type { FunctionProfile, Merged } from '../tree/profile.js';
import { sortByMeasure, type TreeSortKey } from '../tree/sort.js';

export interface ReportRequest
  extends Pick<TextOptions, 'width' | 'color'>, Pick<ReportOptions, 'edges'> {
  /** A recording; `-` is standard input. */
  readonly path: string;
  readonly format: 'text' | 'json';
  readonly show: 'functions' | 'graph';
  readonly sort: TreeSortKey;
  /** No more functions than so many, or calls below each call; null: all. */
  readonly top: number | null;
  /** A file, or null for standard output. */
  readonly output: string | null;
  /** Gets what people are told beside it. */
  readonly onNote: (text: string) => void;
}

/**
 * @returns the exit status
 * @throws {Failure} when the file is no recording, or the output, or is damaged: what is before the damage was
 * counted
 */
export async function report(request: ReportRequest): Promise<number> {
  await checkApart(request.path, request.output);
  const recording = await openRecording(request.path);
  const { opening, addresses } = recording;
  const { functions, outputs, epochNs, bufferBytes, cpuTime } = opening;
  if (request.sort === 'off-cpu') checkOffCpu(recording, request.path, '--sort off-cpu');
  const text = makeText({ ...request, functions, outputs, epochNs, addresses, cpuTime });
  using stop = new Stop();
  const { profile, counts, ending, damage } = await readProfile(
    recording,
    () => stop.reason !== null,
  );
  await using output = await openOutput(request.output);
  const write = makeWrite(output, stop);
  const profiles = profile.functions();
  const shown =
    request.show === 'graph'
      ? renderGraph(profile.merged(), text, functions, request)
      : renderFunctions(profiles, text, functions, request);
  await write(shown);
  if (ending !== null) {
    const lost = { ...ending.losses, user: counts.lostUser };
    if (request.format === 'json')
      await write(renderReportSummaryJson(counts, profiles.length, lost, ending.ticks));
    else
      request.onNote(
        renderSummaryText({ ...counts, isOfMarks: isOfMarks(opening), lost, bufferBytes }),
      );
  }
  if (damage !== null) throw damage;
  return stop.status();
}

function renderFunctions(
  profiles: readonly FunctionProfile[],
  text: ReportOptions['text'],
  functions: readonly PlannedFunction[],
  { format, sort, top, edges }: ReportRequest,
): string {
  const shown = sortByMeasure(profiles, sort, text.names, top);
  return format === 'json'
    ? renderReportJson(shown, functions, text.cpuTime)
    : renderReport(shown, { text, edges });
}

function renderGraph(
  merged: Merged,
  text: ReportOptions['text'],
  functions: readonly PlannedFunction[],
  { format, top }: ReportRequest,
): string {
  return format === 'json'
    ? renderMergedJson(merged, functions, text.cpuTime)
    : renderMerged(merged, text, top ?? Infinity);
}
