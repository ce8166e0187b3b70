/** Prints a recording as `trace` would have printed what was recorded. */
import { exitStatus, Failure } from '../failure.js';
import { openOutput } from '../tracing/output.js';
import { Printer, type PrinterOptions } from '../tracing/printer.js';
import { checkApart, openRecording, standardInput } from './file.js';
import { renderRefused } from '../render/notes.js';
import { makeWrite, Stop } from '../tracing/stop.js';

export interface ReplayRequest extends PrinterOptions {
  /** A recording; `-` is standard input. */
  readonly path: string;
  /** A file, or null for standard output. */
  readonly output: string | null;
}

/**
 * @returns the exit status
 * @throws {Failure} when the file is no recording, or the output, or is damaged: what is before the damage was
 * printed
 */
export async function replay(request: ReplayRequest): Promise<number> {
  const { path, limitEvents, format, live, onNote } = request;
  await checkApart(path, request.output);
  const { opening, attached, addresses, read } = await openRecording(path);
  if (live && !opening.live) throw withoutEntries(path);
  await using output = await openOutput(request.output);
  using stop = new Stop();
  const write = makeWrite(output, stop);
  const printer = new Printer(
    {
      opening,
      addresses,
      refused: attached.refused,
      write,
      // a file is read to its end, where losses are told; what comes through a pipe may go on for long
      onLimit: () => {
        if (limitEvents !== null && path === standardInput) stop.ask({ type: 'limit' });
      },
    },
    // as many as the trace was to end after were all that it printed, though more were recorded
    { ...request, limitEvents: limitEvents ?? opening.limitEvents },
  );
  if (format === 'text') onNote(renderRefused(attached.refused));
  await printer.start(attached);
  const { ending, damage } = await read(
    (records) => printer.take(records),
    () => stop.reason !== null,
  );
  if (ending === null) await printer.finish();
  else await printer.end(ending);
  if (damage !== null) throw damage;
  return stop.status();
}

function withoutEntries(path: string): Failure {
  return new Failure(
    exitStatus.usage,
    `${path} tells no entries of calls, which --live shows as they come.`,
    'Record them with: fsnoop record --live',
    'Or show entries where calls have returned: --style arrows',
  );
}
