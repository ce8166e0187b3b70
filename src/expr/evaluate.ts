/** What the kernel side makes of operations, in TypeScript: the twin of bpf/values.h. */
import { compute } from './node.js';
import type { BinaryOperation } from './node.js';
import { taskField } from './ops.js';
import type { Op, Opcode } from './ops.js';

export interface Machine {
  readonly arg: (slot: number) => bigint;
  readonly retval: bigint;
  readonly task: Readonly<Record<keyof typeof taskField, bigint>>;
  /** Null: this memory can't be read. */
  readonly read: (address: bigint, bytes: number) => Uint8Array | null;
  /** With its zero, `bytes` at most. */
  readonly readString: (address: bigint, bytes: number) => Uint8Array | null;
}

/** A word, bytes, or the negative errno of what could not be had. */
type Item = bigint | Uint8Array | { readonly failed: number };

export interface Outcome {
  readonly items: readonly Item[];
  /** False where a filter dropped the call. */
  readonly kept: boolean;
}

const fault = -14;
const fields = Object.keys(taskField) as (keyof typeof taskField)[];

/** @throws {Error} on an empty stack, which no compiled program meets. */
export function evaluate(ops: readonly Op[], machine: Machine): Outcome {
  const items: Item[] = [];
  const stack: bigint[] = [];
  let failed = false;
  const push = (value: bigint) => stack.push(BigInt.asUintN(64, value));
  const pop = (): bigint => {
    const word = stack.pop();
    if (word === undefined) throw new Error('nothing is on the stack');
    return word;
  };
  const endMemory = (bytes: Uint8Array | null) => {
    items.push(failed || bytes === null ? { failed: fault } : bytes);
    failed = false;
  };

  for (let at = 0; at < ops.length; at++) {
    const { op, n, imm } = ops[at] ?? { op: 'end', n: 0, imm: 0n };
    switch (op) {
      case 'end':
        return { items, kept: true };
      case 'push':
        push(imm);
        break;
      case 'arg':
        push(machine.arg(n));
        break;
      case 'retval':
        push(machine.retval);
        break;
      case 'task': {
        const field = fields[n];
        if (field === undefined) throw new Error(`no task field ${n}`);
        push(machine.task[field]);
        break;
      }
      case 'load': {
        const bytes = machine.read(BigInt.asUintN(64, pop() + imm), n);
        failed ||= bytes === null;
        push(bytes === null ? 0n : littleEndian(bytes));
        break;
      }
      case 'dup': {
        const top = pop();
        push(top);
        push(top);
        break;
      }
      case 'drop':
        pop();
        break;
      case 'jump':
        at += n;
        break;
      case 'jumpZero':
        if (pop() === 0n) at += n;
        break;
      case 'jumpNonzero':
        if (pop() !== 0n) at += n;
        break;
      case 'endWord': {
        const word = pop();
        items.push(failed ? { failed: fault } : word);
        failed = false;
        break;
      }
      case 'endBytes':
        endMemory(machine.read(pop(), n));
        break;
      case 'endString':
        endMemory(machine.readString(pop(), n));
        break;
      case 'endStack': // no expression makes it
        items.push({ failed: fault });
        break;
      case 'endComm': {
        const { commLow, commHigh } = machine.task;
        const bytes = Buffer.alloc(16);
        bytes.writeBigUInt64LE(commLow, 0);
        bytes.writeBigUInt64LE(commHigh, 8);
        items.push(new Uint8Array(bytes));
        failed = false;
        break;
      }
      case 'filter':
        if (pop() === 0n || failed) return { items, kept: false };
        break;
      case 'neg':
        push(-pop());
        break;
      case 'not':
        push(~pop());
        break;
      case 'isZero':
        push(truth(pop() === 0n));
        break;
      case 'addImm':
        push(pop() + imm);
        break;
      case 'extractU':
        push(BigInt.asUintN(n >> 6, pop() >> BigInt(n & 63)));
        break;
      case 'extractS':
        push(BigInt.asIntN(n >> 6, pop() >> BigInt(n & 63)));
        break;
      case 'swap':
        push(swap(pop(), n));
        break;
      default: {
        const right = pop();
        const result = binary(op, pop(), right);
        failed ||= result === null;
        push(result ?? 0n);
      }
    }
  }
  return { items, kept: true };
}

/** Of two words, as the name of the operation has them: signed behind an S. */
function binary(op: Opcode, left: bigint, right: bigint): bigint | null {
  const operation = op.replace(/[SU]$/, '') as BinaryOperation;
  if (!op.endsWith('S')) return compute(operation, left, right);
  return compute(operation, BigInt.asIntN(64, left), BigInt.asIntN(64, right));
}

const truth = (value: boolean) => (value ? 1n : 0n);

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);
}

function swap(word: bigint, bytes: number): bigint {
  let swapped = 0n;
  for (let at = 0; at < bytes; at++) swapped = (swapped << 8n) | ((word >> BigInt(8 * at)) & 0xffn);
  return swapped;
}
