/** The mirror of decode: records as bpf/ writes them, for tests, fixtures and benchmarks. */
import { commBytes, recordBytes, recordLayout as at, type CallRecord } from './record.js';

const twoTo32 = 2 ** 32;

/** Records one after the other; a comm longer than 15 bytes is cut, as the kernel does. */
export function encode(records: readonly CallRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + sizeOf(record), 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const record of records) {
    view.setUint32(offset + at.size, sizeOf(record), true);
    view.setUint16(offset + at.type, record.type, true);
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
    if (record.depth === 0) {
      const field = bytes.subarray(offset + recordBytes, offset + recordBytes + commBytes - 1);
      new TextEncoder().encodeInto(record.comm, field);
    }
    offset += sizeOf(record);
  }
  return bytes;
}

function sizeOf(record: CallRecord): number {
  return record.depth === 0 ? recordBytes + commBytes : recordBytes;
}

function writeNs(view: DataView, offset: number, ns: number): void {
  view.setUint32(offset, ns % twoTo32, true);
  view.setUint32(offset + 4, Math.floor(ns / twoTo32), true);
}
