/** What was recorded, in one or two lines, for people. */
import { renderLosses, type Summary } from './summary.js';
import { formatCount } from '../words/quantities.js';

export interface Recorded extends Pick<Summary, 'lost' | 'isCut' | 'bufferBytes' | 'method'> {
  readonly name: string;
  readonly records: number;
  readonly bytes: number;
}

/** `reads.fsnoop: 1,204 records in 5.1 KB. Lost: none.`, or with losses a second line, as of a trace. */
export function renderRecorded(recorded: Recorded): string {
  const { name, records, bytes } = recorded;
  const noun = records === 1 ? 'record' : 'records';
  return `${name}: ${formatCount(records)} ${noun} in ${formatSize(bytes)}.${renderLosses(recorded)}\n`;
}

/** `812 B`, `5.1 KB`, `3.4 MB`. */
function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
