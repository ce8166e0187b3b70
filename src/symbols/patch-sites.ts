/**
 * What ftrace can patch, out of the kernel's memory: kernel/trace/ftrace.c keeps pages of records, each with
 * the address of its instruction. available_filter_functions is printed from them, and looking each up among
 * the symbols takes the kernel 7,000 instructions.
 */
import { Failure } from '../failure.js';
import type { Btf } from './btf.js';
import type { Kcore } from './kcore.js';
import type { KernelSymbol } from './kallsyms.js';

/** Pages of records: in each the addresses ascend, as the kernel sorts them. */
export type PatchSites = readonly PatchPage[];

/** The records as they are in memory: of most, nobody asks. */
export interface PatchPage {
  readonly records: DataView;
  readonly count: number;
  /** Bytes of a record, and where in it the lower half of its address is. */
  readonly step: number;
  readonly at: number;
  /** The first site that can be in it, and how far behind that the last one is: on arm64 lower halves may begin anew. */
  readonly first: number;
  readonly span: number;
}

/** The symbol of the pointer to the first page. */
export const firstPageSymbol = 'ftrace_pages_start';

/**
 * Bytes that may stand before an instruction that is patched: of x86 an `endbr64`, as FTRACE_MCOUNT_MAX_OFFSET says;
 * of arm64 a `bti c` and what keeps the return address. Functions are further apart.
 */
const mostBytesBefore = 8;
/** No kernel has so many: what has more is no list of pages. */
const mostPages = 10_000;
const mostRecords = 1_000_000;

/**
 * Null where this kernel keeps them otherwise, or that memory can't be read.
 * @param start address of the pointer to the first page
 */
export function readPatchSites(
  btf: Btf,
  start: bigint,
  kcore: Pick<Kcore, 'read'>,
): PatchSites | null {
  try {
    return readPages(btf, start, kcore);
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function readPages(btf: Btf, start: bigint, kcore: Pick<Kcore, 'read'>): PatchSites | null {
  const page = findStruct(btf, 'ftrace_page', ['next', 'records', 'index']);
  const record = findStruct(btf, 'dyn_ftrace', ['ip']);
  if (page === null || record === null) return null;
  const sites: PatchPage[] = [];
  let at = kcore.read(start, 8).readBigUInt64LE();
  for (let pages = 0; at !== 0n; pages++) {
    const head = kcore.read(at, page.bytes);
    const count = head.readInt32LE(page.at('index'));
    if (pages > mostPages || count < 0 || count > mostRecords) return null;
    const records = kcore.read(head.readBigUInt64LE(page.at('records')), count * record.bytes);
    if (count > 0) sites.push(makePatchPage(records, count, record.bytes, record.at('ip')));
    at = head.readBigUInt64LE(page.at('next'));
  }
  return sites;
}

/** @param count of records, at least one */
export function makePatchPage(bytes: Buffer, count: number, step: number, at: number): PatchPage {
  const records = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const siteOf = (place: number) => records.getUint32(place * step + at, true);
  const first = siteOf(0) - mostBytesBefore;
  return { records, count, step, at, first, span: (siteOf(count - 1) - first) >>> 0 };
}

/** Whether ftrace knows the function by this symbol: of several at one address the kernel takes the first. */
export function isPatchSite(sites: PatchSites, { address, isFirst }: KernelSymbol): boolean {
  return isFirst && sites.some((page) => hasSite(page, address));
}

function hasSite(page: PatchPage, address: number): boolean {
  const wanted = (address - page.first) >>> 0;
  if (wanted > page.span) return false;
  let start = 0;
  let end = page.count;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if (siteAt(page, middle) < wanted) start = middle + 1;
    else end = middle;
  }
  return siteAt(page, start) <= wanted + mostBytesBefore;
}

const siteAt = ({ records, step, at, first }: PatchPage, place: number): number =>
  (records.getUint32(place * step + at, true) - first) >>> 0;

/** Where the members of a struct are, in bytes; null where it has not all of them. */
function findStruct<Name extends string>(
  btf: Btf,
  name: string,
  names: readonly Name[],
): { readonly bytes: number; readonly at: (member: Name) => number } | null {
  const [id] = btf.find('struct', name);
  if (id === undefined) return null;
  const offsets = new Map(btf.members(id).map((member) => [member.name, member.bitOffset / 8]));
  if (!names.every((member) => offsets.has(member))) return null;
  return { bytes: btf.size(id), at: (member) => offsets.get(member) ?? 0 };
}
