/** The mirror of decode: records as bpf/ writes them, for tests, fixtures and benchmarks. */
import {
  commBytes,
  recordBytes,
  recordLayout as at,
  shapeEntry,
  slotBytes,
  type CallRecord,
} from './record.js';

const twoTo32 = 2 ** 32;

/** Records one after the other; a comm longer than 15 bytes is cut, as the kernel does. */
export function encode(records: readonly CallRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + sizeOf(record), 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const record of records) {
    view.setUint32(offset + at.size, sizeOf(record), true);
    view.setUint8(offset + at.type, record.type);
    view.setUint8(offset + at.shape, record.slots | (record.hasEntry ? shapeEntry : 0));
    view.setUint16(offset + at.depth, record.depth, true);
    view.setUint32(offset + at.function, record.function, true);
    view.setUint32(offset + at.tree, record.tree, true);
    view.setUint32(offset + at.tid, record.tid, true);
    view.setUint32(offset + at.pid, record.pid, true);
    view.setUint32(offset + at.cpu, record.cpu, true);
    view.setUint32(offset + at.index, record.index, true);
    writeNs(view, offset + at.start, record.startNs);
    writeNs(view, offset + at.duration, record.durationNs);
    view.setUint32(offset + at.retval, record.retvalLow, true);
    view.setUint32(offset + at.retval + 4, record.retvalHigh, true);
    const commAt = offset + recordBytes + slotBytes * record.slots;
    bytes.set(argsOf(record), offset + recordBytes);
    if (record.depth === 0)
      new TextEncoder().encodeInto(record.comm, bytes.subarray(commAt, commAt + commBytes - 1));
    bytes.set(itemsOf(record), commAt + (record.depth === 0 ? commBytes : 0));
    offset += sizeOf(record);
  }
  return bytes;
}

function sizeOf(record: CallRecord): number {
  const fixed = record.depth === 0 ? recordBytes + commBytes : recordBytes;
  return fixed + argsOf(record).length + itemsOf(record).length;
}

const argsOf = ({ view, argsAt, slots }: CallRecord) =>
  new Uint8Array(view.buffer, view.byteOffset + argsAt, slotBytes * slots);

const itemsOf = ({ view, itemsAt, end }: CallRecord) =>
  new Uint8Array(view.buffer, view.byteOffset + itemsAt, end - itemsAt);

function writeNs(view: DataView, offset: number, ns: number): void {
  view.setUint32(offset, ns % twoTo32, true);
  view.setUint32(offset + 4, Math.floor(ns / twoTo32), true);
}
