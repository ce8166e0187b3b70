/**
 * Small programs that the kernel side runs for a call: bpf/values.h interprets them, and
 * src/expr/evaluate.ts does the same in TypeScript. A stack machine of 64-bit words.
 *
 * A program reads arguments and memory, and ends values: each is an item of the record's tail,
 *
 *	s32 length | u32 unused | bytes, filled up to a multiple of 8
 *
 * with a negative length, and no bytes, for a value that could not be had: -EFAULT (-14) for memory
 * that could not be read or a division by zero. What fails leaves the other values alone. A filter
 * that is false, or could not be had, ends the program and drops the call.
 */

/** What an operation does; `imm` is its 64-bit constant, `n` a small number. */
export const opcode = {
  /** End of the program. */
  end: 0,
  /** Pushes imm. */
  push: 1,
  /** Pushes argument slot n, as the register has it: upper bits are not cleared. */
  arg: 2,
  /** Pushes what the function returned, as the register has it. */
  retval: 3,
  /** Pushes one of `taskField`, chosen by n. */
  task: 4,
  /** Pops an address, adds imm, pushes the n bytes there (1, 2, 4 or 8), zero-extended. */
  load: 5,
  /** Pushes the top once more. */
  dup: 6,
  /** Drops the top. */
  drop: 7,
  /** Two are popped, the second is the right one; the result is pushed. */
  add: 8,
  sub: 9,
  mul: 10,
  divU: 11,
  divS: 12,
  modU: 13,
  modS: 14,
  and: 15,
  or: 16,
  xor: 17,
  /** Shifts by the right one modulo 64. */
  shl: 18,
  shrU: 19,
  shrS: 20,
  /** 1 or 0. */
  eq: 21,
  ne: 22,
  ltU: 23,
  leU: 24,
  ltS: 25,
  leS: 26,
  /** One is popped, the result is pushed. */
  neg: 27,
  not: 28,
  /** 1 for 0, else 0. */
  isZero: 29,
  /** imm is added. */
  addImm: 30,
  /** Bits n&63 up to n&63 + (n>>6) of the top, zero-extended: `extract(shift, bits)` makes n. */
  extractU: 31,
  /** The same, sign-extended. */
  extractS: 32,
  /** The n lower bytes (2, 4 or 8) in reverse order, the rest 0. */
  swap: 33,
  /** n operations further on are next, counted from the one that follows: 0 does nothing. */
  jump: 34,
  /** The same if the popped word is zero, or is not. */
  jumpZero: 35,
  jumpNonzero: 36,
  /** Pops a word: a value of 8 bytes. */
  endWord: 37,
  /** Pops an address: a value of the n bytes there. */
  endBytes: 38,
  /** Pops an address: a value of the string there, with its zero, n bytes at most. */
  endString: 39,
  /** Pops a word: 0, and words that could not be had, drop the call. */
  filter: 40,
  /** A value of the kernel stack's return addresses, 8 bytes each, innermost first: n bytes at most. */
  endStack: 41,
  /** A value of the task's name, 16 bytes with the zeros behind it. */
  endComm: 42,
} as const;

export type Opcode = keyof typeof opcode;

export const taskField = { pid: 0, tid: 1, cpu: 2, commLow: 3, commHigh: 4 } as const;

export interface Op {
  readonly op: Opcode;
  /** 0 to 65535; 0 where the operation has none. */
  readonly n: number;
  /** 0n where the operation has none; any 64 bits, signed or not. */
  readonly imm: bigint;
}

/**
 * A comparison of one argument with a constant, which costs little: the call is kept if
 * ((argument - low) mod 2^bits) <= span, unsigned.
 */
export interface Guard {
  readonly slot: number;
  readonly bits: 8 | 16 | 32 | 64;
  readonly low: bigint;
  readonly span: bigint;
}

/** What the kernel side has room for; a program over one of these is refused with its name. */
export const limits = {
  /** Words on the stack. */
  stackWords: 16,
  /**
   * Operations of all values that one function has at entry, and of those at return; of all filters, the
   * same. The end is none of them.
   */
  ops: 128,
  /** Bytes of one value. */
  valueBytes: 1024,
  /** Bytes of all values of one call at entry, or at return, with their lengths. */
  recordBytes: 3072,
} as const;
