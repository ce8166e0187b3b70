/** Finds the mark that the guest puts behind a stream's last byte, so that nothing is lost at power-off. */

export interface EndMark {
  /** Whether the mark was seen. */
  readonly ended: boolean;
  /** Takes the next bytes, gives those that belong to the stream. */
  push(chunk: Buffer): Buffer;
  /** Gives what is held back: the beginning of what might have become the mark. */
  flush(): Buffer;
}

/** Bytes are held back only while they could be the beginning of the mark. */
export function makeEndMark(mark: Buffer): EndMark {
  let held = Buffer.alloc(0);
  let ended = false;
  return {
    get ended() {
      return ended;
    },
    push(chunk) {
      if (ended) return Buffer.alloc(0);
      const bytes = Buffer.concat([held, chunk]);
      const at = bytes.indexOf(mark);
      ended = at >= 0;
      const end = ended ? at : bytes.length - overlap(bytes, mark);
      held = ended ? Buffer.alloc(0) : bytes.subarray(end);
      return bytes.subarray(0, end);
    },
    flush() {
      const rest = held;
      held = Buffer.alloc(0);
      return rest;
    },
  };
}

/** How many of the last bytes are the first ones of the mark. */
function overlap(bytes: Buffer, mark: Buffer): number {
  for (let count = Math.min(bytes.length, mark.length - 1); count > 0; count--)
    if (bytes.subarray(-count).equals(mark.subarray(0, count))) return count;
  return 0;
}
