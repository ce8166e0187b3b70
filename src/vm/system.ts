/**
 * The programs of each guest, busybox, cat and node with their libraries: this machine's own, or Debian's for
 * another. busybox's own cat has the kernel copy (sendfile), and reads nothing that a trace of reads could show.
 */
import { access, mkdir, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { cacheFolder } from './cache.js';
import { file, type CpioEntry } from './cpio.js';
import { cpioPath, listFiles, listLibraries, loadFiles } from './guest-files.js';
import { withPackages, type FetchOptions } from './packages.js';
import { needProgram } from './programs.js';

export interface System {
  /** Of all files, here. */
  readonly paths: readonly string[];
  /** The same files, where they stand in the guest. */
  readonly load: () => Promise<readonly CpioEntry[]>;
}

/**
 * What is in the cache needs no network.
 * @throws {Failure} when busybox isn't there, or the programs for another machine can't be fetched
 */
export function loadSystem(options: FetchOptions): Promise<System> {
  return options.architecture === process.arch ? findOwnSystem() : loadForeignSystem(options);
}

async function findOwnSystem(): Promise<System> {
  const busybox = needProgram('busybox');
  const programs = {
    'usr/bin/busybox': busybox,
    'usr/bin/cat': needProgram('cat'),
    'usr/bin/node': process.execPath,
  };
  // Debian's other busybox package has one that is not static
  const libraries = new Set((await Promise.all(Object.values(programs).map(listLibraries))).flat());
  const places = [
    ...Object.entries(programs),
    ...Array.from(libraries, (path) => [cpioPath(path), path] as const),
  ];
  return {
    paths: places.map(([, path]) => path),
    load: () =>
      Promise.all(places.map(async ([place, path]) => file(place, await readFile(path), 0o755))),
  };
}

/** With the libraries that fsnoop needs, as native/ is built for another machine with those of bookworm. */
const packages = ['nodejs', 'busybox-static', 'coreutils', 'libbpf1', 'libcapstone4'];
/** The first with a node that runs fsnoop. */
const suite = 'trixie';
/** Of their files: programs, libraries but for rarely used parts of them, and what of node is in files of its own. */
const isNeeded =
  /^\/usr\/(?:bin\/(?:node|busybox|cat)|lib\/(?:[a-z0-9_]+-linux-gnu\/)?[^/]+|share\/nodejs\/.+)$/;

async function loadForeignSystem(options: FetchOptions): Promise<System> {
  const folder = cacheFolder(`systems/${[options.architecture, ...packages].join('+')}`);
  const isThere = () =>
    access(folder).then(
      () => true,
      () => false,
    );
  if (!(await isThere()))
    await withPackages(`an ${options.architecture} guest`, options, async (open) => {
      if (await isThere()) return;
      await using unpacked = await (await open()).fetchWithDependencies(packages, suite);
      await mkdir(dirname(folder), { recursive: true });
      await rename(unpacked.path, folder);
    });
  const files = await listFiles(folder, () => true);
  const paths = files.filter((path) => isNeeded.test(path.slice(folder.length)));
  return { paths, load: () => loadFiles(paths, folder, '') };
}
