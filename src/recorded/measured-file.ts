/** Opens what was measured, whichever way: a recording, or lines that `stat` and `report` wrote. */
import { exitStatus, Failure } from '../failure.js';
import { readProfile } from './profile.js';
import { nameOf, readChunks, readOpening, type Recording } from './file.js';
import { looksRecorded } from '../recording/block.js';
import { fromPairs } from '../tree/buckets.js';
import { parseMeasuredLines } from '../tree/measured-lines.js';
import { nameProfiles, type MeasuredRun } from '../tree/measured.js';

/**
 * @param path of a file; `-` is standard input
 * @throws {Failure} when it can't be read, is neither of them, or is not whole
 */
export async function readMeasured(path: string): Promise<MeasuredRun> {
  const name = nameOf(path);
  const chunks = readChunks(path);
  const next = await chunks.next();
  const first = next.done === true ? new Uint8Array() : next.value;
  if (looksRecorded(first)) {
    try {
      return await measure(await readOpening(name, withFirst(first, chunks)));
    } catch (error) {
      throw wantWhole(error);
    }
  }
  return parseMeasuredLines(await readText(first, chunks), name);
}

async function measure(recording: Recording): Promise<MeasuredRun> {
  const { profile, counts, ending, damage } = await readProfile(recording, () => false);
  if (damage !== null) throw damage;
  if (ending === null) throw new Error('nobody asked for an end');
  return {
    ...nameProfiles(profile.functions(), recording.opening.functions),
    ...{ isCut: false, runs: 1, unit: 'ns' },
    lost: { ...ending.losses, user: counts.lostUser },
    ticks: fromPairs(ending.ticks ?? []),
  };
}

/** Elsewhere what is before the damage is shown. */
function wantWhole(error: unknown): unknown {
  if (!(error instanceof Failure) || error.oclif.exit !== exitStatus.failed) return error;
  return new Failure(
    exitStatus.failed,
    error.message,
    'Copy it again, or record it again: what is missing would count as a change',
  );
}

async function* withFirst(
  first: Uint8Array,
  others: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield first;
  yield* others;
}

async function readText(first: Uint8Array, others: AsyncIterable<Uint8Array>): Promise<string> {
  const all = [first];
  for await (const chunk of others) all.push(chunk);
  return Buffer.concat(all).toString();
}
