/** Decides what the kernel side reads of a function's calls, and which calls of a root it wants. */
import type { Scope } from '../expr/check.js';
import type { Display } from '../expr/display.js';
import { ExpressionError } from '../expr/error.js';
import { aggregateOf, compileFilter, compileValue } from '../expr/expression.js';
import { limits, type Guard, type Op } from '../expr/ops.js';
import type { Expression } from '../expr/parse.js';
import { exitStatus, Failure } from '../failure.js';
import type { Btf } from '../symbols/btf.js';
import { spellType } from '../symbols/c-type.js';
import { describeParameters, type Parameter } from '../symbols/parameters.js';
import { ownParameters } from '../symbols/tracepoints.js';
import { describeType, type StructType, type Type } from '../symbols/type.js';
import { toFailure } from './caret.js';
import type { Program } from './plan.js';

/** What the user asked to see of each call, and of which. */
export interface CaptureWishes {
  readonly args: 'off' | 'compact' | 'full';
  /** `--output-arg`. */
  readonly outputs: readonly Expression[];
  /** `--filter-arg`. */
  readonly filters: readonly Expression[];
  /** Only trees whose root failed: with one of these errors, or with any. Null: all trees. */
  readonly errnos: readonly number[] | 'any' | null;
  /** The kernel stack of each root. */
  readonly stack: boolean;
  /** How many argument slots the method reads; those behind are on the stack. */
  readonly argSlots: number;
}

/** A value that is read from memory or computed: an item of the call's record, or several. */
export interface CapturedValue {
  /** Of what: an argument by its place, an expression by its place among the outputs, the stack. */
  readonly of:
    { readonly type: 'argument' | 'output'; readonly place: number } | { readonly type: 'stack' };
  readonly type: Type;
  /** As C spells it. */
  readonly typeName: string;
  readonly display: Display;
  /** One; of a struct in registers one for each of its words. */
  readonly items: number;
}

export interface Capture {
  /** What the function returns, as C spells it; '' where it isn't known. */
  readonly returnsName: string;
  readonly parameters: readonly Parameter[];
  /** How many argument slots are recorded; parameters behind them are not known. */
  readonly argSlots: number;
  readonly program: Program | null;
  /** In the order in which they are in a record of the call's entry, and of its return. */
  readonly entryValues: readonly CapturedValue[];
  readonly returnValues: readonly CapturedValue[];
  /** By place of the output: what its expression means for this function; null where it means nothing. */
  readonly outputs: readonly (OutputMeaning | null)[];
}

interface OutputMeaning {
  readonly type: Type;
  readonly typeName: string;
  /** `user`: the call's duration, which no record needs to carry. */
  readonly when: 'entry' | 'return' | 'user';
}

/** A function as it is captured, or why an expression or a filter has no meaning for it. */
export type Captured =
  | { readonly type: 'capture'; readonly capture: Capture; readonly misfits: readonly Misfit[] }
  | { readonly type: 'refused'; readonly error: ExpressionError | null; readonly reason: string };

/** An output that has no meaning for the function. */
export interface Misfit {
  readonly place: number;
  readonly error: ExpressionError;
}

/** MAX_BPF_FUNC_ARGS: a tracepoint has no more. */
const mostArguments = 12;
/** Characters of a string argument that are read. */
const stringBytes = 64;
const mostStackFrames = 64;
const itemHeadBytes = 8;

const noOps: readonly Op[] = [];

/** Gathers the operations and values of one moment of a call, as long as there is room. */
class Moment {
  readonly ops: Op[] = [];
  readonly values: CapturedValue[] = [];
  #bytes = 0;

  /** Whether there was room. */
  add(value: Omit<CapturedValue, 'items'>, ops: readonly Op[]): boolean {
    const ends = ops.filter(isEnd);
    const bytes = ends.reduce((sum, end) => sum + itemBytes(end), 0);
    if (this.ops.length + ops.length > limits.ops || this.#bytes + bytes > limits.recordBytes)
      return false;
    this.ops.push(...ops);
    this.values.push({ ...value, items: ends.length });
    this.#bytes += bytes;
    return true;
  }
}

const isEnd = ({ op }: Op): boolean => op.startsWith('end');

function itemBytes({ op, n }: Op): number {
  return itemHeadBytes + (op === 'endWord' ? 8 : (n + 7) & ~7);
}

export interface CapturedFunction {
  readonly kind?: 'tracepoint' | undefined;
  readonly name: string;
  /** 0 where it has none. */
  readonly btfId: number;
  readonly returns: Type;
}

/** @throws {Failure} when an expression is wrong for every function, or what is asked for is over a limit */
export function makeCapture(
  target: CapturedFunction,
  role: 'root' | 'below',
  wishes: CaptureWishes,
  btf: Btf,
): Captured {
  const isHit = target.kind === 'tracepoint';
  const parameters =
    target.btfId === 0 ? [] : describeParameters(btf, target.btfId, isHit ? ownParameters : 0);
  const argSlots = countReadable(parameters, isHit ? mostArguments : wishes.argSlots);
  const scope: Scope = {
    btf,
    functionName: target.name,
    parameters: parameters.map(({ name, typeId, slot }) => ({
      name,
      type: typeId,
      slot,
      onStack: slot >= argSlots,
    })),
    returns: isHit ? null : target.btfId === 0 ? 0 : btf.returned(target.btfId),
  };
  const entry = new Moment();
  const atReturn = isHit ? entry : new Moment();

  if (wishes.stack && role === 'root') addStack(entry);
  const { meanings, misfits } = addOutputs(wishes.outputs, scope, entry, atReturn);
  if (wishes.args !== 'off') {
    const readable = parameters.filter(({ slot }) => slot < argSlots);
    addArguments(readable, wishes.args, btf, entry, atReturn);
  }

  let filters: Filters;
  try {
    filters = role === 'root' ? compileFilters(wishes.filters, scope) : noFilters;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    if (error.kind !== 'scope') throw toFailure('--filter-arg', error);
    return { type: 'refused', error, reason: reasonOf(error) };
  }
  if (role === 'root' && wishes.errnos !== null) {
    const ops = filterErrors(target.returns, wishes.errnos);
    if (ops === null) return { type: 'refused', error: null, reason: 'returns no errors' };
    filters = { ...filters, atReturn: [...filters.atReturn, ...ops] };
    if (filters.atReturn.length > limits.ops) throw tooManyErrnos();
  }
  const program: Program = {
    guard: filters.guard,
    filter: filters.entry,
    entry: entry.ops,
    returnFilter: filters.atReturn,
    atReturn: isHit ? noOps : atReturn.ops,
  };
  const capture: Capture = {
    returnsName: target.btfId === 0 || scope.returns === null ? '' : spellType(btf, scope.returns),
    parameters,
    argSlots: wishes.args === 'off' ? 0 : argSlots,
    program: isEmpty(program) ? null : program,
    entryValues: entry.values,
    returnValues: isHit ? [] : atReturn.values,
    outputs: meanings,
  };
  return { type: 'capture', capture, misfits };
}

/** From the first parameter on that does not fit into `most` slots, none is read. */
function countReadable(parameters: readonly Parameter[], most: number): number {
  const behind = parameters.find(({ slot, slots }) => slot + slots > most);
  return behind?.slot ?? parameters.reduce((sum, { slots }) => sum + slots, 0);
}

function isEmpty({ guard, filter, entry, returnFilter, atReturn }: Program): boolean {
  return (
    guard === null && filter.length + entry.length + returnFilter.length + atReturn.length === 0
  );
}

function addOutputs(
  outputs: readonly Expression[],
  scope: Scope,
  entry: Moment,
  atReturn: Moment,
): { meanings: (OutputMeaning | null)[]; misfits: Misfit[] } {
  const misfits: Misfit[] = [];
  const meanings = outputs.map((expression, place) => {
    try {
      const { ops, when, type, typeName, display } = compileValue(expression, scope);
      const value = { of: { type: 'output', place }, type, typeName, display } as const;
      if (when === 'user' && aggregateOf(expression) === null) throw shownAnyway(expression);
      const moment = when === 'entry' ? entry : atReturn;
      if (when !== 'user' && !moment.add(value, ops)) throw tooMuch(expression);
      return { type, typeName, when };
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      if (error.kind !== 'scope') throw toFailure('--output-arg', error);
      misfits.push({ place, error });
      return null;
    }
  });
  return { meanings, misfits };
}

function tooMuch({ text }: Expression): ExpressionError {
  return new ExpressionError(
    'syntax',
    `All values of one call can have ${limits.recordBytes} bytes and ${limits.ops} operations; with this one they have more.`,
    text,
    { at: 0, length: text.length },
  );
}

function tooManyFilters({ text }: Expression): ExpressionError {
  return new ExpressionError(
    'syntax',
    `All filters of one call can have ${limits.ops} operations; with this one they have more.`,
    text,
    { at: 0, length: text.length },
  );
}

function shownAnyway({ text, root }: Expression): ExpressionError {
  const hint = 'Count it: hist($duration), tdigest($duration)';
  return new ExpressionError('syntax', 'The duration is shown of every call.', text, root, [hint]);
}

function tooManyErrnos(): Failure {
  return new Failure(
    exitStatus.usage,
    `All filters of one call can have ${limits.ops} operations; with those for the errors they have more.`,
    'Name fewer, or take all: --errors',
  );
}

function addStack(entry: Moment): void {
  const ops: Op[] = [{ op: 'endStack', n: 8 * mostStackFrames, imm: 0n }];
  const type: Type = { kind: 'other', bytes: 8 * mostStackFrames };
  entry.add({ of: { type: 'stack' }, type, typeName: '', display: 'value' }, ops);
}

/**
 * Strings are read when they mean something: at the entry those that the function may not write, at
 * the return the others. Structs that are pointed at: at the entry.
 */
function addArguments(
  parameters: readonly Parameter[],
  how: 'compact' | 'full',
  btf: Btf,
  entry: Moment,
  atReturn: Moment,
): void {
  parameters.forEach(({ type, typeId, slot }, place) => {
    if (type.kind !== 'pointer') return;
    const arg: Op = { op: 'arg', n: slot, imm: 0n };
    const of = { type: 'argument', place } as const;
    const target = btf.target(btf.resolve(typeId));
    if (type.to === 'char') {
      const value = { of, type, typeName: 'char *', display: 'string' } as const;
      const moment = isConst(btf, target) ? entry : atReturn;
      moment.add(value, [arg, { op: 'endString', n: stringBytes, imm: 0n }]);
      return;
    }
    const struct = how === 'full' ? describeType(btf, target) : null;
    if (struct === null || !isStruct(struct) || struct.bytes === 0) return;
    const bytes = Math.min(struct.bytes, limits.valueBytes);
    const value = { of, type: struct, typeName: struct.name, display: 'nonZero' } as const;
    entry.add(value, [arg, { op: 'endBytes', n: bytes, imm: 0n }]);
  });
}

const isStruct = (type: Type): type is StructType =>
  type.kind === 'struct' || type.kind === 'union';

function isConst(btf: Btf, id: number): boolean {
  for (let type = id; ; type = btf.target(type)) {
    switch (btf.kind(type)) {
      case 'const':
        return true;
      case 'typedef':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        break;
      default:
        return false;
    }
  }
}

/** `--filter-arg: vfs_open has no parameter count`. */
const reasonOf = (error: ExpressionError) =>
  `--filter-arg: ${error.message.split('. ')[0]?.replace(/\.$/, '') ?? ''}`;

interface Filters {
  readonly guard: Guard | null;
  readonly entry: readonly Op[];
  readonly atReturn: readonly Op[];
}

const noFilters: Filters = { guard: null, entry: noOps, atReturn: noOps };

/** All must hold; the kernel side has room for one guard. */
function compileFilters(filters: readonly Expression[], scope: Scope): Filters {
  let guard = null as Guard | null;
  const entry: Op[] = [];
  const atReturn: Op[] = [];
  for (const expression of filters) {
    const { guards, ops, when } = compileFilter(expression, scope);
    const [first] = guards;
    if (guard === null) guard = first ?? null;
    else if (first !== undefined) entry.push(...spellOut(first));
    (when === 'entry' ? entry : atReturn).push(...ops);
    if (Math.max(entry.length, atReturn.length) > limits.ops) throw tooManyFilters(expression);
  }
  return { guard, entry, atReturn };
}

/** What a guard asks, as operations. */
function spellOut({ slot, bits, low, span }: Guard): readonly Op[] {
  return [
    { op: 'arg', n: slot, imm: 0n },
    { op: 'addImm', n: 0, imm: -low },
    { op: 'extractU', n: bits << 6, imm: 0n },
    { op: 'push', n: 0, imm: span },
    { op: 'leU', n: 0, imm: 0n },
    { op: 'filter', n: 0, imm: 0n },
  ];
}

const mostErrno = 4095n;

/** Whether the function failed, as signed integers and ERR_PTR() tell it; null where it can't tell. */
function filterErrors(returns: Type, errnos: readonly number[] | 'any'): readonly Op[] | null {
  const value = returnedNumber(returns);
  if (value === null) return null;
  const op = (name: Op['op'], n = 0, imm = 0n): Op => ({ op: name, n, imm });
  if (errnos === 'any')
    return [
      ...value,
      op('addImm', 0, mostErrno),
      op('push', 0, mostErrno),
      op('ltU'),
      op('filter'),
    ];
  // one after the other: the stack would not hold all of many at once
  const equals = errnos.flatMap((errno, at) => [
    ...value,
    op('push', 0, BigInt(-errno)),
    op('eq'),
    ...(at === 0 ? [] : [op('or')]),
  ]);
  return [...equals, op('filter')];
}

/** Whether a return value can be an error, as signed integers and ERR_PTR() tell it. */
export const mayFail = (returns: Type): boolean => returnedNumber(returns) !== null;

function returnedNumber(returns: Type): readonly Op[] | null {
  const retval: Op = { op: 'retval', n: 0, imm: 0n };
  if (returns.kind === 'pointer') return [retval];
  if (returns.kind !== 'int' || !returns.signed || returns.bytes < 4) return null;
  return returns.bytes === 8 ? [retval] : [retval, { op: 'extractS', n: 32 << 6, imm: 0n }];
}
