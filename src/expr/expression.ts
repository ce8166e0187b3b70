/** `--output-arg` and `--filter-arg`: C expressions to what the kernel side runs and how it is shown. */
import type { Type } from '../symbols/type.js';
import { builtin, describeCType, spellCType } from './c-type.js';
import type { CType } from './c-type.js';
import { Checker } from './check.js';
import type { Scope } from './check.js';
import { Program } from './compile.js';
import type { Display } from './display.js';
import { ExpressionError } from './error.js';
import { makeGuard } from './guard.js';
import { describeLimit } from './limit.js';
import { isTypeName } from './names.js';
import type { Word } from './node.js';
import type { Guard, Op } from './ops.js';
import { parseExpression } from './parse.js';
import type { Expression, Syntax } from './parse.js';
import { show, showNumber } from './show.js';

export interface CompiledValue {
  /** Ends with one of endWord, endBytes, endString; empty for $duration. */
  readonly ops: readonly Op[];
  /** Return, if it mentions $retval; `user` for $duration, which user space knows. */
  readonly when: 'entry' | 'return' | 'user';
  readonly type: Type;
  /** As C spells it: `const char *`. */
  readonly typeName: string;
  /** Words of ip4 and port hold them in network order: their first 4 and 2 bytes. */
  readonly display: Display;
  readonly aggregate: 'hist' | 'tdigest' | null;
}

export interface CompiledFilter {
  /** One at most. */
  readonly guards: readonly Guard[];
  /** Each condition that must hold ends with `filter`; empty where the guard says all. */
  readonly ops: readonly Op[];
  readonly when: 'entry' | 'return';
}

type Call = Extract<Syntax, { readonly type: 'call' }>;

/** Whether values are counted rather than shown. */
export function aggregateOf({ root }: Expression): 'hist' | 'tdigest' | null {
  if (root.type !== 'call') return null;
  return root.name === 'hist' || root.name === 'tdigest' ? root.name : null;
}

/** @throws {ExpressionError} */
export function compileValue(expression: Expression, scope: Scope): CompiledValue {
  const { text, root } = withTypes(expression, scope);
  const checker = new Checker(text, scope);
  const aggregate = aggregateOf(expression);
  const shown = aggregate === null ? root : onlyArgument(checker, root as Call);
  if (shown.type === 'name' && shown.name === '$duration') {
    if (scope.returns === null) throw checker.neverReturns(shown);
    return { ...describe(scope, u64, 'value'), ops: [], when: 'user', aggregate };
  }

  const program = new Program();
  const { ctype, display } =
    aggregate === null ? show(checker, program, shown) : showNumber(checker, program, shown);
  checkLimits(program.ops, text, root);
  return {
    ...describe(scope, ctype, display),
    ops: program.ops,
    when: whenOf(program.ops),
    aggregate,
  };
}

/** @throws {ExpressionError} */
export function compileFilter(expression: Expression, scope: Scope): CompiledFilter {
  const { text, root } = withTypes(expression, scope);
  const checker = new Checker(text, scope);
  const program = new Program();
  let guard: Guard | null = null;
  for (const condition of conjunctsOf(checker.word(root))) {
    if (guard === null) {
      guard = makeGuard(condition);
      if (guard !== null) continue;
    }
    program.condition(condition);
    program.op('filter');
  }
  checkLimits(program.ops, text, root);
  return {
    guards: guard === null ? [] : [guard],
    ops: program.ops,
    when: whenOf(program.ops),
  };
}

const u64 = { ...builtin.unsignedLong, name: 'u64' };

/** Parsed once more where a name in brackets is a type here: `(u32) - x`. */
function withTypes(expression: Expression, { btf, parameters }: Scope): Expression {
  const types = expression.ambiguous.filter(
    (name) => parameters.every((one) => one.name !== name) && isTypeName(btf, name),
  );
  return types.length === 0 ? expression : parseExpression(expression.text, new Set(types));
}

const describe = ({ btf }: Scope, ctype: CType, display: Display) => ({
  type: describeCType(btf, ctype),
  typeName: spellCType(btf, ctype),
  display,
});

function onlyArgument(checker: Checker, call: Call): Syntax {
  checker.checkCall(call);
  const [argument] = call.arguments;
  if (argument === undefined) throw new Error('checkCall lets no call without arguments pass');
  return argument;
}

/** What must be true, each: a filter that drops the call ends it as && does. */
function conjunctsOf(condition: Word): Word[] {
  return condition.kind === 'logical' && condition.operation === 'and'
    ? [...conjunctsOf(condition.left), ...conjunctsOf(condition.right)]
    : [condition];
}

const whenOf = (ops: readonly Op[]) =>
  ops.some(({ op }) => op === 'retval') ? ('return' as const) : ('entry' as const);

function checkLimits(ops: readonly Op[], text: string, root: Syntax): void {
  const limit = describeLimit(ops);
  if (limit !== null)
    throw new ExpressionError('scope', limit, text, root, [
      'Several short expressions cost as little.',
    ]);
}
