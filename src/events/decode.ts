/** From the bytes of a batch, as the ring buffer or a recording gives them, to call records. */
import {
  commBytes,
  placeMask,
  recordBytes,
  recordLayout as at,
  recordType,
  shapeArgs,
  shapeEntry,
  slotBytes,
  type CallRecord,
  type RecordType,
} from './record.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const twoTo32 = 2 ** 32;

/**
 * Decodes the records in the first `length` bytes and hands each to `take`, in their order. The
 * record is one object that is filled anew for each call: copy what must outlive `take`.
 *
 * @param epochNs CLOCK_MONOTONIC; the start of each call is told from here on
 * @throws {RangeError} naming the offset, when a size or a type is not one of bpf/record.h's or
 * when the last record isn't whole; records before it were taken.
 */
export function decode(
  bytes: Uint8Array,
  length: number,
  take: (record: CallRecord) => void,
  epochNs = 0n,
): void {
  const epochLow = Number(epochNs & 0xffffffffn);
  const epochHigh = Number(epochNs >> 32n);
  if (length > bytes.length) throw new RangeError(`${length} bytes of records in ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const record = makeRecord();
  const readComm = makeCommReader(bytes);
  let offset = 0;
  while (offset < length) {
    if (length - offset < recordBytes) throw leftover(offset, length - offset);
    const size = view.getUint32(offset + at.size, true);
    const type = view.getUint8(offset + at.type);
    const depth = view.getUint16(offset + at.depth, true);
    if (type < recordType.call || type > recordType.away) {
      throw new RangeError(`record at byte ${offset}: type ${type} is unknown`);
    }
    const shape = view.getUint8(offset + at.shape);
    const slots = shape & shapeArgs;
    const commAt = recordBytes + slotBytes * slots;
    const itemsAt = depth === 0 ? commAt + commBytes : commAt;
    if (size < itemsAt || size % slotBytes !== 0) {
      throw new RangeError(
        `record at byte ${offset}: size ${size}, where depth ${depth} and shape ${shape} have ${itemsAt}`,
      );
    }
    if (size > length - offset) throw leftover(offset, length - offset);

    record.type = type as RecordType;
    record.depth = depth;
    record.function = view.getUint32(offset + at.function, true) & placeMask;
    record.tree = view.getUint32(offset + at.tree, true);
    record.tid = view.getUint32(offset + at.tid, true);
    record.pid = view.getUint32(offset + at.pid, true);
    record.cpu = view.getUint32(offset + at.cpu, true);
    record.index = view.getUint32(offset + at.index, true);
    // The difference of the halves is exact where a double does not hold the whole.
    record.startNs =
      (view.getUint32(offset + at.start + 4, true) - epochHigh) * twoTo32 +
      (view.getUint32(offset + at.start, true) - epochLow);
    record.durationNs = readNs(view, offset + at.duration);
    record.retvalLow = view.getUint32(offset + at.retval, true);
    record.retvalHigh = view.getUint32(offset + at.retval + 4, true);
    record.comm = depth === 0 ? readComm(offset + commAt) : '';
    record.hasEntry = (shape & shapeEntry) !== 0;
    record.view = view;
    record.slots = slots;
    record.argsAt = offset + recordBytes;
    record.itemsAt = offset + itemsAt;
    record.end = offset + size;
    take(record);
    offset += size;
  }
}

const noBytes = new DataView(new ArrayBuffer(0));

function makeRecord(): Mutable<CallRecord> {
  return {
    type: recordType.call,
    depth: 0,
    function: 0,
    tree: 0,
    tid: 0,
    pid: 0,
    cpu: 0,
    index: 0,
    startNs: 0,
    durationNs: 0,
    retvalLow: 0,
    retvalHigh: 0,
    comm: '',
    hasEntry: false,
    view: noBytes,
    slots: 0,
    argsAt: 0,
    itemsAt: 0,
    end: 0,
  };
}

function readNs(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * twoTo32 + view.getUint32(offset, true);
}

const text = new TextDecoder();

/** Of one offset after the other: mostly the name is that of the record before. */
function makeCommReader(bytes: Uint8Array): (offset: number) => string {
  let known = '';
  let knownAt = -1;
  return (offset) => {
    if (knownAt >= 0 && isSame(bytes, knownAt, offset)) return known;
    const field = bytes.subarray(offset, offset + commBytes);
    const end = field.indexOf(0);
    known = text.decode(end === -1 ? field : field.subarray(0, end));
    knownAt = offset;
    return known;
  };
}

function isSame(bytes: Uint8Array, one: number, other: number): boolean {
  for (let at = 0; at < commBytes; at++) {
    const letter = bytes[one + at];
    if (letter !== bytes[other + at]) return false;
    if (letter === 0) return true;
  }
  return true;
}

function leftover(offset: number, left: number): RangeError {
  return new RangeError(`record at byte ${offset}: only ${left} bytes are left of it`);
}
