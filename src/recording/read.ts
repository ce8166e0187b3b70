/** The mirror of write.ts: what happened, from the bytes of a recording. */
import type { Addresses } from '../symbols/addresses.js';
import { blockType, readBlocks, type Block, type Damage } from './block.js';
import { unpackFunctions, type PackedFunctions } from './functions.js';
import type { Attached, Ending, Opening } from './opening.js';
import { RecordedPlaces, type PackedPlace } from './places.js';
import { unpack } from './unpack.js';

/** What a recording tells, in this order; any number of records. */
export type Part =
  | {
      readonly type: 'opening';
      readonly opening: Opening;
      readonly attached: Attached;
      /** Knows those of all records that came, not of those to come. */
      readonly addresses: Addresses;
    }
  | { readonly type: 'records'; readonly records: Buffer }
  | { readonly type: 'ending'; readonly ending: Ending }
  /** In place of the rest, or behind the ending. A recording that has no ending is cut off. */
  | ({ readonly type: 'damage' } & Damage);

interface PackedOpening extends Omit<Opening, 'epochNs' | 'functions'>, PackedFunctions {
  readonly epochNs: string;
  readonly attached: Attached;
}

/** @param chunks the file, in pieces of whatever size */
export async function* readRecording(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Part, void> {
  const addresses = new RecordedPlaces();
  let at = 0;
  let last: Part['type'] | null = null;
  for await (const block of readBlocks(chunks)) {
    if (last === 'ending') {
      yield { type: 'damage', at: block.at, why: 'goes on' };
      return;
    }
    if ('why' in block) {
      yield { type: 'damage', ...block };
      return;
    }
    at = block.end;
    const part = readBlock(block, addresses);
    if (part === null) continue;
    if (part.type === 'damage' || (last === null) !== (part.type === 'opening')) {
      yield { type: 'damage', at: block.at, why: 'contents' };
      return;
    }
    last = part.type;
    yield part;
  }
  if (last !== 'ending') yield { type: 'damage', at, why: 'cut off' };
}

/** Null where the block is not told, or of a type that a later version has. */
function readBlock({ type, bytes, at }: Block, addresses: RecordedPlaces): Part | null {
  try {
    switch (type) {
      case blockType.opening:
        return { type: 'opening', ...readOpening(bytes), addresses };
      case blockType.places:
        addresses.add(readJson(bytes) as readonly PackedPlace[]);
        return null;
      case blockType.records:
        return { type: 'records', records: unpack(bytes) };
      case blockType.ending:
        return { type: 'ending', ending: readJson(bytes) as Ending };
      default:
        return null;
    }
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    return { type: 'damage', at, why: 'contents' };
  }
}

function readOpening(bytes: Buffer): { opening: Opening; attached: Attached } {
  const read = readJson(bytes) as PackedOpening;
  const { attached, epochNs, types, functions, ...opening } = read;
  return {
    opening: {
      ...opening,
      epochNs: BigInt(epochNs),
      functions: unpackFunctions({ types, functions }, opening.tracepoints),
    },
    attached,
  };
}

/** As write.ts prints it. */
const readJson = (bytes: Buffer): unknown => JSON.parse(bytes.toString());
