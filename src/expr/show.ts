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
import { packetLayers } from './display.js';
import type { Display } from './display.js';
import type { Node, RegisterNode, Word } from './node.js';
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
  if (node.kind === 'register') return showRegisters(checker, program, node, syntax);
  if (node.kind !== 'memory') throw new Error(`${ctype.kind} that is a ${node.kind}`);
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
      `${checker.spell(ctype)} has ${bytes} bytes, and a value has at most ${limits.valueBytes}.`,
      syntax,
      ['Name one of its members, or take some of it: slice(x, 4), buf(&x, 64)'],
    );
  endAt(program, node.address, 'endBytes', bytes);
  return { ctype, display: 'value' };
}

/** A struct or an array that came by value: a word for every 8 bytes. */
function showRegisters(
  checker: Checker,
  program: Program,
  node: RegisterNode,
  syntax: Syntax,
): Shown {
  const { ctype, slot, bitOffset } = node;
  const bits = 8 * sizeOf(checker.scope.btf, ctype);
  const shift = bitOffset % 64;
  if (bits === 0 || (shift > 0 && shift + bits > 64))
    throw checker.fail(
      'scope',
      `This is ${checker.spell(ctype)}, which lies across two registers.`,
      syntax,
      ['Name one of its members.'],
    );
  for (let at = 0; at < bits; at += 64) {
    if (slot === 'retval') program.op('retval');
    else program.op('arg', slot + Math.floor((bitOffset + at) / 64));
    if (shift > 0) program.op('extractU', shift | (bits << 6));
    program.op('endWord');
  }
  return { ctype, display: 'value' };
}

/** Of an array with no length that is known, as much as of a pointer. */
const textBytes = (bytes: number) =>
  bytes === 0 ? stringBytes : Math.min(bytes, limits.valueBytes);

/** Null for what is a value as others are. */
function showCall(checker: Checker, program: Program, call: Call): Shown | null {
  const [operand, ...rest] = call.arguments;
  if (operand === undefined) return null;
  const network = Object.hasOwn(addresses, call.name) ? addresses[call.name] : undefined;
  if (network !== undefined) return showNetwork(checker, program, operand, rest[0], network);
  switch (call.name) {
    case 'str':
      return showString(checker, program, operand, rest[0]);
    case 'buf':
    case 'hex':
      return showBytes(checker, program, operand, rest, call.name === 'buf' ? 'bytes' : 'hex');
    case 'slice':
      return showSlice(checker, program, operand, rest);
    case 'pkt':
      return showPacket(checker, program, operand, rest);
    default:
      return null;
  }
}

const arrayOf = (element: CType, length: number): ArrayCType => ({
  kind: 'array',
  id: null,
  element,
  length,
});

/** Addresses and ports, and two of them in a row, as headers have the sender's and the receiver's. */
const addresses: Readonly<Record<string, Shown>> = {
  eth: { ctype: arrayOf(u8, 6), display: 'mac' },
  eth2: { ctype: arrayOf(u8, 12), display: 'mac' },
  mac: { ctype: arrayOf(u8, 6), display: 'mac' },
  ip4: { ctype: be32, display: 'ip4' },
  ip42: { ctype: arrayOf(be32, 2), display: 'ip4' },
  ip6: { ctype: arrayOf(u8, 16), display: 'ip6' },
  ip62: { ctype: arrayOf(u8, 32), display: 'ip6' },
  port: { ctype: be16, display: 'port' },
  port2: { ctype: arrayOf(be16, 2), display: 'port' },
};

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

/** Of a count, or an offset and a count: the count. */
function countOf(checker: Checker, rest: readonly Syntax[], most: number): number {
  const count = rest.at(-1);
  if (count === undefined) throw new Error('checkCall lets no call without its count pass');
  return checker.count(count, most);
}

function showBytes(
  checker: Checker,
  program: Program,
  operand: Syntax,
  rest: readonly Syntax[],
  display: Display,
): Shown {
  const offset = rest.length > 1 ? rest[0] : undefined;
  const length = countOf(checker, rest, limits.valueBytes);
  endAt(program, addressOf(checker, operand, offset), 'endBytes', length);
  return { ctype: arrayOf(u8, length), display };
}

/** `pkt(skb->data, 64)`, `pkt(skb->head, skb->network_header, 64, ip)`. */
function showPacket(
  checker: Checker,
  program: Program,
  operand: Syntax,
  rest: readonly Syntax[],
): Shown {
  const last = rest.at(-1);
  const name = last?.type === 'name' ? last.name : null;
  if (name === null && rest.length < 3)
    return showBytes(checker, program, operand, rest, 'packet eth');
  const layer = packetLayers.find((one) => one === name);
  if (layer === undefined || rest.length < 2)
    throw checker.fail(
      'syntax',
      'The last argument of pkt() is what the packet begins with.',
      last ?? operand,
      [`One of: ${packetLayers.join(', ')}`],
    );
  return showBytes(checker, program, operand, rest.slice(0, -1), `packet ${layer}`);
}

function showSlice(
  checker: Checker,
  program: Program,
  operand: Syntax,
  rest: readonly Syntax[],
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
  const length = countOf(checker, rest, Math.max(1, Math.floor(limits.valueBytes / stride)));
  if (stride * length > limits.valueBytes)
    throw checker.fail(
      'scope',
      `${checker.spell(element)} has ${stride} bytes, and a value has at most ${limits.valueBytes}.`,
      operand,
    );
  const [first] = rest.length > 1 ? rest : [];
  const from =
    first === undefined ? address : checker.moved('add', address, checker.word(first), operand);
  endAt(program, from, 'endBytes', stride * length);
  return { ctype: arrayOf(element, length), display: 'value' };
}

/** At a pointer; or one that an integer is, in network order as it is. */
function showNetwork(
  checker: Checker,
  program: Program,
  operand: Syntax,
  offset: Syntax | undefined,
  shown: Shown,
): Shown {
  const { ctype, display } = shown;
  const { btf } = checker.scope;
  const bytes = sizeOf(btf, ctype);
  const node = checker.node(operand);
  if (ctype.kind === 'integer' && isWord(node) && node.ctype.kind === 'integer') {
    if (bitsOf(node.ctype) !== 8 * bytes)
      throw checker.fail(
        'scope',
        `${display}() needs ${bytes} bytes, and ${checker.spell(node.ctype)} has ${node.ctype.bytes}.`,
        operand,
        [`Cast it: ${display}((u${8 * bytes})x)`],
      );
    if (offset === undefined) {
      program.word(node);
      program.op('endWord');
      return shown;
    }
  }
  endAt(program, addressOf(checker, operand, offset), 'endBytes', bytes);
  return shown;
}

/** Where a pointer points, or so many bytes behind that. */
function addressOf(checker: Checker, operand: Syntax, offset: Syntax | undefined): Word {
  const address = checker.address(operand);
  return offset === undefined ? address : checker.behind(address, checker.word(offset));
}

function endAt(program: Program, address: Word, op: 'endBytes' | 'endString', bytes: number): void {
  program.word(address);
  program.op(op, bytes);
}
