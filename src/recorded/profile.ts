/** What a recording has of each function, and of who called whom. */
import { readTrees, type TreesRead } from './trees.js';
import type { Recording } from './file.js';
import { makeErrnoOf } from '../render/values/value.js';
import { Profile } from '../tree/profile.js';

export interface ProfileRead extends TreesRead {
  /** Of what could be read. */
  readonly profile: Profile;
}

/** @param isOver asks again and again whether to read no further */
export async function readProfile(
  recording: Recording,
  isOver: () => boolean,
): Promise<ProfileRead> {
  const profile = new Profile(makeErrnoOf(recording.opening.functions));
  const read = await readTrees(recording, {
    onTree: (tree) => {
      profile.add(tree);
    },
    onBatch: () => Promise.resolve(),
    isOver,
  });
  return { ...read, profile };
}
