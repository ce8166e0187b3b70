/** What is read and filtered, as the kernel side gets it: programs, their operations, and attach cookies. */
import { exitStatus, Failure } from '../failure.js';
import { opcode, type Op } from '../expr/ops.js';
import type { PlannedFunction, Program } from '../plan/plan.js';

/** Bits of an attach cookie; those below are the place in the plan. */
export const cookieBits = {
  root: 31,
  args: 32,
  filter: 36,
  entry: 37,
  returnFilter: 38,
  atReturn: 39,
  program: 48,
  guard: 63,
} as const;

/** Byte offsets of `struct program` and of `struct op`. */
export const programLayout = {
  guard_low: 0,
  guard_scale: 8,
  guard_span: 16,
  guard_slot: 24,
  filter: 28,
  entry: 32,
  return_filter: 36,
  at_return: 40,
} as const;
export const programBytes = 64;
export const opLayout = { code: 0, n: 2, imm: 8 } as const;
export const opBytes = 16;

export const mostPrograms = 2 ** 12;
export const mostOps = 2 ** 14;

export interface EncodedPrograms {
  /** Of each function of the plan. */
  readonly cookies: BigUint64Array;
  readonly programs: Buffer;
  readonly ops: Buffer;
}

/**
 * Functions with the same program share it.
 * @throws {Failure} when there are more than the kernel side has room for
 */
export function encodePrograms(functions: readonly PlannedFunction[]): EncodedPrograms {
  const numbers = new Map<string, number>();
  const programs: Buffer[] = [];
  const ops: Op[] = [];
  const cookies = functions.map((planned, place) => {
    const { program } = planned;
    let number = 0;
    if (program !== null) {
      const key = spell(program);
      number = numbers.get(key) ?? programs.length;
      if (number === programs.length) {
        numbers.set(key, number);
        programs.push(encodeProgram(program, ops));
      }
    }
    return encodeCookie(planned, place, number);
  });
  if (programs.length > mostPrograms || ops.length > mostOps) throw tooMany(functions.length);
  return {
    cookies: BigUint64Array.from(cookies),
    programs: Buffer.concat(programs),
    ops: Buffer.concat(ops.map(encodeOp)),
  };
}

function spell(program: Program): string {
  return JSON.stringify(program, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}

function encodeCookie({ root, argSlots, program }: PlannedFunction, place: number, number: number) {
  const bit = (isSet: boolean, at: number) => (isSet ? 1n << BigInt(at) : 0n);
  let cookie = BigInt(place) | (BigInt(argSlots) << BigInt(cookieBits.args));
  cookie |= bit(root, cookieBits.root) | (BigInt(number) << BigInt(cookieBits.program));
  if (program === null) return cookie;
  return (
    cookie |
    bit(root && program.guard !== null, cookieBits.guard) |
    bit(root && program.filter.length > 0, cookieBits.filter) |
    bit(program.entry.length > 0, cookieBits.entry) |
    bit(root && program.returnFilter.length > 0, cookieBits.returnFilter) |
    bit(program.atReturn.length > 0, cookieBits.atReturn)
  );
}

/** Appends the program's operations to `all`. */
function encodeProgram(program: Program, all: Op[]): Buffer {
  const bytes = Buffer.alloc(programBytes);
  const { guard } = program;
  if (guard !== null) {
    // by this, what lies above the argument's bits in its slot falls off
    const scale = 1n << BigInt(64 - guard.bits);
    bytes.writeBigUInt64LE(BigInt.asUintN(64, guard.low), programLayout.guard_low);
    bytes.writeBigUInt64LE(scale, programLayout.guard_scale);
    bytes.writeBigUInt64LE(guard.span * scale, programLayout.guard_span);
    bytes.writeUInt32LE(guard.slot, programLayout.guard_slot);
  }
  const ranges = [
    [program.filter, programLayout.filter],
    [program.entry, programLayout.entry],
    [program.returnFilter, programLayout.return_filter],
    [program.atReturn, programLayout.at_return],
  ] as const;
  for (const [ops, at] of ranges) {
    if (ops.length === 0) continue;
    bytes.writeUInt16LE(all.length & 0xffff, at);
    all.push(...ops, { op: 'end', n: 0, imm: 0n });
    bytes.writeUInt16LE(ops.length + 1, at + 2);
  }
  return bytes;
}

export function encodeOp({ op, n, imm }: Op): Buffer {
  const bytes = Buffer.alloc(opBytes);
  bytes.writeUInt8(opcode[op], opLayout.code);
  bytes.writeUInt16LE(n, opLayout.n);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, imm), opLayout.imm);
  return bytes;
}

function tooMany(functions: number): Failure {
  return new Failure(
    exitStatus.usage,
    `The expressions make more programs for ${functions} functions than the kernel side has room for: ${mostPrograms} programs, ${mostOps} operations.`,
    'Trace fewer functions, or use fewer expressions',
  );
}
