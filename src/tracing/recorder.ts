/** Writes what is traced into a recording as it comes, so that it can be printed later, and elsewhere. */
import type { Attached, Ending, Opening } from '../recording/opening.js';
import { RecordingWriter } from '../recording/write.js';
import { renderRecorded } from '../render/recorded.js';
import type { Sink, SinkParts } from './sink.js';
import { makeTreeStream, type Stream } from './stream.js';

export interface RecorderOptions {
  /** Gets what people are told: what was recorded, and lost. */
  readonly onNote: (text: string) => void;
  /** What the recording is called then. */
  readonly name: string;
}

/** What waits for its block to be full is written after this time anyway: fsnoop may be killed. */
const flushMs = 1000;

export class Recorder implements Sink {
  readonly keepsPace = true;
  readonly #opening: Opening;
  readonly #options: RecorderOptions;
  readonly #write: SinkParts['write'];
  readonly #isCut: SinkParts['isCut'];
  readonly #writer: RecordingWriter;
  /** Looks for the limit, of which the records alone don't tell. */
  readonly #counter: Stream | null;
  #timer: NodeJS.Timeout | undefined;
  /** Resolves when all is written that was made up to now. */
  #written: Promise<void> = Promise.resolve();
  #bytes = 0;
  #method = '';

  constructor({ opening, addresses, write, isCut, onLimit }: SinkParts, options: RecorderOptions) {
    this.#opening = opening;
    this.#options = options;
    this.#write = write;
    this.#isCut = isCut;
    this.#writer = new RecordingWriter(opening, addresses);
    this.#counter =
      opening.limitEvents === null ? null : makeTreeStream(opening, () => undefined, onLimit);
  }

  async start(attached: Attached): Promise<void> {
    this.#method = attached.method;
    await this.#append(this.#writer.start(attached));
    this.#timer = setInterval(() => {
      void this.#append(this.#writer.flush());
    }, flushMs);
  }

  async take(records: Uint8Array): Promise<void> {
    this.#counter?.add(records, records.length);
    await this.#append(this.#writer.add(records));
  }

  async end(ending: Ending): Promise<boolean> {
    clearInterval(this.#timer);
    await this.#append(this.#writer.end(ending));
    const { losses } = ending;
    this.#options.onNote(
      renderRecorded({
        name: this.#options.name,
        records: this.#writer.records,
        bytes: this.#bytes,
        isCut: this.#isCut?.(),
        lost: { ...losses, user: 0 },
        bufferBytes: this.#opening.bufferBytes,
        method: this.#method,
      }),
    );
    return Object.values(losses).some((count) => count > 0);
  }

  #append(bytes: Buffer): Promise<void> {
    this.#bytes += bytes.length;
    this.#written = this.#written.then(() => this.#write(bytes));
    return this.#written;
  }
}
