/** Records in, text out: decodes, builds trees, renders them, up to a limit. */
import { decode } from '../events/decode.js';
import { isLone, type CallRecord } from '../events/record.js';
import type { Opening } from '../recording/opening.js';
import type { Renderer } from '../render/renderer.js';
import { TreeBuilder, type TreeCounts } from '../tree/builder.js';
import type { Tree } from '../tree/tree.js';

export interface StreamOptions {
  readonly renderer: Pick<Renderer, 'record' | 'tree' | 'encoding'>;
  /** CLOCK_MONOTONIC; times in trees count from here. */
  readonly epochNs: bigint;
  /** What a limit counts: trees, or the lines of calls, each with what is below it. */
  readonly unit: 'tree' | 'line';
  /** No more than so many; null for all. */
  readonly limit: number | null;
  /** Called when the limit is reached. */
  readonly onLimit: () => void;
}

/**
 * Trees alone, of a trace or a recording, in the order in which they ended.
 * @param onHit gets the marks that are in none; it keeps none, as they change afterwards
 */
export function makeTreeStream(
  { epochNs, graph, limitEvents }: Pick<Opening, 'epochNs' | 'graph' | 'limitEvents'>,
  onTree: (tree: Tree) => void,
  onLimit: () => void,
  onHit: (hit: CallRecord) => void = () => undefined,
): Stream {
  return new Stream({
    renderer: {
      encoding: 'utf8',
      record: (record) => {
        if (isLone(record)) onHit(record);
        return '';
      },
      tree: (tree) => {
        onTree(tree);
        return '';
      },
    },
    ...{ epochNs, unit: graph ? 'tree' : 'line', limit: limitEvents, onLimit },
  });
}

/** Letters in one string. One of 128 KB or more V8 puts into memory of its own, which it asks the system for. */
const pieceLetters = 1 << 16;

export class Stream {
  readonly #options: StreamOptions;
  readonly #builder: TreeBuilder;
  readonly #take: (record: CallRecord) => void;
  #left: number;
  /** Calls of the last tree that are over the limit. */
  #cut = 0;
  #text = '';
  /** What was before it. */
  readonly #pieces: Buffer[] = [];

  constructor(options: StreamOptions) {
    this.#options = options;
    this.#left = options.limit ?? Infinity;
    this.#builder = new TreeBuilder({
      onTree: (tree) => {
        this.#render(tree);
      },
    });
    this.#take = (record) => {
      if (this.#left === 0) return;
      this.#text += options.renderer.record(record);
      this.#builder.add(record);
      if (isLone(record)) this.#count(1);
    };
  }

  /** Of what was rendered. */
  get counts(): Readonly<TreeCounts> {
    const { counts } = this.#builder;
    return { ...counts, calls: counts.calls - this.#cut };
  }

  /** Takes the records in the first `length` bytes. */
  add(bytes: Uint8Array, length: number): void {
    decode(bytes, length, this.#take, this.#options.epochNs);
  }

  /** No more records will come: what is open is rendered as it is, up to the limit. */
  finish(): void {
    if (this.#left > 0) this.#builder.finish();
  }

  /** The text since the last time, in UTF-8. */
  takeText(): Buffer {
    this.#endPiece();
    const [only = Buffer.alloc(0), ...more] = this.#pieces.splice(0);
    return more.length === 0 ? only : Buffer.concat([only, ...more]);
  }

  #endPiece(): void {
    if (this.#text !== '')
      this.#pieces.push(Buffer.from(this.#text, this.#options.renderer.encoding));
    this.#text = '';
  }

  #render(tree: Tree): void {
    if (this.#left === 0) return;
    this.#text += this.#options.renderer.tree(tree, this.#left);
    if (this.#options.unit === 'line') this.#cut = Math.max(0, tree.calls - this.#left);
    if (this.#text.length > pieceLetters) this.#endPiece();
    this.#count(this.#options.unit === 'tree' ? 1 : tree.calls + Math.min(tree.lost, 1));
  }

  #count(made: number): void {
    this.#left = Math.max(0, this.#left - made);
    if (this.#left === 0) this.#options.onLimit();
  }
}
