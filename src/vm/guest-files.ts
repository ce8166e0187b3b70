/** Files of this machine as files of the guest, with the shared libraries that they need. */
import { open, lstat, readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { basename, join, posix, resolve } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import { file, link, type CpioEntry } from './cpio.js';
import { guestPaths } from './init.js';
import { needProgram, ProgramError, runProgram } from './programs.js';

/** A file or folder to bring into the guest. */
export interface GuestFile {
  readonly path: string;
  /** Where to, seen from /root; without it, programs go to /usr/bin and everything else to /root. */
  readonly guestPath?: string;
}

/** `PATH[:GUESTPATH]`. */
export function parseGuestFile(text: string): GuestFile {
  const colon = text.indexOf(':');
  return colon < 0
    ? { path: text }
    : { path: text.slice(0, colon), guestPath: text.slice(colon + 1) };
}

/**
 * The entries of one file or a whole folder; programs bring their shared libraries.
 * @throws {Failure} when there is no such file
 */
export async function loadGuestFile({ path, guestPath }: GuestFile): Promise<readonly CpioEntry[]> {
  const stats = await stat(path).catch(() => {
    throw new Failure(exitStatus.usage, `--file ${path}: there is no such file.`);
  });
  const isProgram = stats.isFile() && (stats.mode & 0o111) !== 0;
  const target =
    guestPath ?? join(isProgram ? '/usr/bin' : guestPaths.home, basename(resolve(path)));
  const paths = await listFiles(path, () => true);
  const entries = await loadFiles(paths, path, posix.resolve(guestPaths.home, target));
  return [...entries, ...(await loadLibraries(paths))];
}

/** Files below `from` (or `from` itself), as they will stand below `to` in the guest. */
export function loadFiles(
  paths: readonly string[],
  from: string,
  to: string,
): Promise<readonly CpioEntry[]> {
  return Promise.all(
    paths.map(async (path) => {
      const guestPath = cpioPath(to + path.slice(from.length));
      const stats = path === from ? await stat(path) : await lstat(path);
      return stats.isSymbolicLink()
        ? link(guestPath, await readlink(path))
        : file(guestPath, await readFile(path), stats.mode & 0o777);
    }),
  );
}

/** All files and links below a folder for which `isWanted`, or the file itself. */
export async function listFiles(
  path: string,
  isWanted: (path: string) => boolean,
): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const found = await Promise.all(
    (await readdir(path, { withFileTypes: true }))
      .filter((child) => isWanted(join(path, child.name)))
      .filter((child) => child.isFile() || child.isSymbolicLink() || child.isDirectory())
      .map((child) => {
        const childPath = join(path, child.name);
        return child.isDirectory() ? listFiles(childPath, isWanted) : Promise.resolve([childPath]);
      }),
  );
  return found.flat();
}

/** The shared libraries that these programs and libraries need, each once. */
export async function loadLibraries(paths: readonly string[]): Promise<readonly CpioEntry[]> {
  const libraries = await Promise.all(paths.map(listLibraries));
  return Promise.all(
    [...new Set(libraries.flat())].map(async (path) =>
      file(cpioPath(path), await readFile(path), 0o755),
    ),
  );
}

/** The libraries' paths by `ldd`: none for a static program, a script, an object file. */
export async function listLibraries(path: string): Promise<readonly string[]> {
  if (!(await isElf(path))) return [];
  try {
    const lines = await runProgram(needProgram('ldd'), [await realpath(path)]);
    return [...lines.matchAll(/^\t(?:\S+ => )?(\/\S+) \(/gm)].flatMap(
      ([, library]) => library ?? [],
    );
  } catch (error) {
    if (error instanceof ProgramError) return [];
    throw error;
  }
}

/** The guest has one folder for programs and one for libraries, whatever they are on this machine. */
export function cpioPath(path: string): string {
  return path
    .replace(/^\/(usr\/)?s?bin\//, '/usr/bin/')
    .replace(/^\/(lib\d*)\//, '/usr/$1/')
    .slice(1);
}

async function isElf(path: string): Promise<boolean> {
  const isFile = await stat(path)
    .then((stats) => stats.isFile())
    .catch(() => false);
  if (!isFile) return false;
  await using handle = await open(path);
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  return buffer.equals(Buffer.from('\x7fELF', 'latin1'));
}
