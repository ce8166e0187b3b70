/** Debian's kernels: the newest of a series, fetched once. */
import { existsSync } from 'node:fs';
import { access, mkdir, readdir, rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { exitStatus, Failure } from '../failure.js';
import { traitsOf, type Architecture } from './architecture.js';
import { cacheFolder } from './cache.js';
import { listFiles } from './guest-files.js';
import { withPackages, type FetchOptions, type Packages } from './packages.js';

/** `kernels/SERIES/vmlinuz-VERSION` in the cache, or `kernels/arm64/SERIES`, and `modules-VERSION`; whatever lies there is whole. */
export interface Kernel {
  /** Path of the bootable image. */
  readonly image: string;
  /** Path of what is `/lib/modules/VERSION` on a machine that runs it. Not there for each image. */
  readonly modules: string;
}

/**
 * The path of a bootable kernel image: that of a Debian series such as `7.2`, or of the file that is named.
 * A series that is in the cache needs no network.
 * @throws {Failure} when there is no such kernel or it can't be fetched
 */
export async function loadKernel(kernel: string, options: FetchOptions): Promise<string> {
  if (!isSeries(kernel)) return findFile(kernel, options);
  const find = () => findCached(folderOf(kernel, options));
  const { image } = (await find()) ?? (await fetchKernel(kernel, find, options));
  return image;
}

/**
 * The paths of bootable images of Debian, by series. Those that are not in the cache are fetched together; a series
 * that Debian has not, or no longer, is left out.
 * @throws {Failure} when Debian's packages can't be listed or fetched
 */
export async function loadKernels(
  wanted: readonly string[],
  options: FetchOptions,
): Promise<ReadonlyMap<string, string>> {
  const found = await findAllCached(wanted, options);
  if (found.size === wanted.length) return found;
  await withPackages(`kernels ${wanted.join(', ')}`, options, async (open) => {
    const here = await findAllCached(wanted, options);
    const missing = wanted.filter((series) => !here.has(series));
    if (missing.length > 0) await downloadOffered(missing, await open(), options);
  });
  return findAllCached(wanted, options);
}

/**
 * A kernel of a Debian series with its modules. If none in the cache has them, what Debian has by now is fetched.
 * @throws {Failure} when `kernel` is no series, when it can't be fetched, or not its modules
 */
export async function loadKernelWithModules(
  kernel: string,
  options: FetchOptions,
): Promise<Kernel> {
  if (!isSeries(kernel))
    throw new Failure(
      exitStatus.usage,
      `'${await findFile(kernel, options)}' is a kernel image alone; modules come with a series of Debian kernels.`,
      'name a series: --kernel 7.2',
    );
  const find = () => findWithModules(folderOf(kernel, options));
  const cached = await find();
  if (cached !== undefined) return cached;
  const fetched = await fetchKernel(kernel, find, options);
  // from 6.19 to 7.1 Debian has kept the kernels alone
  if (existsSync(fetched.modules)) return fetched;
  throw new Failure(
    exitStatus.failed,
    `Debian has no modules for its newest ${kernel} kernel.`,
    'name another series: --kernel 7.2',
  );
}

/** The packages that hold the newest kernel of a series and its modules, out of apt's package names. */
export function chooseKernelPackages(
  names: readonly string[],
  series: string,
  architecture: Architecture,
): readonly string[] | undefined {
  const [newest] = names
    .flatMap((name) => parsePackageName(name, architecture) ?? [])
    .filter((candidate) => candidate.series === series)
    .sort(
      (a, b) =>
        Number(a.isCandidate) - Number(b.isCandidate) ||
        b.version.localeCompare(a.version, 'en', { numeric: true }),
    );
  if (newest === undefined) return undefined;
  // all is in linux-image up to 6.18; since 6.19 that is empty. linux-base tells what is built in
  return ['image', 'binary', 'base', 'modules']
    .map((part) => `linux-${part}-${newest.version}-${flavour(architecture)}`)
    .filter((name) => names.includes(name));
}

/** The series that these packages offer, oldest first. */
export function listSeries(
  names: readonly string[],
  architecture: Architecture,
): readonly string[] {
  const series = new Set(
    names.flatMap((name) => parsePackageName(name, architecture)?.series ?? []),
  );
  return [...series].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

interface KernelPackage {
  /** `7.2.13+deb14` */
  readonly version: string;
  /** `7.2` */
  readonly series: string;
  /** A release candidate. */
  readonly isCandidate: boolean;
}

const flavour = (architecture: Architecture) => `cloud-${traitsOf[architecture].debian}`;

function parsePackageName(name: string, architecture: Architecture): KernelPackage | undefined {
  const [, version, series, of] =
    /^linux-(?:binary|image)-((\d+\.\d+)(?:[.+~-].*)?)-(cloud-\w+)$/.exec(name) ?? [];
  if (of !== flavour(architecture)) return undefined;
  if (version === undefined || series === undefined) return undefined;
  return { version, series, isCandidate: /[~-]rc\d/.test(version) };
}

function isSeries(kernel: string): boolean {
  return /^\d+\.\d+$/.test(kernel);
}

async function findFile(path: string, { architecture }: FetchOptions): Promise<string> {
  await access(path).catch(() => {
    throw new Failure(
      exitStatus.usage,
      `'${path}' is neither a kernel series nor a kernel image.`,
      'a series of Debian kernels: --kernel 7.2',
      `or a file: --kernel ${traitsOf[architecture].image}`,
    );
  });
  return resolve(path);
}

/** Where the kernels of a series are. */
function folderOf(series: string, { architecture }: FetchOptions): string {
  return cacheFolder(
    architecture === 'x64' ? `kernels/${series}` : `kernels/${architecture}/${series}`,
  );
}

async function findCached(folder: string): Promise<Kernel | undefined> {
  const [newest] = await listCached(folder);
  return newest;
}

async function findAllCached(
  wanted: readonly string[],
  options: FetchOptions,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const series of wanted) {
    const kernel = await findCached(folderOf(series, options));
    if (kernel !== undefined) found.set(series, kernel.image);
  }
  return found;
}

async function findWithModules(folder: string): Promise<Kernel | undefined> {
  return (await listCached(folder)).find(({ modules }) => existsSync(modules));
}

/** Newest first; not all have their modules. */
async function listCached(folder: string): Promise<readonly Kernel[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? [])
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((version) => kernelIn(folder, version));
}

function kernelIn(folder: string, version: string): Kernel {
  return { image: join(folder, `vmlinuz-${version}`), modules: join(folder, `modules-${version}`) };
}

/** Fetches a series into its folder, if `find` doesn't see that another fsnoop has just done so. */
async function fetchKernel(
  series: string,
  find: () => Promise<Kernel | undefined>,
  options: FetchOptions,
): Promise<Kernel> {
  return withPackages(
    `a ${series} kernel`,
    options,
    async (open) => (await find()) ?? (await download(series, await open(), options)),
  );
}

async function download(
  series: string,
  packages: Packages,
  options: FetchOptions,
): Promise<Kernel> {
  const { architecture } = options;
  const names = await packages.listNames('linux-');
  const wanted = chooseKernelPackages(names, series, architecture);
  if (wanted === undefined)
    throw notFound(series, listSeries(names, architecture), packages.listError);
  return fetchAndKeep(wanted, packages, folderOf(series, options));
}

/** Those that Debian has. */
async function downloadOffered(
  wanted: readonly string[],
  packages: Packages,
  options: FetchOptions,
): Promise<void> {
  const { architecture } = options;
  const names = await packages.listNames('linux-');
  if (listSeries(names, architecture).length === 0) throw noLists(packages.listError);
  for (const series of wanted) {
    const chosen = chooseKernelPackages(names, series, architecture);
    if (chosen !== undefined) await fetchAndKeep(chosen, packages, folderOf(series, options));
  }
}

async function fetchAndKeep(
  chosen: readonly string[],
  packages: Packages,
  folder: string,
): Promise<Kernel> {
  await using unpacked = await packages.fetch(chosen);
  return await keepKernel(unpacked.path, folder);
}

function notFound(series: string, offered: readonly string[], listError?: string): Failure {
  if (offered.length > 0)
    return new Failure(
      exitStatus.failed,
      `Debian has no kernel of series ${series}.`,
      ...offered.map((other) => `--kernel ${other}`),
    );
  return noLists(listError);
}

function noLists(listError?: string): Failure {
  return new Failure(
    exitStatus.failed,
    `Debian's package lists can't be fetched: ${listError ?? 'apt found no kernels'}`,
    'check the network and /etc/apt/sources.list.d',
    'or name a kernel image: --kernel PATH',
  );
}

/** Takes the kernel and its modules out of the files of their packages. */
async function keepKernel(unpacked: string, folder: string): Promise<Kernel> {
  // boot/vmlinuz-VERSION, or since 6.19 usr/lib/modules/VERSION/vmlinuz
  const paths = await listFiles(unpacked, () => true);
  const image = paths.find((path) => basename(path).startsWith('vmlinuz'));
  if (image === undefined) throw new Error('no kernel in the packages that apt fetched');
  const version = /vmlinuz-(.+)$/.exec(image)?.[1] ?? basename(dirname(image));
  const kernel = kernelIn(folder, version);
  await mkdir(folder, { recursive: true });
  // of an image that somebody removed
  await rename(kernel.modules, join(unpacked, 'replaced')).catch(() => undefined);
  // the image first: alone, it is a kernel whose modules are to be fetched
  await rename(image, kernel.image);
  const builtIn = paths.find((path) => path.endsWith(`/${version}/modules.builtin`));
  if (builtIn !== undefined) await rename(dirname(builtIn), kernel.modules);
  return kernel;
}
