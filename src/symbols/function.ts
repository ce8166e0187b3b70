/** What fsnoop knows of a kernel function before it touches the kernel. */
import type { Type } from './type.js';

/** Why a function can't be traced; `reasonText` of each stands in `fsnoop list` and in JSON. */
export type Reason =
  | 'variadic'
  | 'struct by value'
  | 'too many arguments'
  | '128-bit value'
  | 'no BTF'
  | 'named twice'
  | 'no-return'
  | 'denied'
  | 'denied by the kernel'
  | 'no patch site'
  | 'a tracing program'
  | 'not JITed'
  | 'refused by the kernel';

export interface KernelFunction {
  /** A tracepoint is come by, and does not return; absent: a function. */
  readonly kind?: 'tracepoint' | undefined;
  readonly name: string;
  /** Name of the module it lives in, `bpf:12` for a BPF program by its id, or null for vmlinux. */
  readonly module: string | null;
  /**
   * Id of its FUNC in the BTF of vmlinux, its module or its program, or 0 where it has none. Of a
   * tracepoint that of a FUNC or a FUNC_PROTO whose first parameter is not the tracepoint's.
   */
  readonly btfId: number;
  /** The lower half of its address; absent where that is not told. */
  readonly address?: number | undefined;
  /** Of a function of a BPF program: its id in the BTF of the program, as the kernel counts it. */
  readonly idInProgram?: number | undefined;
  /** Void where the prototype isn't known, or returns what the trampoline can't take. */
  readonly returns: Type;
  /** Null: traceable. */
  readonly reason: Reason | null;
}

/** Modules in whose functions globs are looked for too; whole names are in any. */
export type Scope = 'all modules' | readonly string[];

/** As it is told apart from others of its name: `ext4_readdir [ext4]`. */
export function spellFunction({ name, module }: Pick<KernelFunction, 'name' | 'module'>): string {
  return module === null ? name : `${name} [${module}]`;
}
