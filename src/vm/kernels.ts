/** Debian's kernels: the newest of a series, fetched once. */
import { access, mkdir, readdir, rename } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import { cacheFolder } from './cache.js';
import { listFiles } from './guest-files.js';
import { withPackages, type FetchOptions, type Packages } from './packages.js';

/**
 * The path of a bootable kernel image: that of a Debian series such as `7.2`, or of the file that is named.
 * A series that is in the cache needs no network.
 * @throws {Failure} when there is no such kernel or it can't be fetched
 */
export async function loadKernel(kernel: string, options: FetchOptions): Promise<string> {
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

async function fetchKernel(series: string, options: FetchOptions): Promise<string> {
  return withPackages(
    `a ${series} kernel`,
    options,
    async (open) => (await findCached(series)) ?? (await download(series, await open())),
  );
}

/** Fetches the newest kernel of a series into `kernels/SERIES`. */
async function download(series: string, packages: Packages): Promise<string> {
  const names = await packages.listNames('linux-');
  const name = chooseKernelPackage(names, series);
  if (name === undefined) throw notFound(series, names, packages.listError);
  await using unpacked = await packages.fetch(name);
  return await keepImage(unpacked.path, join(cacheFolder('kernels'), series));
}

function notFound(series: string, names: readonly string[], listError?: string): Failure {
  const offered = listSeries(names);
  if (offered.length > 0)
    return new Failure(
      exitStatus.failed,
      `Debian has no kernel of series ${series}.`,
      ...offered.map((other) => `--kernel ${other}`),
    );
  return new Failure(
    exitStatus.failed,
    `Debian's package lists can't be fetched: ${listError ?? 'apt found no kernels'}`,
    'check the network and /etc/apt/sources.list.d',
    'or name a kernel image: --kernel PATH',
  );
}

/** Takes the kernel out of the files of its package. */
async function keepImage(unpacked: string, folder: string): Promise<string> {
  // boot/vmlinuz-VERSION, or since 6.19 usr/lib/modules/VERSION/vmlinuz
  const paths = await listFiles(unpacked, () => true);
  const image = paths.find((path) => basename(path).startsWith('vmlinuz'));
  if (image === undefined) throw new Error('no kernel in the package that apt fetched');
  const version = /vmlinuz-(.+)$/.exec(image)?.[1] ?? basename(join(image, '..'));
  await mkdir(folder, { recursive: true });
  const path = join(folder, `vmlinuz-${version}`);
  await rename(image, path);
  return path;
}
