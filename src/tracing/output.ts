/** Where the trace is written: standard output or a file, without ever holding up the event loop. */
import { access, constants, open, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { loadNative } from '../attach/native.js';
import { explainWriting, writeAll } from '../descriptor.js';

export interface Output extends AsyncDisposable {
  /**
   * Resolves when all is written. What the reader doesn't take fast enough waits in the ring.
   * @throws {ClosedPipe} when nobody reads any more
   * @throws {Failure} when a file can't be written, as on a full disk
   */
  write(text: string | Uint8Array): Promise<void>;
  /** False when the other end of a pipe is closed: a write tells that only when there is one. */
  hasReader(): boolean;
}

const standardOutput = 1;

/**
 * Opens a file, or standard output for null; what is open stays it.
 * @throws {Failure} when the file can't be created
 */
export async function openOutput(path: string | null | Output): Promise<Output> {
  if (typeof path === 'object' && path !== null) return path;
  const file = path === null ? null : await create(path);
  return {
    write: (text) => writeToDescriptor(file?.fd ?? standardOutput, text, path ?? 'standard output'),
    hasReader: () => path !== null || loadNative().hasReader(standardOutput),
    async [Symbol.asyncDispose]() {
      await file?.close();
    },
  };
}

/**
 * Tells a script that waits for it that all is attached: the file gets our pid.
 * @throws {Failure} when it can't be written
 */
export async function writeReadyFile(path: string | null): Promise<void> {
  if (path !== null) await writeText(path, `${process.pid}\n`);
}

/** @throws {Failure} when it can't be written */
export async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text);
  } catch (error) {
    throw explainWriting(path, error as NodeJS.ErrnoException);
  }
}

/**
 * Looks whether a file could be written, where what it gets is yet to be made.
 * @throws {Failure} when it could not
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    await access(path, constants.W_OK).catch(() => access(dirname(path), constants.W_OK));
  } catch (error) {
    throw explainWriting(path, error as NodeJS.ErrnoException);
  }
}

async function create(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'w');
  } catch (error) {
    throw explainWriting(path, error as NodeJS.ErrnoException);
  }
}

async function writeToDescriptor(
  fd: number,
  text: string | Uint8Array,
  name: string,
): Promise<void> {
  try {
    await writeAll(fd, typeof text === 'string' ? Buffer.from(text) : text);
  } catch (error) {
    throw explainWriting(name, error as NodeJS.ErrnoException);
  }
}
