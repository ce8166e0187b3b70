/** Names of an enum's values; of enums that are flags also of their combinations. */
import type { EnumType } from '../../symbols/type.js';
import { formatHex, narrow } from '../word.js';

interface Flag {
  readonly name: string;
  readonly low: number;
  readonly high: number;
}

interface Names {
  /** By the value's lower half; of enums of 8 bytes those that have no upper half. */
  readonly byLow: ReadonlyMap<number, string>;
  /** Its single bits; none where the enum is one of things. */
  readonly flags: readonly Flag[];
}

const known = new WeakMap<EnumType, Names>();

/** `PIDTYPE_PID`, `MAP_SHARED|MAP_FIXED`, `FMODE_READ|0x4000`; null for what has no name at all. */
export function nameEnum(type: EnumType, low: number, high: number): string | null {
  let names = known.get(type);
  if (names === undefined) {
    names = learnNames(type);
    known.set(type, names);
  }
  const lower = type.bytes === 8 ? low : narrow(type.bytes, false, low);
  const upper = type.bytes === 8 ? high : 0;
  if (upper === 0) {
    const name = names.byLow.get(lower);
    if (name !== undefined) return name;
  } else {
    const value = (BigInt(upper) << 32n) | BigInt(lower);
    const name = type.names.get(type.signed ? BigInt.asIntN(64, value) : value);
    if (name !== undefined) return name;
  }
  return joinFlags(names.flags, lower, upper);
}

function joinFlags(flags: readonly Flag[], low: number, high: number): string | null {
  let joined = '';
  let restLow = low;
  let restHigh = high;
  for (const flag of flags) {
    if ((low & flag.low) === 0 && (high & flag.high) === 0) continue;
    joined += joined === '' ? flag.name : `|${flag.name}`;
    restLow &= ~flag.low;
    restHigh &= ~flag.high;
  }
  if (joined === '') return null;
  if (restLow === 0 && restHigh === 0) return joined;
  return `${joined}|${formatHex(restLow >>> 0, restHigh >>> 0)}`;
}

function learnNames({ bytes, names }: EnumType): Names {
  const byLow = new Map<number, string>();
  const flags: Flag[] = [];
  const rest: bigint[] = [];
  let bits = 0n;
  let largest = 0n;
  for (const [value, name] of names) {
    const word = BigInt.asUintN(8 * bytes, value);
    const low = Number(word & 0xffffffffn);
    const high = Number(word >> 32n);
    if (high === 0) byLow.set(low, name);
    if (word > largest) largest = word;
    if (word === 0n) continue;
    if ((word & (word - 1n)) === 0n) {
      flags.push({ name, low, high });
      bits |= word;
    } else {
      rest.push(word);
    }
  }
  // one that counts from 1 without a gap is of things: nothing is PIDTYPE_TGID|PIDTYPE_SID
  const counts = largest === BigInt(flags.length + rest.length);
  const areFlags = flags.length > 1 && !counts && rest.every((word) => (word & ~bits) === 0n);
  return { byLow, flags: areFlags ? flags : [] };
}
