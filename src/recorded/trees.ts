/** The trees of a recording: those that trace printed, or would have. Tracepoints in no tree are left out. */
import type { Ending } from '../recording/opening.js';
import type { Recording } from './file.js';
import type { Failure } from '../failure.js';
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

export interface TreesRead {
  readonly counts: Readonly<TreeCounts>;
  /** As of Recording.read(). */
  readonly ending: Ending | Failure | null;
}

export async function readTrees(
  { opening, read }: Recording,
  { onTree, onBatch, isOver }: TreeTaker,
): Promise<TreesRead> {
  const stream = makeTreeStream(opening, onTree, () => undefined);
  const ending = await read(async (records) => {
    stream.add(records, records.length);
    await onBatch();
  }, isOver);
  stream.finish();
  await onBatch();
  return { counts: stream.counts, ending };
}
