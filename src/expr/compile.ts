/** Words to operations: no longer than they must be, and narrow values widened only where it matters. */
import { bitsOf, isSigned, wrap } from './c-type.js';
import type { ScalarType } from './c-type.js';
import { isComparison } from './node.js';
import type { BinaryOperation, Computed, MemoryNode, RegisterNode, Word } from './node.js';
import { taskField } from './ops.js';
import type { Op, Opcode } from './ops.js';

/**
 * What is known of a word on the stack: that it is zero above so many bits, that it is a
 * sign-extension of so many. 64 is nothing.
 */
interface Known {
  readonly zero: number;
  readonly sign: number;
}

const nothing: Known = { zero: 64, sign: 64 };
const zeroAbove = (bits: number): Known => known(bits, bits + 1);
const known = (zero: number, sign: number): Known => ({
  zero: Math.min(64, zero),
  sign: Math.min(64, sign),
});

type Binary = Extract<Computed, { readonly kind: 'binary' }>;
type Logical = Extract<Computed, { readonly kind: 'logical' }>;
type Convert = Extract<Computed, { readonly kind: 'convert' }>;

/** A jump whose target comes later. */
type Label = readonly number[];

export class Program {
  readonly #ops: Op[] = [];

  get ops(): readonly Op[] {
    return this.#ops;
  }

  op(name: Opcode, n = 0, imm = 0n): void {
    this.#ops.push({ op: name, n, imm: BigInt.asIntN(64, imm) });
  }

  /** Pushes the word, extended to 64 bits as its type has it. */
  word(word: Word): Known {
    const raw = this.#raw(word);
    const { ctype } = word;
    const bits = bitsOf(ctype);
    const isClean = isSigned(ctype) ? raw.sign <= bits || raw.zero < bits : raw.zero <= bits;
    if (isClean) return raw;
    return this.#extract(0, bits, ctype);
  }

  /** Pushes a word that is zero where the condition is false. */
  condition(word: Word): void {
    const bare = withoutTruth(word);
    if (bare.kind === 'logical')
      this.#logical(bare, () => {
        this.condition(bare.right);
      });
    else this.word(bare);
  }

  /** Pushes an address without what is added to it last, which is returned. */
  base(address: Word): bigint {
    if (address.kind === 'convert' && bitsOf(address.operand.ctype) === 64)
      return this.base(address.operand);
    if (address.kind !== 'offset') {
      this.word(address);
      return 0n;
    }
    return address.by + this.base(address.operand);
  }

  /** Pushes the word; above the bits of its type is anything, of which something may be known. */
  #raw(word: Word): Known {
    switch (word.kind) {
      case 'constant': {
        this.op('push', 0, word.value);
        const bits = (word.value < 0n ? ~word.value : word.value).toString(2).length;
        return word.value < 0n ? known(64, bits + 1) : zeroAbove(word.value === 0n ? 0 : bits);
      }
      case 'register':
        return this.#register(word);
      case 'task':
        this.op('task', taskField[word.field]);
        // task ids and CPU numbers are non-negative ints
        return word.field.startsWith('comm') ? nothing : zeroAbove(31);
      case 'memory':
        return this.#load(word);
      case 'isZero':
        this.word(word.operand);
        this.op('isZero');
        return zeroAbove(1);
      case 'neg': {
        const { sign } = this.#raw(word.operand);
        this.op('neg');
        return known(64, sign + 1);
      }
      case 'not': {
        const { sign } = this.#raw(word.operand);
        this.op('not');
        return known(64, sign);
      }
      case 'convert':
        return this.#convert(word);
      case 'offset': {
        const of = this.#raw(word.operand);
        const by = wrap(word.ctype, word.by);
        this.op('addImm', 0, by);
        const bits = (by < 0n ? ~by : by).toString(2).length;
        const sign = Math.max(of.sign, bits + 1) + 1;
        return known(by < 0n ? 64 : Math.max(of.zero, bits) + 1, sign);
      }
      case 'swap':
        this.#raw(word.operand);
        this.op('swap', word.bytes);
        return zeroAbove(8 * word.bytes);
      case 'binary':
        return this.#binary(word);
      case 'logical':
        this.#logical(word, () => {
          this.#truth(word.right);
        });
        return zeroAbove(1);
      case 'conditional': {
        const no = this.#jumpIf(word.condition, 'jumpZero');
        const left = this.#raw(word.yes);
        const end = this.#jump('jump');
        this.#here(no);
        const right = this.#raw(word.no);
        this.#here(end);
        return known(Math.max(left.zero, right.zero), Math.max(left.sign, right.sign));
      }
    }
  }

  #register({
    slot,
    bitOffset,
    bits,
    ctype,
  }: RegisterNode & { readonly ctype: ScalarType }): Known {
    const at = Math.floor(bitOffset / 64);
    if (slot === 'retval') this.op('retval');
    else this.op('arg', slot + at);
    const shift = bitOffset % 64;
    return shift === 0 && bits === null
      ? nothing
      : this.#extract(shift, bits ?? bitsOf(ctype), ctype);
  }

  #load({ address, field, ctype }: MemoryNode & { readonly ctype: ScalarType }): Known {
    const imm = this.base(address);
    const bytes = field?.bytes ?? bitsOf(ctype) / 8;
    this.op('load', bytes, imm);
    if (field === null) return zeroAbove(8 * bytes);
    if (field.shift === 0 && field.size === 8 * bytes) return zeroAbove(field.size);
    return this.#extract(field.shift, field.size, ctype);
  }

  #extract(shift: number, bits: number, ctype: ScalarType): Known {
    if (isSigned(ctype)) {
      this.op('extractS', shift | (bits << 6));
      return known(64, bits);
    }
    this.op('extractU', shift | (bits << 6));
    return zeroAbove(bits);
  }

  #convert({ operand, ctype }: Convert): Known {
    if (ctype.kind === 'integer' && ctype.bool) {
      this.#truth(operand);
      return zeroAbove(1);
    }
    return bitsOf(ctype) <= bitsOf(operand.ctype) ? this.#raw(operand) : this.word(operand);
  }

  #binary(word: Binary): Known {
    const { operation, left, right, ctype } = word;
    if (isComparison(operation)) return this.#comparison(word);
    const isExact = operation === 'div' || operation === 'mod' || operation === 'shr';
    const a = isExact ? this.word(left) : this.#raw(left);
    const b = isExact || operation === 'shl' ? this.word(right) : this.#raw(right);
    const op = opcodeOf(operation, isSigned(ctype));
    this.op(op);
    return knownOf(op, a, b, right);
  }

  #comparison({ operation, left, right }: Binary): Known {
    const isEquality = operation === 'eq' || operation === 'ne';
    if (isEquality && right.kind === 'constant' && right.value === 0n) {
      this.word(left);
      this.op('isZero');
      if (operation === 'ne') this.op('isZero');
      return zeroAbove(1);
    }
    // there are no greater ones: those are the lesser of the other order
    const isTurned = operation === 'gt' || operation === 'ge';
    this.word(isTurned ? right : left);
    this.word(isTurned ? left : right);
    const sign = isSigned(left.ctype) ? 'S' : 'U';
    if (operation === 'eq' || operation === 'ne') this.op(operation);
    else this.op(operation === 'lt' || operation === 'gt' ? `lt${sign}` : `le${sign}`);
    return zeroAbove(1);
  }

  #logical({ operation, left }: Logical, pushRight: () => void): void {
    const decided = this.#jumpIf(left, operation === 'and' ? 'jumpZero' : 'jumpNonzero');
    pushRight();
    const end = this.#jump('jump');
    this.#here(decided);
    this.op('push', 0, operation === 'and' ? 0n : 1n);
    this.#here(end);
  }

  /** Pushes 1 or 0. */
  #truth(word: Word): void {
    const { zero } = this.word(word);
    if (zero <= 1) return;
    this.op('isZero');
    this.op('isZero');
  }

  #jumpIf(condition: Word, jump: 'jumpZero' | 'jumpNonzero'): Label {
    const word = withoutTruth(condition);
    const inverse = jump === 'jumpZero' ? 'jumpNonzero' : 'jumpZero';
    if (word.kind === 'isZero') return this.#jumpIf(word.operand, inverse);
    if (word.kind === 'binary' && word.operation === 'eq' && isZeroConstant(word.right))
      return this.#jumpIf(word.left, inverse);
    if (word.kind === 'logical') {
      // either side decides, or the left one decides against
      const isEither = (word.operation === 'and') === (jump === 'jumpZero');
      const left = this.#jumpIf(word.left, isEither ? jump : inverse);
      const right = this.#jumpIf(word.right, jump);
      if (isEither) return [...left, ...right];
      this.#here(left);
      return right;
    }
    this.word(word);
    return this.#jump(jump);
  }

  #jump(name: 'jump' | 'jumpZero' | 'jumpNonzero'): Label {
    this.op(name);
    return [this.#ops.length - 1];
  }

  #here(label: Label): void {
    for (const at of label) {
      const op = this.#ops[at];
      if (op !== undefined) this.#ops[at] = { ...op, n: this.#ops.length - at - 1 };
    }
  }
}

/** Without what only makes 1 of what isn't zero. */
function withoutTruth(word: Word): Word {
  if (word.kind === 'convert' && word.ctype.kind === 'integer' && word.ctype.bool)
    return withoutTruth(word.operand);
  if (word.kind === 'binary' && word.operation === 'ne' && isZeroConstant(word.right))
    return withoutTruth(word.left);
  if (word.kind === 'isZero' && word.operand.kind === 'isZero')
    return withoutTruth(word.operand.operand);
  return word;
}

const isZeroConstant = (word: Word) => word.kind === 'constant' && word.value === 0n;

function opcodeOf(operation: BinaryOperation, isOfSigned: boolean): Opcode {
  switch (operation) {
    case 'div':
      return isOfSigned ? 'divS' : 'divU';
    case 'mod':
      return isOfSigned ? 'modS' : 'modU';
    case 'shr':
      return isOfSigned ? 'shrS' : 'shrU';
    case 'lt':
    case 'le':
    case 'gt':
    case 'ge':
      throw new Error(`${operation} is a comparison`);
    default:
      return operation;
  }
}

/** Of the 64-bit words that the operations make; the operands' types no longer matter. */
function knownOf(op: Opcode, a: Known, b: Known, right: Word): Known {
  const zero = Math.max(a.zero, b.zero);
  const sign = Math.max(a.sign, b.sign);
  switch (op) {
    case 'add':
      return known(zero + 1, sign + 1);
    case 'sub':
      return known(64, sign + 1);
    case 'mul':
      return known(a.zero + b.zero, a.sign + b.sign);
    case 'and':
      return known(Math.min(a.zero, b.zero), sign);
    case 'or':
    case 'xor':
      return known(zero, sign);
    case 'divU':
    case 'shrU':
      return zeroAbove(a.zero);
    case 'divS':
      return known(zero < 64 ? a.zero : 64, a.sign + 1);
    case 'modU':
      return zeroAbove(Math.min(a.zero, b.zero));
    case 'modS':
    case 'shrS':
      return a;
    case 'shl': {
      const by = right.kind === 'constant' ? Number(right.value & 63n) : 64;
      return known(a.zero + by, a.sign + by);
    }
    default:
      return nothing;
  }
}
