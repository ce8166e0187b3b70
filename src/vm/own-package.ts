/** fsnoop itself, as it is to be in the guest: what is built, which needs no other package. */
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { link, type CpioEntry } from './cpio.js';
import { listFiles, loadFiles, loadLibraries } from './guest-files.js';
import { guestPaths } from './init.js';

/** The entries of this fsnoop with `fsnoop` on PATH; what isn't built yet is left out. */
export async function loadOwnPackage(): Promise<readonly CpioEntry[]> {
  const found = await Promise.all(
    ['package.json', 'oclif.manifest.json', 'bin', 'dist', 'build'].map((name) =>
      listFiles(join(root, name), isNeeded).catch(() => []),
    ),
  );
  const paths = found.flat();
  const entries = await Promise.all(
    paths.map((path) =>
      loadFiles([path], path, posix.join(guestPaths.package, relative(root, path))),
    ),
  );
  return [
    ...entries.flat(),
    ...(await loadLibraries(paths.filter((path) => path.endsWith('.node')))),
    link('usr/bin/fsnoop', `${guestPaths.package}/bin/run.js`),
  ];
}

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Licences don't run. */
function isNeeded(path: string): boolean {
  return !path.endsWith('/LICENSES');
}
