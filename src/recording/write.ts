/** A recording as it is made: what happens, in bytes to be written one after the other. */
import type { Addresses } from '../symbols/addresses.js';
import { blockType, printBlock, printPreamble } from './block.js';
import { wordBytes } from './columns.js';
import { packFunctions } from './functions.js';
import type { Attached, Ending, Opening } from './opening.js';
import { Packer } from './pack.js';
import { PlaceCollector } from './places.js';

/** Records of a block: with more it compresses no better, and more of them are lost where fsnoop is killed. */
const blockBytes = 1 << 18;

export class RecordingWriter {
  readonly #opening: Opening;
  readonly #places: PlaceCollector;
  readonly #packer = new Packer();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(opening: Opening, addresses: Addresses) {
    this.#opening = opening;
    this.#places = new PlaceCollector(opening.functions, addresses);
  }

  /** How many are in the blocks that were made. */
  get records(): number {
    return this.#packer.records;
  }

  start(attached: Attached): Buffer {
    const { functions, epochNs, ...opening } = this.#opening;
    const all = { ...opening, epochNs: `${epochNs}`, attached, ...packFunctions(functions) };
    return Buffer.concat([printPreamble(), printJson(blockType.opening, all)]);
  }

  /** Nothing as long as a block is not full. */
  add(records: Uint8Array): Buffer {
    this.#waiting.push(records);
    this.#waitingBytes += records.length;
    return this.#waitingBytes < blockBytes ? noBytes : this.flush();
  }

  /** The records that wait for their block to be full. */
  flush(): Buffer {
    if (this.#waitingBytes === 0) return noBytes;
    const bytes = new Uint8Array(this.#waitingBytes);
    let end = 0;
    for (const records of this.#waiting) {
      bytes.set(records, end);
      end += records.length;
    }
    this.#waiting = [];
    this.#waitingBytes = 0;
    const words = new Uint32Array(bytes.buffer, 0, end / wordBytes);
    const places = this.#places.collect(words);
    const block = printBlock(blockType.records, this.#packer.pack(words));
    return places.length === 0
      ? block
      : Buffer.concat([printJson(blockType.places, places), block]);
  }

  end({ counts, ...ending }: Ending): Buffer {
    const all = { ...ending, counts: Array.from(counts) };
    return Buffer.concat([this.flush(), printJson(blockType.ending, all)]);
  }
}

const noBytes = Buffer.alloc(0);

const printJson = (type: number, value: object): Buffer =>
  printBlock(type, Buffer.from(JSON.stringify(value)));
