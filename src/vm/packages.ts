/** Debian's packages, fetched through apt with a state of its own: nothing is installed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import { traitsOf, type Architecture } from './architecture.js';
import { cacheFolder, unfinished } from './cache.js';
import { needProgram, ProgramError, runProgram, type RunOptions } from './programs.js';

export interface FetchOptions {
  /** Of the packages. */
  readonly architecture: Architecture;
  /** Told what is being fetched. */
  readonly report: (progress: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface Packages {
  /** Why the lists could not be brought up to date; older ones may do. */
  readonly listError: string | undefined;
  /** All packages whose names begin so. */
  listNames(prefix: string): Promise<readonly string[]>;
  /**
   * Packages of a suite, or in their newest versions, without what they depend on.
   * @throws {Failure} when one of them can't be fetched
   */
  fetch(names: readonly string[], suite?: string): Promise<UnpackedPackages>;
  /**
   * Packages of a suite with all that they depend on.
   * @throws {Failure} when one of them can't be fetched
   */
  fetchWithDependencies(names: readonly string[], suite: string): Promise<UnpackedPackages>;
}

/** A temporary folder with the files of packages, below it as they would be below `/`. */
interface UnpackedPackages extends AsyncDisposable {
  readonly path: string;
  /** By package. */
  readonly versions: ReadonlyMap<string, string>;
}

/**
 * Does `work` when no other fsnoop fetches, below the cache so that what was fetched can be renamed into it.
 * `purpose` is what the packages are wanted for, as `a 7.2 kernel`.
 * @throws {Failure} when apt can't be set up
 */
export async function withPackages<Result>(
  purpose: string,
  options: FetchOptions,
  work: (open: () => Promise<Packages>) => Promise<Result>,
): Promise<Result> {
  const folder = cacheFolder(aptFolders[options.architecture]);
  await mkdir(folder, { recursive: true });
  return withLock(join(folder, 'lock'), options, () =>
    work(() => openPackages(folder, purpose, options)),
  );
}

/** Of apt's state, apart for each. */
const aptFolders: Readonly<Record<Architecture, string>> = { x64: 'apt', arm64: 'apt-arm64' };

async function openPackages(
  folder: string,
  purpose: string,
  options: FetchOptions,
): Promise<Packages> {
  const settings = await prepareApt(folder, traitsOf[options.architecture].debian);
  const apt = (program: 'apt-get' | 'apt-cache', args: readonly string[], run: RunOptions = {}) =>
    runProgram(needProgram(program), [...settings, '-qq', ...args], {
      ...run,
      signal: options.signal,
    });
  const fetch = async (names: readonly string[], args: readonly string[]) => {
    options.report(`fetching ${names.join(' and ')}`);
    return unpack(folder, (archives) =>
      apt('apt-get', ['-o', `Dir::Cache::archives=${archives}`, ...args, ...names], {
        cwd: archives,
      }).catch((error: unknown) => {
        throw new Failure(
          exitStatus.failed,
          `${names.join(' and ')} can't be fetched: ${aptError(asProgramError(error))}`,
          'check the network, then try again',
        );
      }),
    );
  };
  options.report(`fetching Debian's package lists for ${purpose}`);
  const updateError = await apt('apt-get', ['update']).then(() => undefined, asProgramError);
  await removeUnfinished(folder);
  return {
    listError: updateError && aptError(updateError),
    listNames: async (prefix) => (await apt('apt-cache', ['pkgnames', prefix])).split('\n'),
    fetch: (names, suite) =>
      fetch(names, ['download', ...(suite === undefined ? [] : ['-t', suite])]),
    fetchWithDependencies: (names, suite) =>
      fetch(names, [
        ...['install', '--yes', '--download-only', '--no-install-recommends', '-t', suite],
        // as if nothing were installed here, and without root's locks
        ...['-o', `Dir::State::status=${folder}/status`, '-o', 'Debug::NoLocking=1'],
      ]),
  };
}

function asProgramError(error: unknown): ProgramError {
  if (error instanceof ProgramError && !isAborted(error)) return error;
  throw error;
}

function isAborted(error: ProgramError): boolean {
  return error.cause instanceof Error && error.cause.name === 'AbortError';
}

function aptError({ stderr }: ProgramError): string {
  return /^E: (.*)$/m.exec(stderr)?.[1] ?? stderr.trim();
}

/** Every suite that has kernels, 6.1 up to the newest, and all else that is wanted. */
const suites = [
  'bookworm',
  'trixie',
  'bookworm-backports',
  'trixie-backports',
  'forky',
  'sid',
  'experimental',
];

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Lays out apt's state in `folder` and gives the options that make apt use it. */
async function prepareApt(folder: string, architecture: string): Promise<readonly string[]> {
  await access(keyring).catch(() => {
    throw new Failure(
      exitStatus.failed,
      `Debian's keys (${keyring}) are missing, so its packages can't be checked.`,
      'sudo apt-get install debian-archive-keyring',
      'or name a kernel image: --kernel PATH',
    );
  });
  await mkdir(join(folder, 'lists/partial'), { recursive: true });
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true });
  const mirror = await findMirror();
  const lines = suites.map(
    (suite) => `deb [arch=${architecture} signed-by=${keyring}] ${mirror} ${suite} main\n`,
  );
  await writeFile(join(folder, 'sources.list'), lines.join(''));
  await writeFile(join(folder, 'status'), '');
  return [
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State=${folder}`,
    `Dir::State::lists=${folder}/lists`,
    `Dir::Cache=${folder}/cache`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`, // not those of this machine
    'APT::Sandbox::User=root', // or root is warned that `_apt` can't read our folder
    'Acquire::Languages=none',
    'Acquire::Retries=3',
  ].flatMap((option) => ['-o', option]);
}

/** The Debian mirror that this machine uses, else Debian's own. */
async function findMirror(): Promise<string> {
  const parts = '/etc/apt/sources.list.d';
  const names = await readdir(parts).catch(() => []);
  const files = [
    '/etc/apt/sources.list',
    ...names.filter((name) => /\.(list|sources)$/.test(name)).map((name) => join(parts, name)),
  ];
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8').catch(() => '')));
  return (
    /^(?:URIs:|deb )[^\n]*?(https?:\/\/\S+\/debian)\/?(?=\s|$)/m.exec(texts.join('\n'))?.[1] ??
    'http://deb.debian.org/debian'
  );
}

/** Has `download` put packages into a new folder below `folder`, and unpacks them there. */
async function unpack(
  folder: string,
  download: (archives: string) => Promise<unknown>,
): Promise<UnpackedPackages> {
  const temporary = await mkdtemp(join(folder, unfinished));
  const remove = () => rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(join(temporary, 'partial'));
    await download(temporary);
    const archives = (await readdir(temporary)).filter((name) => name.endsWith('.deb'));
    const path = join(temporary, 'tree');
    for (const archive of archives)
      await runProgram(needProgram('dpkg-deb'), ['-x', join(temporary, archive), path]);
    return {
      path,
      versions: new Map(archives.map(parseArchiveName)),
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** `libbpf1_1%3a1.7.0-1_amd64.deb` is libbpf1 in version 1:1.7.0-1. */
function parseArchiveName(archive: string): readonly [string, string] {
  const [name = '', version = ''] = archive.split('_');
  return [name, decodeURIComponent(version)];
}

/** Clears what a killed run left. Nobody else is at work: we hold the lock. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(unfinished)) await rm(join(folder, name), { recursive: true, force: true });
}

/** The kernel drops the lock with its holder, however that one ends. */
async function withLock<Result>(
  path: string,
  { signal }: FetchOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const holder = spawn(needProgram('flock'), [path, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(signal && { signal }),
  });
  const ended = new Promise<void>((resolve, reject) => {
    holder.once('error', reject).once('close', resolve);
  });
  try {
    const unlocked = ended.then(() => {
      throw new Failure(exitStatus.failed, `${path} can't be locked.`);
    });
    await Promise.race([once(holder.stdout, 'data'), unlocked]);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
