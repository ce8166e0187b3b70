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
  | 'in a module'
  | 'refused by the kernel';

export interface KernelFunction {
  readonly name: string;
  /** Name of the module it lives in, or null for vmlinux. */
  readonly module: string | null;
  /** Id of its BTF FUNC in vmlinux's BTF, or 0 where it has none. */
  readonly btfId: number;
  /** Void where the prototype isn't known, or returns what the trampoline can't take. */
  readonly returns: Type;
  /** Null: traceable. */
  readonly reason: Reason | null;
}
