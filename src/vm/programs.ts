/** Other programs: finding them, running them, and saying which package has them. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { exitStatus, Failure } from '../failure.js';

/** Programs that we need, by the Debian package that has them. */
const packages = {
  'apt-get': 'apt',
  'apt-cache': 'apt',
  'dpkg-deb': 'dpkg',
  flock: 'util-linux',
  ldd: 'libc-bin',
  busybox: 'busybox-static',
  cat: 'coreutils',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-aarch64': 'qemu-system-arm',
} as const;

export type Program = keyof typeof packages;

/**
 * The path of a program.
 * @throws {Failure} naming the package to install, when it isn't there
 */
export function needProgram(name: Program): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw new Failure(
    exitStatus.failed,
    `${name} is not installed, and \`fsnoop vm\` needs it.`,
    `sudo apt-get install --no-install-recommends ${packages[name]}`,
    'in a clone of fsnoop: npm run setup',
  );
}

/** The path of a program on PATH, or in the places of system programs, which a user's PATH often leaves out. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/bin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** A program that ended with a status other than 0; `stderr` is what it said. */
export class ProgramError extends Error {
  readonly stderr: string;

  constructor(path: string, stderr: string, cause: Error) {
    super(`${path} failed: ${stderr.trim() || cause.message}`, { cause });
    this.stderr = stderr;
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** What the program reads; nothing without it. */
  readonly input?: string;
  /** Of what it prints; UTF-8 without it. */
  readonly encoding?: BufferEncoding;
}

/**
 * Runs a program without a terminal to its end and gives what it printed.
 * @throws {ProgramError} when it fails
 */
export function runProgram(
  path: string,
  args: readonly string[],
  { cwd, env, signal, input, encoding = 'utf8' }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      path,
      args,
      { cwd, env, signal, encoding, maxBuffer: 256 * 1024 ** 2 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new ProgramError(path, stderr, error));
      },
    );
    child.stdin?.on('error', () => undefined).end(input);
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
