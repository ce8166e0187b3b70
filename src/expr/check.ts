/** What an expression means for one function: names, types and C's conversions. */
import type { Btf } from '../symbols/btf.js';
import { spellType } from '../symbols/c-type.js';
import { findNearest } from '../words/nearest.js';
import {
  builtin,
  elementOf,
  isScalar,
  pointee,
  pointerTo,
  readType,
  sizeOf,
  spellCType,
  strideOf,
  voidPointer,
} from './c-type.js';
import type { CType, IntegerType, PointerType, StructCType } from './c-type.js';
import {
  asPointer,
  commonType,
  constantType,
  isNull,
  isPointer,
  isWord,
  literalType,
  promote,
} from './conversion.js';
import { ExpressionError } from './error.js';
import type { ExpressionErrorKind, Place } from './error.js';
import { findMember, findType, isTypeName, memberNames, nearestTypes } from './names.js';
import {
  makeBinary,
  makeConditional,
  makeConstant,
  makeConvert,
  makeLogical,
  makeSwap,
  makeUnary,
} from './node.js';
import type { BinaryOperation, Node, Word } from './node.js';
import { limits } from './ops.js';
import type { taskField } from './ops.js';
import type { BinaryOperator, Syntax, TypeName } from './parse.js';
import { placeInMemory, placeInRegister } from './place.js';

/** The function that an expression is for. */
export interface Scope {
  readonly btf: Btf;
  readonly functionName: string;
  /** A struct of more than 8 bytes takes its slot and the next one. */
  readonly parameters: readonly {
    readonly name: string;
    /** Id of its type. */
    readonly type: number;
    readonly slot: number;
    /** Where it cannot be read. */
    readonly onStack?: boolean;
  }[];
  /** Id of the type returned, 0 for void; null for a tracepoint, which does not return. */
  readonly returns: number | null;
}

type Of<Type extends Syntax['type']> = Extract<Syntax, { readonly type: Type }>;

const operations: Readonly<Partial<Record<BinaryOperator, BinaryOperation>>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '%': 'mod',
  '&': 'and',
  '|': 'or',
  '^': 'xor',
  '<<': 'shl',
  '>>': 'shr',
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
};

const tasks: Readonly<
  Record<string, { readonly field: keyof typeof taskField; readonly ctype: IntegerType }>
> = {
  pid: { field: 'pid', ctype: builtin.int },
  tid: { field: 'tid', ctype: builtin.int },
  cpu: { field: 'cpu', ctype: builtin.int },
};

const u8 = { ...builtin.unsignedChar, name: 'u8' };
const s8 = { ...builtin.signedChar, name: 's8' };
const u16 = { ...builtin.unsignedShort, name: 'u16' };
const s16 = { ...builtin.short, name: 's16' };
const u32 = { ...builtin.unsignedInt, name: 'u32' };
const s32 = { ...builtin.int, name: 's32' };
const u64 = { ...builtin.unsignedLong, name: 'u64' };
const s64 = { ...builtin.long, name: 's64' };

/** Functions whose result is an integer, and whether its bytes are reversed. */
const integers: Readonly<Record<string, readonly [IntegerType, 'as it is' | 'reversed']>> = {
  u8: [u8, 'as it is'],
  s8: [s8, 'as it is'],
  u16: [u16, 'as it is'],
  s16: [s16, 'as it is'],
  u32: [u32, 'as it is'],
  s32: [s32, 'as it is'],
  u64: [u64, 'as it is'],
  s64: [s64, 'as it is'],
  le16: [u16, 'as it is'],
  le32: [u32, 'as it is'],
  le64: [u64, 'as it is'],
  be16: [u16, 'reversed'],
  be32: [u32, 'reversed'],
  be64: [u64, 'reversed'],
};

/** Between the order of this machine and that of the network, of numbers only. */
const byteOrders: Readonly<Record<string, IntegerType>> = {
  h2ns: u16,
  n2hs: u16,
  h2nl: u32,
  n2hl: u32,
};

const atPlaces = 'eth eth2 mac ip4 ip42 ip6 ip62 port port2'.split(' ');

/** What functions take, least and most. */
const functions: Readonly<Record<string, readonly [number, number]>> = {
  str: [1, 2],
  buf: [2, 3],
  hex: [2, 3],
  slice: [2, 3],
  pkt: [2, 4],
  ...Object.fromEntries(atPlaces.map((name) => [name, [1, 2] as const])),
  ...Object.fromEntries(Object.keys(integers).map((name) => [name, [1, 2] as const])),
  ...Object.fromEntries(Object.keys(byteOrders).map((name) => [name, [1, 1] as const])),
  hist: [1, 1],
  tdigest: [1, 1],
};

/** TASK_COMM_LEN of Linux, without the zero at its end. */
const longestComm = 15;

/** Every method throws {ExpressionError}. */
export class Checker {
  readonly scope: Scope;
  readonly #btf: Btf;
  readonly #text: string;

  constructor(text: string, scope: Scope) {
    this.scope = scope;
    this.#btf = scope.btf;
    this.#text = text;
  }

  /** As it stands: arrays and structs have a place, and no value. */
  node(syntax: Syntax): Node {
    switch (syntax.type) {
      case 'name':
        return this.#name(syntax);
      case 'integer':
        return makeConstant(literalType(syntax), syntax.value);
      case 'string':
        throw this.fail('syntax', 'A string can only be compared with comm.', syntax, [
          'As in: comm == "cat"',
        ]);
      case 'unary':
        return this.#unary(syntax);
      case 'binary':
        return this.#binary(syntax);
      case 'conditional':
        return this.#conditional(syntax);
      case 'member':
        return this.#member(syntax);
      case 'index':
        return this.#index(syntax);
      case 'cast':
        return this.#cast(syntax);
      case 'sizeof':
        return this.#sizeof(syntax);
      case 'sizeofType':
        return this.#size(this.#typeNamed(syntax.of), syntax);
      case 'call':
        return this.#call(syntax);
    }
  }

  /** Its value: an array is the address of its first element. */
  word(syntax: Syntax): Word {
    return this.#toWord(this.node(syntax), syntax);
  }

  /** The address of an array or a struct, or what a pointer says. */
  address(syntax: Syntax): Word & { readonly ctype: PointerType } {
    const node = this.node(syntax);
    if (node.kind === 'memory' && node.ctype.kind === 'struct')
      return asPointer(node.address, pointerTo(node.ctype));
    const word = this.#toWord(node, syntax);
    if (isPointer(word)) return word;
    throw this.fail(
      'scope',
      `This needs a pointer, but ${this.#is(node.ctype)}.`,
      syntax,
      node.kind === 'memory' ? ['Its address: &(…)'] : ['A number is made one by: (void *)x'],
    );
  }

  /** The address so many bytes behind one. */
  behind(address: Word, offset: Word): Word {
    const from = makeConvert(address, builtin.unsignedLong);
    return makeBinary('add', from, makeConvert(offset, builtin.unsignedLong), voidPointer);
  }

  /** A number that is known now: of bytes, of elements. */
  count(syntax: Syntax, most: number): number {
    const word = this.word(syntax);
    if (word.kind !== 'constant') throw this.fail('syntax', 'This must be a constant.', syntax);
    if (word.value < 1n || word.value > BigInt(most))
      throw this.fail('syntax', `This must be 1 to ${most}, not ${String(word.value)}.`, syntax, [
        `No value is longer than ${limits.valueBytes} bytes.`,
      ]);
    return Number(word.value);
  }

  fail(
    kind: ExpressionErrorKind,
    message: string,
    place: Place,
    hints: readonly string[] = [],
  ): ExpressionError {
    return new ExpressionError(kind, message, this.#text, place, hints);
  }

  /** @throws for a function that there isn't, and for too many or too few arguments. */
  checkCall({ name, nameAt, arguments: list, at, length }: Of<'call'>): void {
    const range = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (range === undefined)
      throw this.fail(
        'syntax',
        `There is no ${name}().${didYouMean(findNearest(Object.keys(functions), name, 3))}`,
        nameAt,
        [`There are: ${Object.keys(functions).join(', ')}`],
      );
    const [least, most] = range;
    if (list.length >= least && list.length <= most) return;
    const wanted =
      least === most ? `${least}` : `${least} ${most - least > 1 ? 'to' : 'or'} ${most}`;
    throw this.fail(
      'syntax',
      `${name}() takes ${wanted} ${most === 1 ? 'argument' : 'arguments'}, not ${list.length}.`,
      { at, length },
    );
  }

  #name(syntax: Of<'name'>): Node {
    const { name } = syntax;
    const parameter = this.scope.parameters.find((one) => one.name === name);
    if (parameter !== undefined) {
      if (parameter.onStack === true) throw this.#onStack(syntax);
      const ctype = readType(this.#btf, parameter.type);
      return { kind: 'register', ctype, slot: parameter.slot, bitOffset: 0, bits: null };
    }
    if (name === '$retval') return this.#retval(syntax);
    if (name === '$duration')
      throw this.fail('syntax', '$duration is known too late to compute with it.', syntax, [
        'It is counted by hist($duration) and tdigest($duration); --min-duration 10us drops short calls.',
      ]);
    const task = Object.hasOwn(tasks, name) ? tasks[name] : undefined;
    if (task !== undefined) return { kind: 'task', ...task };
    if (name === 'comm')
      throw this.fail('syntax', 'comm can only be compared with a string.', syntax, [
        'As in: comm == "cat"',
      ]);
    if (name === 'true') return makeConstant(builtin.int, 1n);
    if (name === 'false') return makeConstant(builtin.int, 0n);
    if (name === 'NULL') return makeConstant(voidPointer, 0n);
    const value = this.#btf.enumerator(name);
    if (value === undefined) throw this.#unknown(syntax);
    return makeConstant(constantType(value), value);
  }

  #onStack(syntax: Of<'name'>): ExpressionError {
    const { functionName } = this.scope;
    const message = `${functionName} gets ${syntax.name} on the stack, where the method to attach cannot read it.`;
    return this.fail('scope', message, syntax, ['One that can is: --method fentry+fexit']);
  }

  #retval(place: Place): Node {
    if (this.scope.returns === null) throw this.neverReturns(place);
    const ctype = readType(this.#btf, this.scope.returns);
    if (ctype.kind === 'void')
      throw this.fail('scope', `${this.scope.functionName} returns nothing.`, place);
    return { kind: 'register', ctype, slot: 'retval', bitOffset: 0, bits: null };
  }

  /** Of a tracepoint. */
  neverReturns(place: Place): ExpressionError {
    const message = `${this.scope.functionName} is a tracepoint: it has no duration and returns nothing.`;
    return this.fail('scope', message, place);
  }

  #unknown(syntax: Of<'name'>): ExpressionError {
    const { name } = syntax;
    const { functionName, parameters } = this.scope;
    if (isTypeName(this.#btf, name))
      return this.fail('scope', `${name} is a type, and there is no value behind it.`, syntax, [
        `A cast is: (${name})x`,
      ]);
    const names = parameters.map((parameter) => parameter.name).filter((one) => one !== '');
    const known = [...names, '$retval', '$duration', 'pid', 'tid', 'cpu', 'comm'];
    const hints = [
      names.length === 0
        ? `${functionName} has no parameters with names.`
        : `Its parameters: ${names.join(', ')}`,
      'Also: $retval, pid, tid, cpu, comm, and the constants of enums; in hist() and tdigest() $duration',
    ];
    if (/^[A-Z][A-Z0-9_]+$/.test(name))
      hints.push('Macros are not in BTF: write the value, or the name of an enum’s constant.');
    return this.fail(
      'scope',
      `${functionName} has no parameter ${name}.${didYouMean(findNearest(known, name, 3))}`,
      syntax,
      hints,
    );
  }

  #toWord(node: Node, place: Place): Word {
    const { ctype } = node;
    if (isWord(node)) return node;
    if (node.kind === 'memory' && ctype.kind === 'array')
      return asPointer(node.address, pointerTo(elementOf(this.#btf, ctype)));
    if (node.kind === 'memory' && ctype.kind === 'function') return node.address;
    if (ctype.kind === 'struct')
      throw this.fail(
        'scope',
        `This is ${this.spell(ctype)}, and only its members are numbers.`,
        place,
        this.#seeType(ctype),
      );
    throw this.fail('scope', `Nothing is computed with ${this.spell(ctype)}.`, place);
  }

  #unary(syntax: Of<'unary'>): Node {
    const { operator, operand } = syntax;
    switch (operator) {
      case '&':
        return this.#addressOf(operand);
      case '*':
        return this.#target(this.word(operand), operand);
      case '!':
        return makeUnary('isZero', this.word(operand));
      case '+':
        return this.#promoted(operand, operator);
      case '-':
        return makeUnary('neg', this.#promoted(operand, operator));
      case '~':
        return makeUnary('not', this.#promoted(operand, operator));
    }
  }

  #addressOf(operand: Syntax): Node {
    const inner = operand.type === 'unary' && operand.operator === '*' ? operand.operand : null;
    if (inner !== null) {
      const pointer = this.word(inner);
      if (isPointer(pointer)) return pointer;
    }
    const node = this.node(operand);
    if (node.kind === 'memory' && node.field === null)
      return asPointer(node.address, pointerTo(node.ctype));
    throw this.fail(
      'scope',
      node.kind === 'memory'
        ? 'A bit field has no address.'
        : node.kind === 'register'
          ? 'This came in a register, and has no address.'
          : 'Only what lies in memory has an address.',
      operand,
    );
  }

  #target(pointer: Word, place: Place): Node {
    if (!isPointer(pointer))
      throw this.fail('scope', `* needs a pointer, but ${this.#is(pointer.ctype)}.`, place, [
        'A number is made one by: *(u64 *)x',
      ]);
    const ctype = pointee(this.#btf, pointer.ctype);
    if (ctype.kind === 'void')
      throw this.fail('scope', 'void * does not say what it points at.', place, [
        'Cast it: *(u64 *)x, ((struct file *)x)->f_mode',
      ]);
    if (ctype.kind === 'incomplete')
      throw this.fail(
        'scope',
        `${this.spell(ctype)} is only declared in BTF: what is in it is not known.`,
        place,
      );
    return { kind: 'memory', ctype, address: pointer, field: null };
  }

  #binary(syntax: Of<'binary'>): Node {
    const { operator, left, right } = syntax;
    if (operator === '&&' || operator === '||')
      return makeLogical(operator === '&&' ? 'and' : 'or', this.word(left), this.word(right));
    if (this.isComm(left) || this.isComm(right)) return this.#compareComm(syntax);
    const operation = operations[operator];
    if (operation === undefined) throw new Error(`no operation for ${operator}`);
    switch (operation) {
      case 'add':
      case 'sub':
        return this.#sum(syntax, operation);
      case 'eq':
      case 'ne':
      case 'lt':
      case 'le':
      case 'gt':
      case 'ge':
        return this.#comparison(syntax, operation);
      case 'shl':
      case 'shr': {
        const word = this.#promoted(left, operator);
        return makeBinary(operation, word, this.#promoted(right, operator), word.ctype);
      }
      default: {
        const a = this.#promoted(left, operator);
        const b = this.#promoted(right, operator);
        if ((operation === 'div' || operation === 'mod') && b.kind === 'constant' && b.value === 0n)
          throw this.fail('syntax', 'This divides by zero.', right);
        const ctype = commonType(a.ctype, b.ctype);
        return makeBinary(operation, makeConvert(a, ctype), makeConvert(b, ctype), ctype);
      }
    }
  }

  #sum(syntax: Of<'binary'>, operation: 'add' | 'sub'): Word {
    const left = this.word(syntax.left);
    const right = this.word(syntax.right);
    if (isPointer(left)) {
      if (!isPointer(right)) return this.moved(operation, left, right, syntax.left);
      if (operation === 'sub') return this.#distance(left, right, syntax.left);
      throw this.fail('scope', 'Two pointers can’t be added.', syntax.operatorAt);
    }
    if (isPointer(right)) {
      if (operation === 'add') return this.moved('add', right, left, syntax.right);
      throw this.fail('scope', 'A pointer can’t be subtracted from a number.', syntax.operatorAt);
    }
    const a = promote(left);
    const b = promote(right);
    const ctype = commonType(a.ctype, b.ctype);
    return makeBinary(operation, makeConvert(a, ctype), makeConvert(b, ctype), ctype);
  }

  /** A pointer and a number of elements. */
  moved(
    operation: 'add' | 'sub',
    pointer: Word & { readonly ctype: PointerType },
    by: Word,
    place: Place,
  ): Word {
    const stride = makeConstant(builtin.long, BigInt(this.#stride(pointer.ctype, place)));
    const bytes = makeBinary('mul', makeConvert(by, builtin.long), stride, builtin.long);
    return makeBinary(operation, pointer, bytes, pointer.ctype);
  }

  #distance(
    left: Word & { readonly ctype: PointerType },
    right: Word & { readonly ctype: PointerType },
    place: Place,
  ): Word {
    const stride = this.#stride(left.ctype, place);
    const bytes = makeBinary(
      'sub',
      makeConvert(left, builtin.long),
      makeConvert(right, builtin.long),
      builtin.long,
    );
    if (stride === 1) return bytes;
    return makeBinary('div', bytes, makeConstant(builtin.long, BigInt(stride)), builtin.long);
  }

  #stride(pointer: PointerType, place: Place): number {
    const to = pointee(this.#btf, pointer);
    const stride = strideOf(this.#btf, to);
    if (stride === 0)
      throw this.fail('scope', `How large ${this.spell(to)} is, is not known.`, place);
    return stride;
  }

  #comparison(syntax: Of<'binary'>, operation: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge'): Word {
    const left = this.word(syntax.left);
    const right = this.word(syntax.right);
    const ctype =
      isPointer(left) || isPointer(right)
        ? builtin.unsignedLong
        : commonType(promote(left).ctype, promote(right).ctype);
    const convert = (word: Word) => makeConvert(isPointer(word) ? word : promote(word), ctype);
    return makeBinary(operation, convert(left), convert(right), builtin.int);
  }

  /** Whether it is the name of the task, and not a parameter's. */
  isComm(syntax: Syntax): boolean {
    return (
      syntax.type === 'name' &&
      syntax.name === 'comm' &&
      this.scope.parameters.every(({ name }) => name !== 'comm')
    );
  }

  #compareComm({ operator, operatorAt, left, right }: Of<'binary'>): Word {
    const other = this.isComm(left) ? right : left;
    if (other.type !== 'string')
      throw this.fail('syntax', 'comm can only be compared with a string.', other, [
        'As in: comm == "cat"',
      ]);
    if (operator !== '==' && operator !== '!=')
      throw this.fail('syntax', 'comm is compared by == and !=.', operatorAt);
    if (other.bytes.length > longestComm)
      throw this.fail('syntax', `No comm is longer than ${longestComm} bytes.`, other);
    const words = new DataView(new ArrayBuffer(16));
    other.bytes.forEach((byte, at) => {
      words.setUint8(at, byte);
    });
    const half = (field: 'commLow' | 'commHigh', at: number): Word =>
      makeBinary(
        operator === '==' ? 'eq' : 'ne',
        { kind: 'task', field, ctype: builtin.unsignedLong },
        makeConstant(builtin.unsignedLong, words.getBigUint64(at, true)),
        builtin.int,
      );
    return makeLogical(operator === '==' ? 'and' : 'or', half('commLow', 0), half('commHigh', 8));
  }

  #conditional(syntax: Of<'conditional'>): Word {
    const condition = this.word(syntax.condition);
    const yes = this.word(syntax.yes);
    const no = this.word(syntax.no);
    const ctype = isPointer(yes)
      ? isNull(yes) && isPointer(no)
        ? no.ctype
        : yes.ctype
      : isPointer(no)
        ? no.ctype
        : commonType(promote(yes).ctype, promote(no).ctype);
    return makeConditional(condition, makeConvert(yes, ctype), makeConvert(no, ctype), ctype);
  }

  #member(syntax: Of<'member'>): Node {
    const { operator, object, operatorAt } = syntax;
    const of = this.node(object);
    if (operator === '->') {
      if (of.ctype.kind === 'struct')
        throw this.fail('scope', `-> needs a pointer, but ${this.#is(of.ctype)}.`, operatorAt, [
          'Write . instead of ->',
        ]);
      const pointer = isWord(of) || of.ctype.kind === 'array' ? this.#toWord(of, object) : null;
      if (pointer === null || !isPointer(pointer))
        throw this.fail('scope', `-> needs a pointer, but ${this.#is(of.ctype)}.`, operatorAt, [
          `Cast it: ((struct NAME *)${this.#textOf(object)})->${syntax.name}`,
        ]);
      return this.#select(this.#target(pointer, object), syntax);
    }
    if (of.ctype.kind === 'pointer')
      throw this.fail('scope', `. needs a struct, but ${this.#is(of.ctype)}.`, operatorAt, [
        'Write -> instead of .',
      ]);
    return this.#select(of, syntax);
  }

  #select(of: Node, syntax: Of<'member'>): Node {
    const { name, nameAt, operator } = syntax;
    const struct = of.ctype;
    if (struct.kind !== 'struct')
      throw this.fail(
        'scope',
        operator === '->'
          ? `-> needs a pointer to a struct, but this points at ${this.spell(struct)}.`
          : `. needs a struct, but ${this.#is(struct)}.`,
        syntax.operatorAt,
      );
    const member = findMember(this.#btf, struct.id, name);
    if (member === null) {
      const near = findNearest(memberNames(this.#btf, struct.id), name, 3);
      throw this.fail(
        'scope',
        `${this.#spellStruct(struct)} has no member ${name}.${didYouMean(near)}`,
        nameAt,
        this.#seeType(struct),
      );
    }
    const ctype = readType(this.#btf, member.type);
    if (of.kind !== 'memory' && of.kind !== 'register')
      throw new Error(`a struct that is a ${of.kind}`);
    const place =
      of.kind === 'memory'
        ? placeInMemory(of, ctype, member)
        : placeInRegister(of, ctype, member, sizeOf(this.#btf, ctype));
    if (place !== null) return place;
    throw this.fail('scope', 'This member lies across two words.', nameAt);
  }

  #index({ object, index }: Of<'index'>): Node {
    const by = this.word(index);
    const of = this.node(object);
    if (of.kind === 'register' && of.ctype.kind === 'array')
      throw this.fail('scope', 'This array came in a register, and has no address.', object);
    const pointer = this.#toWord(of, object);
    if (!isPointer(pointer))
      throw this.fail(
        'scope',
        `[] needs an array or a pointer, but ${this.#is(pointer.ctype)}.`,
        object,
      );
    if (isPointer(by)) throw this.fail('scope', 'An index is a number.', index);
    // what it points at comes first, as its errors say more
    const first = this.#target(pointer, object);
    const address = this.moved('add', pointer, by, object);
    return { kind: 'memory', ctype: first.ctype, address, field: null };
  }

  #cast({ to, operand }: Of<'cast'>): Word {
    const ctype = this.#typeNamed(to);
    if (!isScalar(ctype))
      throw this.fail(
        'syntax',
        `Nothing can be cast to ${this.spell(ctype)}.`,
        to,
        ctype.kind === 'struct'
          ? [`To a pointer to it: (${this.spell(ctype)} *)`]
          : ctype.kind === 'array'
            ? [`To a pointer to it: *(${spellCType(this.#btf, pointerTo(ctype))})x`]
            : [],
      );
    return makeConvert(this.word(operand), ctype);
  }

  #typeNamed(name: TypeName): CType {
    const type = findType(this.#btf, name);
    if (type !== null) return type;
    const spelt = name.tag === null ? name.base : `${name.tag} ${name.base}`;
    throw this.fail(
      'syntax',
      `BTF has no ${name.tag === null ? 'type ' : ''}${spelt}.${didYouMean(nearestTypes(this.#btf, name.base))}`,
      name,
    );
  }

  #sizeof(syntax: Of<'sizeof'>): Word {
    const { operand } = syntax;
    if (
      operand.type === 'name' &&
      this.scope.parameters.every((one) => one.name !== operand.name)
    ) {
      const name = {
        tag: null,
        base: operand.name,
        derivations: [],
        at: operand.at,
        length: operand.length,
      };
      const type = findType(this.#btf, name);
      if (type !== null) return this.#size(type, syntax);
    }
    return this.#size(this.node(operand).ctype, syntax);
  }

  #size(type: CType, place: Place): Word {
    const isSized = type.kind === 'struct' || sizeOf(this.#btf, type) > 0;
    if (!isSized) throw this.fail('scope', `${this.spell(type)} has no size.`, place);
    return makeConstant(builtin.unsignedLong, BigInt(sizeOf(this.#btf, type)));
  }

  #call(syntax: Of<'call'>): Word {
    this.checkCall(syntax);
    const { name, nameAt } = syntax;
    const [operand, offset] = syntax.arguments;
    if (operand === undefined) throw new Error(`${name}() without an argument`);
    const byteOrder = Object.hasOwn(byteOrders, name) ? byteOrders[name] : undefined;
    if (byteOrder !== undefined)
      return makeSwap(makeConvert(this.#promoted(operand, `${name}()`), byteOrder), byteOrder);
    const integer = Object.hasOwn(integers, name) ? integers[name] : undefined;
    if (integer === undefined)
      throw this.fail(
        'syntax',
        `${name}() says how a value is shown, so nothing can be around it.`,
        nameAt,
        /^(?:ip4|port)$/.test(name)
          ? ['To compute with it, take be16() or be32().']
          : [`As in: ${name}(…) alone`],
      );
    const [ctype, order] = integer;
    const word = this.#integerAt(operand, offset, ctype);
    return order === 'reversed' ? makeSwap(word, ctype) : makeConvert(word, ctype);
  }

  /** What a pointer points at, or a number as it is. */
  #integerAt(syntax: Syntax, offset: Syntax | undefined, ctype: IntegerType): Word {
    const word = this.word(syntax);
    if (!isPointer(word)) {
      if (offset === undefined) return makeConvert(promote(word), ctype);
      throw this.fail(
        'scope',
        `An offset needs a pointer before it, but ${this.#is(word.ctype)}.`,
        syntax,
        ['A number is made one by: (void *)x'],
      );
    }
    const address = offset === undefined ? word : this.behind(word, this.word(offset));
    return { kind: 'memory', ctype, address, field: null };
  }

  #promoted(syntax: Syntax, operator: string): Word & { readonly ctype: IntegerType } {
    const word = this.word(syntax);
    if (isPointer(word))
      throw this.fail('scope', `${operator} needs a number, but ${this.#is(word.ctype)}.`, syntax, [
        'A pointer is made one by: (unsigned long)x',
      ]);
    return promote(word);
  }

  #textOf({ at, length }: Place): string {
    return this.#text.slice(at, at + length);
  }

  spell(type: CType): string {
    return spellCType(this.#btf, type);
  }

  #is(type: CType): string {
    return `this is ${this.spell(type)}`;
  }

  /** Without the typedefs and qualifiers that it was reached by. */
  #spellStruct(struct: StructCType): string {
    return spellType(this.#btf, this.#btf.resolve(struct.id));
  }

  #seeType(struct: StructCType): string[] {
    const spelt = this.#spellStruct(struct);
    return spelt.includes('{') ? [] : [`See it with: fsnoop types '${spelt}'`];
  }
}

function didYouMean(names: readonly string[]): string {
  return names.length === 0 ? '' : ` Did you mean: ${names.join(', ')}?`;
}
