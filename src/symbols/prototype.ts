/** What a trampoline can call, and what it returns: btf_distill_func_proto() of kernel/bpf/btf.c. */
import type { Btf } from './btf.js';
import { keptOf } from './kept.js';
import type { Reason } from './function.js';
import { describeType, type Type } from './type.js';

export interface Judgement {
  readonly returns: Type;
  /** Null: the trampoline accepts the prototype. */
  readonly reason: Reason | null;
}

/** MAX_BPF_FUNC_ARGS: 64-bit slots for arguments. */
const mostSlots = 12;
const slotBytes = 8;
const nothing: Type = { kind: 'void' };

/** An argument of some type. */
interface Judged {
  readonly slots: number;
  readonly reason: Reason | null;
}

/** By the type: thousands of functions take the same few hundred. */
const known = keptOf<number, Judged>();

/** Of the FUNC with this id. */
export function judgePrototype(btf: Btf, id: number): Judgement {
  const parameters = btf.parameterTypes(id);
  const returned = judgeReturned(btf, btf.returned(id));
  if (parameters.at(-1) === 0) return { ...returned, reason: 'variadic' };

  const kept = known(btf);
  let slots = 0;
  for (const type of parameters) {
    const argument = kept.get(type) ?? judgeArgument(btf, btf.resolve(type));
    kept.set(type, argument);
    if (argument.reason !== null) return { ...returned, reason: argument.reason };
    slots += argument.slots;
  }
  if (returned.reason !== null) return returned;
  return { ...returned, reason: slots > mostSlots ? 'too many arguments' : null };
}

function judgeReturned(btf: Btf, type: number): Judgement {
  switch (btf.kind(btf.resolve(type))) {
    case 'void':
      return { returns: nothing, reason: null };
    case 'ptr':
      return { returns: describeType(btf, type), reason: null };
    case 'int':
    case 'enum':
    case 'enum64':
      return judgeReturnedInt(btf, type);
    case 'struct':
    case 'union':
      return { returns: nothing, reason: 'struct by value' };
    default:
      return { returns: nothing, reason: 'refused by the kernel' };
  }
}

function judgeReturnedInt(btf: Btf, type: number): Judgement {
  const returns = describeType(btf, type);
  return returns.kind === 'other'
    ? { returns: nothing, reason: '128-bit value' }
    : { returns, reason: null };
}

function judgeArgument(btf: Btf, type: number): Judged {
  const bytes = btf.size(type);
  const slots = Math.ceil(bytes / slotBytes);
  switch (btf.kind(type)) {
    case 'ptr':
      return { slots, reason: null };
    case 'int':
    case 'enum':
    case 'enum64':
      return { slots, reason: bytes > slotBytes ? '128-bit value' : null };
    case 'struct':
    case 'union':
      // an empty one is as malformed to the kernel as a void argument
      return { slots, reason: bytes === 0 || slots > 2 ? 'struct by value' : null };
    default:
      return { slots, reason: 'refused by the kernel' };
  }
}
