/** A file descriptor of ours as a place for the guest's output. */
import { write } from 'node:fs';
import { promisify } from 'node:util';
import type { Sink } from './guest.js';

/** Writes everything, in order. Errors are those of write(2): EPIPE when the reader has left. */
export function makeDescriptorSink(fd: number): Sink {
  return async (bytes) => {
    let done = 0;
    while (done < bytes.length) {
      try {
        done += (await writeAsync(fd, bytes, done)).bytesWritten;
      } catch (error) {
        // somebody made it non-blocking, and its reader is slow
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };
}

const writeAsync = promisify(write);
