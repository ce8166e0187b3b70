/** Writing to a file descriptor without ever holding up the event loop. */
import { write } from 'node:fs';
import { promisify } from 'node:util';

const writeAsync = promisify(write);

/** Writes everything, in order. Errors are those of write(2): EPIPE when the reader has left. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
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
}
