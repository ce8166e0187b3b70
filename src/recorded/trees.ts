/** The trees of a recording, and tracepoints in none: those that trace printed, or would have. */
import type { Recording, RecordingEnd } from './file.js';
import type { Hit } from '../export/exporter.js';
import { makeTreeStream } from '../tracing/stream.js';
import type { TreeCounts } from '../tree/builder.js';
import type { Tree } from '../tree/tree.js';

export interface TreeTaker {
  /** Gets each tree, in the order in which they ended. */
  readonly onTree: (tree: Tree) => void;
  /** Gets each tracepoint that is in no tree; it keeps none, as they change afterwards. Absent: they are left out. */
  readonly onHit?: (hit: Hit) => void;
  /** Is told again and again that there were some. */
  readonly onBatch: () => Promise<void>;
  readonly isOver: () => boolean;
}

export interface TreesRead extends RecordingEnd {
  readonly counts: Readonly<TreeCounts>;
}

export async function readTrees(
  { opening, read }: Recording,
  { onTree, onHit, onBatch, isOver }: TreeTaker,
): Promise<TreesRead> {
  const stream = makeTreeStream(opening, onTree, () => undefined, onHit);
  const end = await read(async (records) => {
    stream.add(records, records.length);
    await onBatch();
  }, isOver);
  stream.finish();
  await onBatch();
  return { ...end, counts: stream.counts };
}
