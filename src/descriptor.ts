/** Writing to a file descriptor without ever holding up the event loop, and what can go wrong. */
import { write } from 'node:fs';
import { promisify } from 'node:util';
import { exitStatus, Failure } from './failure.js';

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

/** The reader of our output has gone, as in `| head`: nothing to complain about. */
export class ClosedPipe extends Error {}

/** The second where the pipe is a socket, and was closed with something in it that nobody had read. */
const isClosed = new Set(['EPIPE', 'ECONNRESET']);

const advice: Readonly<Record<string, string>> = {
  ENOSPC: 'Make room, or write elsewhere: --output /another/place',
  ENOENT: 'Create its folder first',
  EACCES: 'Choose a place that you may write to',
};

/** @param name of what was opened, or written to */
export function explainWriting(
  name: string,
  { code = '', message }: NodeJS.ErrnoException,
): ClosedPipe | Failure {
  if (isClosed.has(code)) return new ClosedPipe();
  if (name === '')
    return new Failure(
      exitStatus.failed,
      'The file to write has an empty name.',
      'Give it one: --output FILE',
    );
  const why = message.replace(/^\w+: /, '').replace(/, \w+( '.*')?$/, '');
  return new Failure(
    exitStatus.failed,
    `${name} could not be written: ${why} (${code}).`,
    ...[advice[code] ?? []].flat(),
  );
}
