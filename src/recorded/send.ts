/** Sends the trees of a recording to a collector of OpenTelemetry. */
import { formatUrl, openCollector, type CollectorOptions } from './collector.js';
import { makeSpanMaker, type Span, type SpanOptions } from '../export/otlp.js';
import { readTrees } from './trees.js';
import { openRecording } from './file.js';
import { isOfMarks } from '../recording/opening.js';
import { renderSent } from '../render/sent.js';
import { renderUnplaced } from '../render/notes.js';
import { renderSummaryText } from '../render/summary.js';
import { Stop } from '../tracing/stop.js';
import type { Tree } from '../tree/tree.js';
import { formatCount } from '../words/quantities.js';

export interface SendRequest extends CollectorOptions, Omit<SpanOptions, 'startedMs'> {
  /** A recording; `-` is standard input. */
  readonly path: string;
  /** Told what is being done, for a terminal; '' when it is done. */
  readonly onProgress: (text: string) => void;
  /** Gets what people are told: what was sent, and lost. */
  readonly onNote: (text: string) => void;
}

/** In one request: with the longest values 10 MB, where collectors take 20. */
const spansAtOnce = 512;

/**
 * No more is read before what was is sent.
 * @returns the exit status
 * @throws {Failure} when the file is no recording, or is damaged: what is before the damage was sent; when the
 * collector did not take what it was sent
 */
export async function sendRecording(request: SendRequest): Promise<number> {
  const { path, url, onProgress, onNote } = request;
  const recording = await openRecording(path);
  const startedMs = Date.parse(recording.opening.startedAt);
  const spansOf = makeSpanMaker(recording, { ...request, startedMs });
  using stop = new Stop();
  using collector = openCollector(request);
  let spans = 0;
  let waiting: Span[] = [];
  let trees: Tree[] = [];
  let unplaced = 0;
  const isOver = () => stop.reason !== null;

  const sendWaiting = async (): Promise<void> => {
    if (waiting.length === 0 || isOver()) return;
    const batch = waiting;
    waiting = [];
    const taken = collector.send(batch).then(() => {
      spans += batch.length;
    });
    await Promise.race([taken, stop.asked]);
    onProgress(`${formatCount(spans)} spans sent`);
  };
  const sendTrees = async (): Promise<void> => {
    const batch = trees;
    trees = [];
    for (const tree of batch) {
      for (const span of spansOf(tree)) {
        waiting.push(span);
        if (waiting.length === spansAtOnce) await sendWaiting();
        if (isOver()) return;
      }
    }
  };

  try {
    const { ending, damage, counts } = await readTrees(recording, {
      onTree: (tree) => {
        trees.push(tree);
      },
      onHit: () => {
        unplaced++;
      },
      onBatch: sendTrees,
      isOver,
    });
    await sendWaiting();
    onNote(renderUnplaced(unplaced, 'otlp'));
    const lost = ending === null ? null : { ...ending.losses, user: counts.lostUser };
    if (lost !== null)
      onNote(renderSummaryText({ ...counts, isOfMarks: isOfMarks(recording.opening), lost }));
    if (damage !== null) throw damage;
    return stop.status();
  } finally {
    onProgress('');
    onNote(renderSent({ spans, ...collector.remarks, url: formatUrl(url) }));
  }
}
