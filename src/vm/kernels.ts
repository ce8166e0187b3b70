/** Debian's kernels: the newest of a series, fetched once through apt with a state of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import { cacheFolder, unfinished } from './cache.js';
import { listFiles } from './guest-files.js';
import { needProgram, ProgramError, runProgram } from './programs.js';

export interface KernelOptions {
  /** Told what is being fetched. */
  readonly report: (progress: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The path of a bootable kernel image: that of a Debian series such as `7.2`, or of the file that is named.
 * A series that is in the cache needs no network.
 * @throws {Failure} when there is no such kernel or it can't be fetched
 */
export async function loadKernel(kernel: string, options: KernelOptions): Promise<string> {
  if (!isSeries(kernel)) return findFile(kernel);
  return (await findCached(kernel)) ?? fetchKernel(kernel, options);
}

/** The package with the newest kernel of a series, out of apt's package names. */
export function chooseKernelPackage(names: readonly string[], series: string): string | undefined {
  const [newest] = names
    .flatMap((name) => parsePackageName(name) ?? [])
    .filter((candidate) => candidate.series === series)
    .sort(
      (a, b) =>
        Number(a.isCandidate) - Number(b.isCandidate) ||
        b.version.localeCompare(a.version, 'en', { numeric: true }) ||
        // since 6.19 linux-image is empty and linux-binary has the kernel
        a.name.localeCompare(b.name),
    );
  return newest?.name;
}

/** The series that these packages offer, oldest first. */
export function listSeries(names: readonly string[]): readonly string[] {
  const series = new Set(names.flatMap((name) => parsePackageName(name)?.series ?? []));
  return [...series].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

interface KernelPackage {
  readonly name: string;
  /** `7.2.13+deb14` */
  readonly version: string;
  /** `7.2` */
  readonly series: string;
  /** A release candidate. */
  readonly isCandidate: boolean;
}

function parsePackageName(name: string): KernelPackage | undefined {
  const [, version, series] =
    /^linux-(?:binary|image)-((\d+\.\d+)(?:[.+~-].*)?)-cloud-amd64$/.exec(name) ?? [];
  if (version === undefined || series === undefined) return undefined;
  return { name, version, series, isCandidate: /[~-]rc\d/.test(version) };
}

function isSeries(kernel: string): boolean {
  return /^\d+\.\d+$/.test(kernel);
}

async function findFile(path: string): Promise<string> {
  await access(path).catch(() => {
    throw new Failure(
      exitStatus.usage,
      `'${path}' is neither a kernel series nor a kernel image.`,
      'a series of Debian kernels: --kernel 7.2',
      'or a file: --kernel arch/x86/boot/bzImage',
    );
  });
  return resolve(path);
}

/** `kernels/SERIES/vmlinuz-VERSION`; whatever lies there is whole. */
async function findCached(series: string): Promise<string | undefined> {
  const folder = join(cacheFolder('kernels'), series);
  const names = await readdir(folder).catch(() => []);
  const [newest] = names
    .filter((name) => name.startsWith('vmlinuz-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return newest === undefined ? undefined : join(folder, newest);
}

async function fetchKernel(series: string, options: KernelOptions): Promise<string> {
  const folder = cacheFolder('kernels');
  await mkdir(folder, { recursive: true });
  return withLock(
    join(folder, 'lock'),
    options,
    async () => (await findCached(series)) ?? (await download(series, folder, options)),
  );
}

/** Fetches the newest kernel of a series into `folder`/SERIES. */
async function download(series: string, folder: string, options: KernelOptions): Promise<string> {
  const apt = await prepareApt(folder);
  options.report(`fetching Debian's package lists for a ${series} kernel`);
  const updateError = await runProgram(
    needProgram('apt-get'),
    [...apt, '-qq', 'update'],
    options,
  ).then(() => undefined, asProgramError);
  const names = (
    await runProgram(needProgram('apt-cache'), [...apt, 'pkgnames', 'linux-'], options)
  ).split('\n');
  const name = chooseKernelPackage(names, series);
  if (name === undefined) throw notFound(series, names, updateError);

  options.report(`fetching ${name}`);
  await removeUnfinished(folder);
  await using temporary = await makeTemporaryFolder(folder);
  await runProgram(needProgram('apt-get'), [...apt, '-qq', 'download', name], {
    ...options,
    cwd: temporary.path,
  }).catch((error: unknown) => {
    throw new Failure(
      exitStatus.failed,
      `${name} can't be fetched: ${aptError(asProgramError(error)) ?? ''}`,
      'check the network, then try again',
    );
  });
  return await unpack(temporary.path, join(folder, series));
}

function asProgramError(error: unknown): ProgramError {
  if (error instanceof ProgramError && !isAborted(error)) return error;
  throw error;
}

function isAborted(error: ProgramError): boolean {
  return error.cause instanceof Error && error.cause.name === 'AbortError';
}

function notFound(series: string, names: readonly string[], updateError?: ProgramError): Failure {
  const offered = listSeries(names);
  if (offered.length > 0)
    return new Failure(
      exitStatus.failed,
      `Debian has no kernel of series ${series}.`,
      ...offered.map((other) => `--kernel ${other}`),
    );
  return new Failure(
    exitStatus.failed,
    `Debian's package lists can't be fetched: ${aptError(updateError) ?? 'apt found no kernels'}`,
    'check the network and /etc/apt/sources.list.d',
    'or name a kernel image: --kernel PATH',
  );
}

function aptError(error: ProgramError | undefined): string | undefined {
  return error?.stderr.match(/^E: .*$/m)?.[0].slice(3) ?? error?.stderr.trim();
}

/** Every suite that has kernels. Together: 6.1 up to the newest. */
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

/** Lays out apt's state below `folder` and gives the options that make apt use it. */
async function prepareApt(folder: string): Promise<readonly string[]> {
  await access(keyring).catch(() => {
    throw new Failure(
      exitStatus.failed,
      `Debian's keys (${keyring}) are missing, so its kernels can't be checked.`,
      'sudo apt-get install debian-archive-keyring',
      'or name a kernel image: --kernel PATH',
    );
  });
  const apt = join(folder, 'apt');
  await mkdir(join(apt, 'lists/partial'), { recursive: true });
  await mkdir(join(apt, 'cache/archives/partial'), { recursive: true });
  const mirror = await findMirror();
  const lines = suites.map(
    (suite) => `deb [arch=amd64 signed-by=${keyring}] ${mirror} ${suite} main\n`,
  );
  await writeFile(join(apt, 'sources.list'), lines.join(''));
  return [
    `Dir::Etc::sourcelist=${apt}/sources.list`,
    'Dir::Etc::sourceparts=-',
    `Dir::State=${apt}`,
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    'APT::Architecture=amd64',
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

/** Takes the kernel out of the package that lies in `temporary`. */
async function unpack(temporary: string, folder: string): Promise<string> {
  const [deb] = (await readdir(temporary)).filter((name) => name.endsWith('.deb'));
  const tree = join(temporary, 'tree');
  if (deb !== undefined)
    await runProgram(needProgram('dpkg-deb'), ['-x', join(temporary, deb), tree]);
  // boot/vmlinuz-VERSION, or since 6.19 usr/lib/modules/VERSION/vmlinuz
  const paths = deb === undefined ? [] : await listFiles(tree, () => true);
  const image = paths.find((path) => basename(path).startsWith('vmlinuz'));
  if (image === undefined) throw new Error(`no kernel in the package ${deb ?? 'that apt fetched'}`);
  const version = /vmlinuz-(.+)$/.exec(image)?.[1] ?? basename(join(image, '..'));
  await mkdir(folder, { recursive: true });
  const path = join(folder, `vmlinuz-${version}`);
  await rename(image, path);
  return path;
}

interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

async function makeTemporaryFolder(folder: string): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(folder, unfinished));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Clears what a killed run left. Nobody else is at work: we hold the lock. */
async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(unfinished)) await rm(join(folder, name), { recursive: true, force: true });
}

/** Does `work` when no other fsnoop fetches. The kernel drops the lock with its holder, however that one ends. */
async function withLock<Result>(
  path: string,
  { signal }: KernelOptions,
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
