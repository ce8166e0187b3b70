/** How values end: words, bytes of memory, strings; and the functions that say so. */
import {
  bitsOf,
  builtin,
  elementOf,
  isText,
  pointee,
  pointerTo,
  pointsAtText,
  sizeOf,
  strideOf,
} from './c-type.js';
import type { ArrayCType, CType } from './c-type.js';
import type { Checker } from './check.js';
import type { Program } from './compile.js';
import { isWord } from './conversion.js';
import type { Display } from './display.js';
import type { Node, Word } from './node.js';
import { limits } from './ops.js';
import type { Syntax } from './parse.js';

interface Shown {
  readonly ctype: CType;
  readonly display: Display;
}

/** Of a task's name, with its zero. */
const commBytes = 16;
/** Bytes of a string that a pointer points at, with its zero, where str() does not say. */
const stringBytes = 64;

const u8 = { ...builtin.unsignedChar, name: 'u8' };
const be16 = { ...builtin.unsignedShort, name: '__be16' };
const be32 = { ...builtin.unsignedInt, name: '__be32' };

type Call = Extract<Syntax, { readonly type: 'call' }>;

/** Compiles what stands outermost, with its end. */
export function show(checker: Checker, program: Program, syntax: Syntax): Shown {
  if (syntax.type === 'call') {
    checker.checkCall(syntax);
    const shown = showCall(checker, program, syntax);
    if (shown !== null) return shown;
  }
  if (checker.isComm(syntax)) {
    program.op('endComm', commBytes);
    const ctype: ArrayCType = { kind: 'array', id: null, element: builtin.char, length: commBytes };
    return { ctype, display: 'string' };
  }
  const node = checker.node(syntax);
  return isWord(node)
    ? showWord(checker, program, node)
    : showMemory(checker, program, node, syntax);
}

/** For statistics: a number, whatever it would be shown as. */
export function showNumber(checker: Checker, program: Program, syntax: Syntax): Shown {
  const word = checker.word(syntax);
  program.word(word);
  program.op('endWord');
  return { ctype: word.ctype, display: 'value' };
}

function showWord(checker: Checker, program: Program, word: Word): Shown {
  const { ctype } = word;
  if (pointsAtText(checker.scope.btf, ctype)) {
    program.word(word);
    program.op('endString', stringBytes);
    return { ctype, display: 'string' };
  }
  program.word(word);
  program.op('endWord');
  return { ctype, display: 'value' };
}

/** A struct or an array, where it lies. */
function showMemory(checker: Checker, program: Program, node: Node, syntax: Syntax): Shown {
  const { btf } = checker.scope;
  const { ctype } = node;
  if (node.kind !== 'memory')
    throw checker.fail(
      'scope',
      `This is ${checker.spell(ctype)}, which came in registers.`,
      syntax,
      ['Name one of its members.'],
    );
  if (ctype.kind === 'function') {
    program.word(node.address);
    program.op('endWord');
    return { ctype: pointerTo(ctype), display: 'value' };
  }
  if (ctype.kind === 'array' && isText(elementOf(btf, ctype))) {
    endAt(program, node.address, 'endString', textBytes(ctype.length));
    return { ctype, display: 'string' };
  }
  const bytes = sizeOf(btf, ctype);
  if (bytes === 0)
    throw checker.fail('scope', `${checker.spell(ctype)} has no bytes of its own.`, syntax, [
      'How many there are: slice(x, 4), buf(x, 16)',
    ]);
  if (bytes > limits.valueBytes)
    throw checker.fail(
      'scope',
      `${checker.spell(ctype)} has ${bytes} bytes, and limits.valueBytes is ${limits.valueBytes}.`,
      syntax,
      ['Name one of its members, or take some of it: slice(x, 4), buf(&x, 64)'],
    );
  endAt(program, node.address, 'endBytes', bytes);
  return { ctype, display: 'value' };
}

/** Of an array with no length that is known, as much as of a pointer. */
const textBytes = (bytes: number) =>
  bytes === 0 ? stringBytes : Math.min(bytes, limits.valueBytes);

/** Null for what is a value as others are. */
function showCall(checker: Checker, program: Program, call: Call): Shown | null {
  const [operand, count] = call.arguments;
  if (operand === undefined) return null;
  switch (call.name) {
    case 'str':
      return showString(checker, program, operand, count);
    case 'buf':
    case 'hex': {
      const address = checker.address(operand);
      const length = countOf(checker, count, limits.valueBytes);
      endAt(program, address, 'endBytes', length);
      return { ctype: bytesOf(length), display: call.name === 'buf' ? 'bytes' : 'hex' };
    }
    case 'slice':
      return showSlice(checker, program, operand, count);
    case 'ip4':
      return showNetwork(checker, program, operand, { bytes: 4, ctype: be32, display: 'ip4' });
    case 'port':
      return showNetwork(checker, program, operand, { bytes: 2, ctype: be16, display: 'port' });
    case 'ip6':
      endAt(program, checker.address(operand), 'endBytes', 16);
      return { ctype: bytesOf(16), display: 'ip6' };
    case 'mac':
      endAt(program, checker.address(operand), 'endBytes', 6);
      return { ctype: bytesOf(6), display: 'mac' };
    default:
      return null;
  }
}

const bytesOf = (length: number): ArrayCType => ({ kind: 'array', id: null, element: u8, length });

function showString(
  checker: Checker,
  program: Program,
  operand: Syntax,
  count: Syntax | undefined,
): Shown {
  const node = checker.node(operand);
  const array = node.kind === 'memory' && node.ctype.kind === 'array' ? node.ctype : null;
  const address = checker.address(operand);
  const own = array === null ? stringBytes : textBytes(sizeOf(checker.scope.btf, array));
  const bytes = count === undefined ? own : checker.count(count, limits.valueBytes);
  endAt(program, address, 'endString', bytes);
  return { ctype: array ?? address.ctype, display: 'string' };
}

function showSlice(
  checker: Checker,
  program: Program,
  operand: Syntax,
  count: Syntax | undefined,
): Shown {
  const { btf } = checker.scope;
  const address = checker.address(operand);
  const element = pointee(btf, address.ctype);
  const stride = strideOf(btf, element);
  if (stride === 0 || element.kind === 'void' || element.kind === 'function')
    throw checker.fail(
      'scope',
      `slice() needs elements, and ${checker.spell(element)} has no size.`,
      operand,
      ['Bytes are shown by: buf(p, n)'],
    );
  const length = countOf(checker, count, Math.max(1, Math.floor(limits.valueBytes / stride)));
  if (stride * length > limits.valueBytes)
    throw checker.fail(
      'scope',
      `${checker.spell(element)} has ${stride} bytes, and limits.valueBytes is ${limits.valueBytes}.`,
      operand,
    );
  endAt(program, address, 'endBytes', stride * length);
  return { ctype: { kind: 'array', id: null, element, length }, display: 'value' };
}

/** At a pointer, or of an integer that is in network order as it is. */
function showNetwork(
  checker: Checker,
  program: Program,
  operand: Syntax,
  as: Shown & { readonly bytes: number },
): Shown {
  const { ctype, display } = as;
  const node = checker.node(operand);
  if (isWord(node) && node.ctype.kind === 'integer') {
    if (bitsOf(node.ctype) !== 8 * as.bytes)
      throw checker.fail(
        'scope',
        `${display}() needs ${as.bytes} bytes, and ${checker.spell(node.ctype)} has ${node.ctype.bytes}.`,
        operand,
        [`Cast it: ${display}((u${8 * as.bytes})x)`],
      );
    program.word(node);
    program.op('endWord');
  } else endAt(program, checker.address(operand), 'endBytes', as.bytes);
  return { ctype, display };
}

function countOf(checker: Checker, syntax: Syntax | undefined, most: number): number {
  if (syntax === undefined) throw new Error('checkCall lets no call without its count pass');
  return checker.count(syntax, most);
}

function endAt(program: Program, address: Word, op: 'endBytes' | 'endString', bytes: number): void {
  program.word(address);
  program.op(op, bytes);
}
