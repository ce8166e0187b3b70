/** The trees of a recording: those that trace printed, or would have. Tracepoints in no tree are left out. */
import type { Recording, RecordingEnd } from './file.js';
import { makeTreeStream } from '../tracing/stream.js';
import type { TreeCounts } from '../tree/builder.js';
import type { Tree } from '../tree/tree.js';

export interface TreeTaker {
  /** Gets each tree, in the order in which they ended. */
  readonly onTree: (tree: Tree) => void;
  /** Is told again and again that there were some. */
  readonly onBatch: () => Promise<void>;
  readonly isOver: () => boolean;
}

export interface TreesRead extends RecordingEnd {
  readonly counts: Readonly<TreeCounts>;
}

export async function readTrees(
  { opening, read }: Recording,
  { onTree, onBatch, isOver }: TreeTaker,
): Promise<TreesRead> {
  const stream = makeTreeStream(opening, onTree, () => undefined);
  const end = await read(async (records) => {
    stream.add(records, records.length);
    await onBatch();
  }, isOver);
  stream.finish();
  await onBatch();
  return { ...end, counts: stream.counts };
}
