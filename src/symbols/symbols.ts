/** Reads what the running kernel says of its functions. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import { Btf } from './btf.js';
import { makeSymbols, type Symbols } from './functions.js';
import { isGlob } from './glob.js';
import {
  findKallsyms,
  readKallsyms,
  type KallsymsTables,
  type PrintKallsyms,
} from './kallsyms-tables.js';
import { openKcore } from './kcore.js';
import { loadKernelDenied } from './kernel-deny.js';

const btfPath = '/sys/kernel/btf/vmlinux';
const kallsymsPath = '/proc/kallsyms';
const modulesPath = '/proc/modules';
const tracefsPaths = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'] as const;

/**
 * @param globs what the symbols are asked for. Of other names they may not know whether they can be
 * patched: the kernel takes 7,000 instructions to list one of 44,000 functions, so the list of them is
 * read no further than to the last of these names, where they are whole names.
 * @throws {Failure} when the kernel has no BTF, no tracefs is mounted, or the user may not read it.
 */
export function loadSymbols(globs: readonly string[], printKallsyms: PrintKallsyms): Symbols {
  const btf = read(btfPath, readFileSync, noBtf);
  const isMany = globs.some(isGlob);
  const available = loadAvailable(isMany ? [] : globs);
  const all = () => read(kallsymsPath, (path) => readStream(path), noKallsyms);
  const vmlinux = loadVmlinux(printKallsyms);
  const kallsyms = vmlinux ?? all();
  const hasModules = vmlinux !== null && read(modulesPath, readFileSync, noKallsyms).length > 0;
  // of a few names the kernel itself refuses at once what it denies; among thousands, looking for it takes minutes
  const denied = isMany ? loadKernelDenied(kallsyms) : new Set<number>();
  const rest = vmlinux === null ? {} : { rest: { hasModules, all } };
  return makeSymbols({ btf, kallsyms, ...rest, available, denied });
}

/**
 * The symbols of vmlinux as /proc/kallsyms has them, made from the tables in memory. Null where the
 * user may not read that, or /proc/kallsyms begins otherwise: it may hide addresses from the user.
 */
function loadVmlinux(printKallsyms: PrintKallsyms): Buffer | null {
  const tables = loadTables();
  const printed = tables && printKallsyms(tables);
  const told = read(kallsymsPath, readBeginning, noKallsyms);
  const whole = told.subarray(0, told.lastIndexOf('\n') + 1);
  return printed?.subarray(0, whole.length).equals(whole) === true ? printed : null;
}

function loadTables(): KallsymsTables | null {
  try {
    using kcore = openKcore();
    const places = findKallsyms(kcore.note('VMCOREINFO')?.toString('latin1') ?? '');
    return places && readKallsyms(places, (address, bytes) => kcore.read(address, bytes));
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

/** Up to a page. */
function readBeginning(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const page = Buffer.alloc(4096);
    return page.subarray(0, readSync(file, page));
  } finally {
    closeSync(file);
  }
}

/**
 * The kernel's types alone, which most kernels tell every user.
 * @throws {Failure} when the kernel has no BTF, or the user may not read it.
 */
export function loadBtf(): Btf {
  return new Btf(read(btfPath, readFileSync, noBtf));
}

/** All of it, or down to the last of these names. */
function loadAvailable(names: readonly string[]): Buffer {
  const mounted = tracefsPaths.find((path) => existsSync(`${path}/trace`)) ?? tracefsPaths[0];
  return read(
    `${mounted}/available_filter_functions`,
    (path) => readStream(path, names),
    () => (existsSync(`${mounted}/trace`) ? noFtrace() : noTracefs()),
  );
}

function read(path: string, load: (path: string) => Buffer, missing: () => Failure): Buffer {
  try {
    return load(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw missing();
    if (code === 'EACCES' || code === 'EPERM') throw noPermission(path);
    throw error;
  }
}

/**
 * A file whose size nobody knows and that gives a page at a time: readFileSync() would take a new
 * 64 KiB buffer for each of 2,000 reads of kallsyms. Ends early after the last of these lines, if any.
 */
function readStream(path: string, lines: readonly string[] = []): Buffer {
  const missing = new Set(lines);
  const file = openSync(path, 'r');
  try {
    let room = Buffer.allocUnsafe(1 << 24);
    let bytes = 0;
    for (;;) {
      const more = readSync(file, room, bytes, room.length - bytes, null);
      if (more === 0) return room.subarray(0, bytes);
      bytes += more;
      if (lines.length > 0) {
        const read = room.toString('latin1', bytes - more, bytes);
        for (const line of read.split('\n')) missing.delete(line);
        if (missing.size === 0) return room.subarray(0, bytes);
      }
      if (bytes === room.length) room = Buffer.concat([room, Buffer.allocUnsafe(bytes)]);
    }
  } finally {
    closeSync(file);
  }
}

function noBtf(): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `This kernel has no BTF, the description of its types: there is no ${btfPath}.`,
    'Boot a kernel built with CONFIG_DEBUG_INFO_BTF=y, as those of the distributions are.',
    "Try one in a guest: fsnoop vm --kernel 7.2 -- fsnoop list 'vfs_*'",
  );
}

function noTracefs(): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `tracefs is not mounted: there is no ${tracefsPaths[0]}/available_filter_functions.`,
    `Mount it: sudo mount -t tracefs tracefs ${tracefsPaths[0]}`,
  );
}

function noFtrace(): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    'This kernel can patch no function: its tracefs has no available_filter_functions.',
    'Boot a kernel built with CONFIG_FUNCTION_TRACER=y and CONFIG_DYNAMIC_FTRACE=y.',
  );
}

function noKallsyms(): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `This kernel does not tell its symbols: there is no ${kallsymsPath}.`,
    'Mount /proc, or boot a kernel built with CONFIG_KALLSYMS=y.',
  );
}

function noPermission(path: string): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    `${path} is not for this user to read.`,
    'Run it as root: sudo fsnoop …',
  );
}
