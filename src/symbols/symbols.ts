/** Reads what the running kernel says of its functions. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import { readLockdown } from '../machine.js';
import { Btf, type BtfVerbs } from './btf.js';
import { Symbols, toText, type Modules } from './functions.js';
import { isGlob } from './glob.js';
import { Kallsyms, textBounds } from './kallsyms.js';
import {
  findKallsyms,
  makeSearch,
  readKallsyms,
  type KallsymsTables,
  type KallsymsVerbs,
  type SearchTables,
} from './kallsyms-tables.js';
import { openKcore } from './kcore.js';
import { denySymbol, readKernelDenied } from './kernel-deny.js';
import { firstPageSymbol, readPatchSites, type PatchSites } from './patch-sites.js';
import { isOfProgram, loadBtfOf, loadPrograms, type ProgramVerbs } from './programs.js';
import { findTick, tickSymbols } from './tick.js';
import type { KernelTypes } from './tracepoints.js';

const btfFolder = '/sys/kernel/btf';
const btfPath = `${btfFolder}/vmlinux`;
const kallsymsPath = '/proc/kallsyms';
const modulesPath = '/proc/modules';
const tracefsPaths = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing'] as const;

/** The addon's verbs. */
export interface SymbolVerbs extends KallsymsVerbs, ProgramVerbs {
  /**
   * The file itself in memory: it must not be written.
   * @throws {NativeError} when it can't be mapped
   */
  mapFile(path: string): Uint8Array;
}

/**
 * From the kernel's memory where it can be read, for the kernel takes its time to print: thousands of
 * instructions for each of 187,000 symbols and of 44,000 functions that can be patched. Else from its files.
 * @param globs what the symbols are asked for. Of other names they may not know whether they can be
 * patched: the list of those is read no further than to the last of these names, where they are whole names.
 * @throws {Failure} when the kernel has no BTF, no tracefs is mounted, or the user may not read it.
 */
export function loadSymbols(globs: readonly string[], verbs: SymbolVerbs): Symbols {
  const btf = mapBtf(verbs) ?? loadBtf(verbs);
  const isMany = globs.some(isGlob);
  const memory = readMemory(
    btf,
    globs.filter((glob) => !isGlob(glob)),
    verbs,
  );
  const sites = memory?.sites ?? null;
  return new Symbols(
    btf,
    memory === null ? new Kallsyms({ vmlinux: readAll }) : makeKallsyms(memory, verbs),
    sites === null
      ? { type: 'listed', text: toText(loadAvailable(isMany ? [] : globs)) }
      : { type: 'sites', sites },
    // of a few names the kernel itself refuses at once what it denies; among thousands, looking for it takes minutes
    {
      denied: isMany ? memory?.denied : undefined,
      tick: memory && findTick(memory.search),
      modules: listModules(verbs),
      programs: () => loadPrograms(btf, verbs),
    },
  );
}

/** Without the symbols, which fewer users may read. */
export function loadKernelTypes(verbs: SymbolVerbs): KernelTypes {
  const btf = mapBtf(verbs) ?? loadBtf(verbs);
  const { names, btf: btfOf } = listModules(verbs);
  return { btf, modules: names, btfOf: (module) => btfOf(module, btf) };
}

/** Those that are loaded. */
function listModules(verbs: ProgramVerbs): Modules {
  // a kernel may be built without any
  const lines = existsSync(modulesPath)
    ? read(modulesPath, (path) => readFileSync(path, 'latin1'), noKallsyms)
    : '';
  return {
    names: [...lines.matchAll(/^\S+/gm)].map(([name]) => name),
    btf: (name, base) => {
      if (isOfProgram(name)) return loadBtfOf(name, base, verbs);
      const path = `${btfFolder}/${name}`;
      if (!existsSync(path)) return null;
      return new Btf(
        read(path, (file) => readFileSync(file), noBtf),
        verbs,
        base,
      );
    },
  };
}

/** From Linux 6.16 on its file can be mapped, which copies nothing. Null before. */
function mapBtf(verbs: SymbolVerbs): Btf | null {
  let bytes: Uint8Array;
  try {
    bytes = verbs.mapFile(btfPath);
  } catch {
    return null; // why, reading it tells
  }
  return new Btf(bytes, verbs);
}

const readAll = () => toText(read(kallsymsPath, (path) => readStream(path), noKallsyms));

function makeKallsyms({ tables, search }: Memory, verbs: KallsymsVerbs): Kallsyms {
  return new Kallsyms({
    vmlinux: () => toText(verbs.printKallsyms(tables)),
    search,
    rest: readAll,
  });
}

interface Memory {
  /** The symbols of vmlinux. */
  readonly tables: KallsymsTables;
  readonly search: SearchTables;
  /** Null where the kernel keeps them in another way. */
  readonly sites: PatchSites | null;
  /** What the kernel itself denies. */
  readonly denied: ReadonlySet<number>;
}

/** Lines that are more than a page. */
const beginningLines = 256;

/**
 * Null where the user may not read the kernel's memory, or /proc/kallsyms begins otherwise than the tables
 * there say: it may hide addresses from the user.
 */
function readMemory(btf: Btf, names: readonly string[], verbs: KallsymsVerbs): Memory | null {
  try {
    using kcore = openKcore();
    const places = findKallsyms(kcore.note('VMCOREINFO')?.toString('latin1') ?? '');
    if (places === null) return null;
    const tables = readKallsyms(places, (address, bytes) => kcore.read(address, bytes));
    const told = read(kallsymsPath, readBeginning, noKallsyms);
    const whole = told.subarray(0, told.lastIndexOf('\n') + 1);
    const printed = verbs.printKallsyms(tables, beginningLines);
    if (!printed.subarray(0, whole.length).equals(whole)) return null;
    const ours = [firstPageSymbol, denySymbol];
    const early = [...names, ...textBounds, ...ours, ...tickSymbols];
    const search = makeSearch(tables, verbs, early);
    const found = search(ours);
    const addressOf = (symbol: string) => found.find(({ name }) => name === symbol)?.address;
    const firstPage = addressOf(firstPageSymbol);
    const denied = addressOf(denySymbol);
    return {
      tables,
      search,
      sites: firstPage === undefined ? null : readPatchSites(btf, firstPage, kcore),
      denied: denied === undefined ? new Set() : readKernelDenied(denied, kcore),
    };
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
export function loadBtf(verbs: BtfVerbs): Btf {
  return new Btf(
    read(btfPath, (path) => readFileSync(path), noBtf),
    verbs,
  );
}

/** All of it, or down to the last of these names. */
const loadAvailable = (names: readonly string[]): Buffer =>
  readAvailable((path) => readStream(path, names));

/**
 * Where tracefs lists what can be patched.
 * @throws {Failure} when there is no such list, or the user may not read it
 */
export const findAvailable = (): string =>
  readAvailable((path) => {
    closeSync(openSync(path, 'r'));
    return path;
  });

function readAvailable<Read>(load: (path: string) => Read): Read {
  const mounted = tracefsPaths.find((path) => existsSync(`${path}/trace`)) ?? tracefsPaths[0];
  return read(`${mounted}/available_filter_functions`, load, () =>
    existsSync(`${mounted}/trace`) ? noFtrace() : noTracefs(),
  );
}

function read<Read>(path: string, load: (path: string) => Read, missing: () => Failure): Read {
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
  return readLockdown() === 'confidentiality'
    ? new Failure(
        exitStatus.cannotTrace,
        `This kernel is locked down (confidentiality): it shows nobody ${path}.`,
        'Boot without lockdown=confidentiality; integrity, as Secure Boot has it, allows tracing',
        "Or trace in a guest: fsnoop vm -- fsnoop -k vfs_read -c 'head -c 1 /etc/hostname'",
      )
    : new Failure(
        exitStatus.cannotTrace,
        `${path} is not for this user to read.`,
        'Run it as root: sudo fsnoop …',
        'Which capabilities suffice without: fsnoop doctor',
      );
}
