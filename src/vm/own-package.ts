/** fsnoop itself, as it is to be in the guest: built files and the packages it needs at run time. */
import { access, readFile } from 'node:fs/promises';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { link, type CpioEntry } from './cpio.js';
import { listFiles, loadFiles, loadLibraries } from './guest-files.js';
import { guestPaths } from './init.js';

/** The entries of this fsnoop with `fsnoop` on PATH; what isn't built yet is left out. */
export async function loadOwnPackage(): Promise<readonly CpioEntry[]> {
  const own = await Promise.all(
    ['package.json', 'oclif.manifest.json', 'bin', 'dist', 'build'].map((name) =>
      listFiles(join(root, name), isNeeded).catch(() => []),
    ),
  );
  const packages = await Promise.all(
    [...(await findPackages(root))].map((folder) => listFiles(folder, isNeeded)),
  );
  const paths = [...own, ...packages].flat();
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

/** Nested packages are found by name; maps, types and documents don't run. */
function isNeeded(path: string): boolean {
  return !/\/node_modules$|\.map$|\.d\.[cm]?ts$|\.md$|\.tsbuildinfo$/.test(path);
}

/** The folders of all packages that the package in `folder` needs, by the way node looks for them. */
async function findPackages(
  folder: string,
  found: Set<string> = new Set<string>(),
): Promise<Set<string>> {
  const { dependencies = {} } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  ) as { readonly dependencies?: Readonly<Record<string, string>> };
  for (const name of Object.keys(dependencies)) {
    const dependency = await findPackage(name, folder);
    if (dependency === undefined || found.has(dependency)) continue;
    found.add(dependency);
    await findPackages(dependency, found);
  }
  return found;
}

async function findPackage(name: string, from: string): Promise<string | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    const isThere = await access(join(candidate, 'package.json')).then(
      () => true,
      () => false,
    );
    if (isThere) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}
