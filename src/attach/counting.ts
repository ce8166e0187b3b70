/** The mirror of bpf/cell.h in what user space writes, and how it reads what was counted. */
import { mayFail } from '../plan/capture.js';
import { cellBytes, keyBytes, pageBytes, powerOf2From, type Counting } from '../plan/counting.js';
import { deepestCounted } from '../plan/method.js';
import type { Plan, PlannedFunction } from '../plan/plan.js';
import type { Type } from '../symbols/type.js';
import type { LoadOptions, NativeObject } from './native.js';
import type { ProgramName } from './shared.js';

/** Byte offsets of `struct counting`. */
export const countingLayout = {
  first_key: 0,
  keys: 4,
  cpus: 8,
  pages: 12,
  all_keys: 16,
  by: 20,
  recorded: 24,
} as const;
export const countingBytes = 28;

/** What instructions have in the place of masks. */
export const blankMasks = { cells: 0x0ce11500, pages: 0x0a6e5500 } as const;

/** What the kernel side makes keys of; CPUs have cells of their own. */
export const keyNumbers = { comm: 1, pid: 2, cpu: 0, cgroup: 3, retval: 4 } as const;

/** Bits of an attach cookie: the width of a return value, and whether it may be an error. */
export const returnBits = { width: 40, errno: 43 } as const;

export function encodeCounting(counting: Counting): Buffer {
  const { by, cpus, functions, keys, pages, recorded } = counting;
  const values = {
    ...{ keys, cpus, pages },
    first_key: functions * cpus,
    all_keys: cpus * keys,
    by: by === null ? 0 : keyNumbers[by],
    recorded: Number(recorded),
  };
  const bytes = Buffer.alloc(countingBytes);
  for (const [name, at] of Object.entries(countingLayout))
    bytes.writeUInt32LE(values[name as keyof typeof values], at);
  return bytes;
}

const maps = { cells: '.bss.cells', keys: '.bss.keys', pages: '.bss.pages' } as const;

/** How large the maps are: of cells and pages a power of two, so that a mask keeps places in them. */
export const countingMaps = ({ cpus, keys, cells, pages }: Counting) => ({
  [maps.cells]: powerOf2From(cpus * cells) * cellBytes,
  [maps.keys]: cpus * keys * keyBytes,
  [maps.pages]: powerOf2From(cpus * pages) * pageBytes,
});

export function countingMasks(counting: Counting): LoadOptions['masks'] {
  const bytes = countingMaps(counting);
  return [
    [blankMasks.cells, bytes[maps.cells] - cellBytes],
    [blankMasks.pages, bytes[maps.pages] - pageBytes],
  ];
}

/** Whether all calls are counted by function, without -g, whose they may be. */
export const countsPlainly = (plan: Plan, counting: Counting): boolean =>
  chooseCounting(counting, plan.minDurationNs, plan.functions) === 'on_stat' &&
  plan.comm === null &&
  plan.cgroup === null &&
  plan.maxDepth > deepestCounted &&
  plan.functions.every(({ root }) => root);

/** For the times of all calls, or with filters, keys, and records. */
export function chooseCounting(
  { by, recorded }: Counting,
  minDurationNs: number,
  functions: readonly PlannedFunction[],
): ProgramName {
  const isPlain =
    !recorded && minDurationNs === 0 && functions.every(({ program }) => program === null);
  return isPlain && (by === null || keyNumbers[by] === 0) ? 'on_stat' : 'on_stat_options';
}

/**
 * Attach cookies with the first of a function's cells in the place of its own, but where records tell that, and with
 * what its return value is.
 */
export function countingCookies(
  cookies: BigUint64Array,
  functions: readonly PlannedFunction[],
  { cpus, recorded }: Counting,
): BigUint64Array {
  return cookies.map((cookie, place) => {
    const returns = functions[place]?.returns ?? { kind: 'void' };
    const errno = mayFail(returns) ? 1n << BigInt(returnBits.errno) : 0n;
    const first = recorded ? cookie : cookie + BigInt(place * cpus - place);
    return first | (BigInt(widthOf(returns)) << BigInt(returnBits.width)) | errno;
  });
}

/** 0 for none, or 1 and the power of two of its bytes. */
function widthOf(returns: Type): number {
  switch (returns.kind) {
    case 'void':
      return 0;
    case 'bool':
      return 1;
    case 'int':
    case 'enum':
      return 1 + Math.log2(returns.bytes);
    default:
      return 4;
  }
}

/** What was counted up to now, as bpf/cell.h has it: by CPU. */
export interface CountedBytes {
  readonly cells: Buffer;
  readonly keys: Buffer;
  /** Those that are in use, for each CPU. */
  readonly pages: readonly Buffer[];
}

/** A cell's keys and pages are there before it needs them, so they are read after it. */
export function readCounted(object: NativeObject, { cpus, pages }: Counting): CountedBytes {
  const cells = object.readGlobal(maps.cells);
  const keys = object.readGlobal(maps.keys);
  const ofCpus = Array.from({ length: cpus }, (_, cpu) => {
    const first = cpu * pages * pageBytes;
    const last = Number(object.readGlobal(maps.pages, first, 8).readBigUInt64LE());
    return object.readGlobal(maps.pages, first, (last + 1) * pageBytes);
  });
  return { cells, keys, pages: ofCpus };
}
