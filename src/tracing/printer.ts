/** Prints what is traced as it comes: from the kernel, or from a recording. */
import { printLearnt } from '../plan/learnt.js';
import { isOfMarks, type Attached, type Ending, type Opening } from '../recording/opening.js';
import { findHot, renderHot } from '../render/hot.js';
import { makeRenderer, type Renderer, type RendererOptions } from '../render/renderer.js';
import type { Sink, SinkParts } from './sink.js';
import { Stream } from './stream.js';

export interface PrinterOptions extends Pick<
  RendererOptions,
  'format' | 'style' | 'prototypes' | 'width' | 'color' | 'live'
> {
  /** Print no more trees, or lines without `-g`; null: all. */
  readonly limitEvents: number | null;
  /** Gets what people are told beside what is printed: the summary. */
  readonly onNote: (text: string) => void;
  /** Name the functions that made most records, even where nothing was lost. */
  readonly verbose: boolean;
}

export class Printer implements Sink {
  readonly #opening: Opening;
  readonly #options: PrinterOptions;
  readonly #write: SinkParts['write'];
  readonly #isCut: SinkParts['isCut'];
  readonly #renderer: Renderer;
  readonly #stream: Stream;
  #attached: Pick<Attached, 'method' | 'refused'> = { method: '', refused: [] };

  constructor({ opening, addresses, write, isCut, onLimit }: SinkParts, options: PrinterOptions) {
    const { graph, cpuTime, functions, outputs, epochNs, cpus } = opening;
    this.#opening = opening;
    this.#options = options;
    this.#write = write;
    this.#isCut = isCut;
    this.#renderer = makeRenderer({
      ...options,
      ...{ graph, cpuTime, functions, outputs, addresses, epochNs, cpus },
    });
    this.#stream = new Stream({
      renderer: this.#renderer,
      epochNs,
      unit: graph ? 'tree' : 'line',
      limit: options.limitEvents,
      onLimit,
    });
  }

  async start(attached: Attached): Promise<void> {
    const { learnt, tracepoints } = this.#opening;
    this.#attached = attached;
    if (this.#options.format === 'json' && learnt !== null) await this.#write(printLearnt(learnt));
    const marks = tracepoints > 0 ? attached.tracepoints : undefined;
    await this.#write(this.#renderer.start({ ...attached, tracepoints: marks }));
  }

  async take(records: Uint8Array): Promise<void> {
    this.#stream.add(records, records.length);
    await this.#write(this.#stream.takeText());
  }

  async end({ losses, detachMs, counts, stopped }: Ending): Promise<boolean> {
    await this.finish();
    const { functions, tracepoints, bufferBytes } = this.#opening;
    const { counts: made } = this.#stream;
    const { format, verbose, onNote } = this.#options;
    const { method, refused } = this.#attached;
    const lost = { ...losses, user: made.lostUser };
    const hot = findHot(functions, counts);
    const summary = this.#renderer.summary({
      ...made,
      marks: tracepoints > 0 ? made.marks : undefined,
      isOfMarks: isOfMarks(this.#opening),
      isCut: this.#isCut?.(),
      ...{ lost, detachMs, refused: refused.length, bufferBytes, method, hot, stopped },
    });
    const isLossy = Object.values(lost).some((count) => count > 0);
    const isHotTold = verbose || isLossy || stopped !== null;
    if (format === 'json') await this.#write(summary);
    else onNote(summary + (isHotTold ? renderHot(hot) : ''));
    return isLossy;
  }

  /** Prints what is open as it is, where no more records come and nobody knows what was lost. */
  async finish(): Promise<void> {
    this.#stream.finish();
    await this.#write(this.#stream.takeText());
    await this.#write(this.#renderer.end());
  }
}
