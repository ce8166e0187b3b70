/** fsnoop itself, as it is to be in the guest: what is built, which needs no other package. */
import { join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { architectures, type Architecture } from './architecture.js';
import { link, type CpioEntry } from './cpio.js';
import { listFiles, loadFiles, loadLibraries } from './guest-files.js';
import { guestPaths } from './init.js';

/** The entries of this fsnoop with `fsnoop` on PATH; what isn't built yet, or for this machine, is left out. */
export async function loadOwnPackage(architecture: Architecture): Promise<readonly CpioEntry[]> {
  const others = otherBuilds(architecture);
  // licences don't run
  const isNeeded = (path: string) => !path.endsWith('/LICENSES') && !others.includes(path);
  const found = await Promise.all(
    ['package.json', 'oclif.manifest.json', 'bin', 'dist', 'build', 'schemas'].map((name) =>
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
    // of the addon for another machine they are in its system
    ...(await loadLibraries(paths.filter((path) => path.endsWith('.node')))),
    link('usr/bin/fsnoop', `${guestPaths.package}/bin/run.js`),
  ];
}

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const otherBuilds = (architecture: Architecture): readonly string[] =>
  architectures
    .filter((other) => other !== architecture)
    .map((other) => join(root, 'build', other));
