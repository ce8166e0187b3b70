/** Opens recordings: files, or what comes through a pipe. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { exitStatus, Failure } from '../failure.js';
import type { Damage } from '../recording/block.js';
import type { Attached, Ending, Opening } from '../recording/opening.js';
import { readRecording } from '../recording/read.js';
import type { Addresses } from '../symbols/addresses.js';

export interface Recording {
  readonly opening: Opening;
  readonly attached: Attached;
  /** Of what was read. */
  readonly addresses: Addresses;
  /**
   * Reads all that follows, once, until it is asked not to.
   * @param take gets whole records, in bytes that are not changed later
   */
  readonly read: (
    take: (records: Uint8Array) => Promise<void>,
    isOver: () => boolean,
  ) => Promise<RecordingEnd>;
}

export interface RecordingEnd {
  /** Null where it is damaged before, or was asked not to be read so far. */
  readonly ending: Ending | null;
  /** What the user is to be told when all that was read is shown; null: nothing is wrong. */
  readonly damage: Failure | null;
}

/** As the path of a file. */
export const standardInput = '-';

const chunkBytes = 1 << 18;

/**
 * @param path of a file; `-` is standard input
 * @throws {Failure} when it can't be read, or is no recording
 */
export async function openRecording(path: string): Promise<Recording> {
  return readOpening(nameOf(path), readChunks(path));
}

/** What people know a file by. */
export const nameOf = (path: string): string => (path === standardInput ? 'standard input' : path);

/**
 * @param name for errors
 * @param chunks the file, in pieces of whatever size
 * @throws {Failure} when it is no recording
 */
export async function readOpening(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Recording> {
  const parts = readRecording(chunks);
  const { value: first } = await parts.next();
  if (first?.type !== 'opening') {
    await parts.return();
    throw explain(name, first?.type === 'damage' ? first : { at: 0, why: 'contents' });
  }
  const { opening, attached, addresses } = first;
  return {
    ...{ opening, attached, addresses },
    read: async (take, isOver) => {
      let ending: Ending | null = null;
      for await (const part of parts) {
        if (part.type === 'ending') ending = part.ending;
        if (part.type === 'damage') return { ending, damage: explain(name, part) };
        if (part.type === 'records') await take(part.records);
        if (isOver()) break;
      }
      return { ending, damage: null };
    },
  };
}

/** @throws {Failure} when the file can't be read */
export async function* readChunks(path: string): AsyncGenerator<Uint8Array, void> {
  const file =
    path === standardInput ? process.stdin : createReadStream(path, { highWaterMark: chunkBytes });
  try {
    for await (const chunk of file) yield chunk as Buffer;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new Failure(
      exitStatus.usage,
      `${nameOf(path)} could not be read (${code}).`,
      howToRecord,
    );
  }
}

/**
 * Looks whether a file that is to be written is the one that is read, by whatever names.
 * @param output null: standard output
 * @throws {Failure} when it is: it would be lost
 */
export async function checkApart(path: string, output: string | null): Promise<void> {
  if (output === null) return;
  const [read, written] = await Promise.all([statFile(path), statFile(output)]);
  if (read === null || read.dev !== written?.dev || read.ino !== written.ino) return;
  throw new Failure(
    exitStatus.usage,
    `${output} is the file that is read, and would be overwritten.`,
    'Write to another file: --output ANOTHER',
  );
}

/**
 * @param asked for, as on the command line
 * @throws {Failure} when the recording does not tell how long tasks were off the CPU
 */
export function checkOffCpu({ opening }: Recording, path: string, asked: string): void {
  if (opening.cpuTime) return;
  throw new Failure(
    exitStatus.usage,
    `${asked}: ${nameOf(path)} does not tell how long tasks were off the CPU.`,
    'Record that: fsnoop record --cpu-time …',
  );
}

/** Null where there is none, or what is no file, as a pipe. */
async function statFile(path: string) {
  const stats = await stat(path === standardInput ? '/dev/stdin' : path).catch(() => null);
  return stats?.isFile() === true ? stats : null;
}

const howToRecord = 'Make a recording with: fsnoop record -k vfs_read -o FILE';

/** What is wrong with a file, and what of it can be used. */
function explain(name: string, { at, why }: Damage): Failure {
  switch (why) {
    case 'not a recording':
      return new Failure(exitStatus.usage, `${name} is no recording of fsnoop.`, howToRecord);
    case 'newer version':
      return new Failure(
        exitStatus.usage,
        `${name} was recorded by a newer version of fsnoop.`,
        'Read it with that version, or with a later one',
      );
    case 'cut off':
      return new Failure(
        exitStatus.failed,
        `${name} is cut off at byte ${at}: fsnoop was killed while it recorded, or not all was copied.`,
        'What was recorded before is shown; what was lost is not known',
      );
    case 'checksum':
    case 'contents':
      return new Failure(
        exitStatus.failed,
        `${name} is damaged: what byte ${at} begins is not what was written (${why}).`,
        'What was recorded before is shown; for the rest, copy the file again',
      );
    case 'goes on':
      return new Failure(
        exitStatus.failed,
        `${name} goes on behind the end of its recording, at byte ${at}: only what is before is shown.`,
        `If another recording follows, read it by itself: tail -c +${at + 1} FILE | fsnoop tree -`,
      );
  }
}
