/** Finds the cgroup that a trace is of, as the kernel side knows it. */
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { exitStatus, Failure } from '../failure.js';

export interface Cgroup {
  /** The inode of its folder. */
  readonly id: bigint;
  /** How far it is below the root of all, which has 0. */
  readonly level: number;
}

export interface CgroupMount {
  readonly folder: string;
  /** What of the cgroups is mounted there, from the root of all on: `/` for all. */
  readonly root: string;
}

/** PROC_CGROUP_INIT_INO in the kernel's include/linux/proc_ns.h. */
const firstNamespace = 'cgroup:[4026531835]';

/**
 * @param path its folder, or what of it is behind the mount point, as /proc/PID/cgroup has it
 * @throws {Failure} when it isn't there, or its level can't be known
 */
export function findCgroup(path: string): Cgroup {
  const mount = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mount === null)
    throw new Failure(
      exitStatus.cannotTrace,
      'No cgroups of version 2 are mounted.',
      'Mount them: mount -t cgroup2 none /sys/fs/cgroup',
    );
  if (readlinkSync('/proc/self/ns/cgroup') !== firstNamespace)
    throw new Failure(
      exitStatus.cannotTrace,
      '--cgroup needs the cgroups of the whole machine, and fsnoop runs in a cgroup namespace.',
      'Outside of the container: fsnoop … --cgroup with what /proc/PID/cgroup of its process says there',
    );
  const { folder, level } = placeIn(mount, path);
  const stat = statSync(folder, { bigint: true, throwIfNoEntry: false });
  if (level < 0 || !stat?.isDirectory())
    throw new Failure(
      exitStatus.usage,
      `There is no cgroup ${folder}.`,
      'That of a process: cat /proc/PID/cgroup',
      `All of them: find ${mount.folder} -type d`,
    );
  return { id: stat.ino, level };
}

/** The first of cgroups of version 2 in the text of /proc/self/mountinfo: proc_pid_mountinfo(5). */
export function parseMounts(text: string): CgroupMount | null {
  for (const line of text.split('\n')) {
    const [, , , root, folder] = line.split(' ');
    if (root !== undefined && folder !== undefined && line.includes(' - cgroup2 '))
      return { folder, root };
  }
  return null;
}

/** A negative level is that of what is no cgroup. */
export function placeIn(
  { folder: mounted, root }: CgroupMount,
  path: string,
): { folder: string; level: number } {
  const isFolder = path === mounted || path.startsWith(`${mounted}/`);
  const folder = posix.resolve(isFolder ? path : `${mounted}/${path}`);
  const below = posix.relative(mounted, folder);
  const level = below.startsWith('..') ? -Infinity : countParts(root) + countParts(below);
  return { folder, level };
}

const countParts = (path: string) => path.split('/').filter((part) => part !== '').length;
