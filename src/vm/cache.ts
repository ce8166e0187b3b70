/** Where fetched kernels and built images are kept. */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** `${XDG_CACHE_HOME:-~/.cache}/fsnoop/NAME`. */
export function cacheFolder(name: string): string {
  const configured = process.env['XDG_CACHE_HOME'];
  const base = configured?.startsWith('/') === true ? configured : join(homedir(), '.cache');
  return join(base, 'fsnoop', name);
}

/** Lets `write` make the file under another name beside it, so that it appears whole or not at all. */
export async function writeWhole(
  path: string,
  write: (path: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = join(
    dirname(path),
    `${unfinished}${basename(path)}-${randomBytes(4).toString('hex')}`,
  );
  try {
    await write(beside);
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

/** How the names of unfinished files begin. */
export const unfinished = '.unfinished-';
