/** The guest's file system: busybox and node, which are kept between runs, and what this run adds. */
import { createHash, randomBytes } from 'node:crypto';
import {
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { Architecture } from './architecture.js';
import { cacheFolder, unfinished, writeWhole } from './cache.js';
import { directory, encodeCpio, file, link, type CpioEntry } from './cpio.js';
import { loadGuestFile, type GuestFile } from './guest-files.js';
import { guestPaths, renderCommand, renderInit } from './init.js';
import type { KernelModule } from './modules.js';
import { loadOwnPackage } from './own-package.js';
import { needProgram, runProgram } from './programs.js';
import type { System } from './system.js';

export interface ImageOptions {
  readonly architecture: Architecture;
  readonly system: System;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: readonly GuestFile[];
  /** Loaded before the command, in this order. */
  readonly modules: readonly KernelModule[];
  /** Follows the last byte of stdout and stderr. */
  readonly endMark: string;
}

/**
 * The initramfs as an open file that has no name any more: whatever ends this process, nothing stays behind.
 * @throws {Failure} when a file or busybox isn't there
 */
export async function buildImage(options: ImageOptions): Promise<FileHandle> {
  const [base, additions] = await Promise.all([loadBase(options.system), loadAdditions(options)]);
  const path = join(cacheFolder('images'), `${unfinished}${randomBytes(8).toString('hex')}`);
  const handle = await open(path, 'wx+');
  await unlink(path);
  await handle.writeFile(base);
  await handle.writeFile(encodeCpio(additions));
  return handle;
}

/** What changes from run to run. */
async function loadAdditions(options: ImageOptions): Promise<readonly CpioEntry[]> {
  const files = await Promise.all(options.files.map(loadGuestFile));
  return [
    ...(await loadOwnPackage(options.architecture)),
    ...files.flat(),
    file('init', renderInit(options.endMark), 0o755),
    ...options.modules.map(({ name, contents }) =>
      file(`${guestPaths.modules.slice(1)}/${name}.ko`, contents),
    ),
    file(
      guestPaths.command.slice(1),
      renderCommand(
        options.command,
        options.env,
        options.modules.map(({ name }) => name),
      ),
    ),
  ];
}

/** busybox, cat, node and libraries as an archive: 120 MB, made once for each version of them. */
async function loadBase(system: System): Promise<Buffer> {
  const path = join(cacheFolder('images'), `base-${await identify(system.paths)}.cpio`);
  try {
    const now = new Date();
    await utimes(path, now, now);
    return await readFile(path);
  } catch {
    const bytes = encodeCpio(await loadBaseEntries(system));
    await writeWhole(path, (beside) => writeFile(beside, bytes));
    await removeStale();
    return bytes;
  }
}

async function loadBaseEntries(system: System): Promise<readonly CpioEntry[]> {
  const programs = await system.load();
  const paths = new Set(programs.map(({ path }) => path));
  // of this machine's busybox, which has the same ones as that of another
  const applets = (await runProgram(needProgram('busybox'), ['--list']))
    .split('\n')
    .filter(Boolean);

  return [
    ...['usr/bin', 'usr/lib', 'usr/lib64', 'proc', 'sys', 'dev', 'run', 'tmp', 'root'].map(
      directory,
    ),
    ...['bin', 'lib', 'lib64'].map((name) => link(name, `usr/${name}`)),
    link('sbin', 'usr/bin'),
    link('usr/sbin', 'bin'),
    file('etc/hostname', 'fsnoop-guest\n'),
    file('etc/hosts', '127.0.0.1 localhost fsnoop-guest\n'),
    file('etc/passwd', `root:x:0:0:root:${guestPaths.home}:/bin/sh\n`),
    file('etc/group', 'root:x:0:\n'),
    ...applets
      .map((name) => `usr/bin/${name}`)
      .filter((path) => !paths.has(path))
      .map((path) => link(path, 'busybox')),
    ...programs,
  ];
}

/** Changes when the layout or one of the files does. */
async function identify(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update('layout 1\n');
  for (const path of paths) {
    const { size, mtimeMs } = await lstat(path);
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** Removes images that no run has used for a week, and what a killed run left unfinished. */
async function removeStale(): Promise<void> {
  const folder = cacheFolder('images');
  await mkdir(folder, { recursive: true });
  const weekAgoMs = Date.now() - 7 * 24 * 3_600_000;
  for (const name of await readdir(folder)) {
    const stats = await stat(join(folder, name)).catch(() => undefined);
    if (stats !== undefined && stats.mtimeMs < weekAgoMs)
      await rm(join(folder, name), { force: true });
  }
}
