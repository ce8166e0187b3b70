import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Scope } from '../src/expr/check.js';
import { ExpressionError, formatExpressionError } from '../src/expr/error.js';
import { evaluate } from '../src/expr/evaluate.js';
import { compileFilter, compileValue } from '../src/expr/expression.js';
import type { Guard } from '../src/expr/ops.js';
import { parseExpression } from '../src/expr/parse.js';
import { btf, scopeOf } from './expr-scope.js';

/** A syntax tree without places, as JSON has it. */
type Tree = { readonly type: string } & Readonly<Record<string, unknown>>;

const places = new Set(['at', 'length', 'operatorAt', 'nameAt']);

/** Bigints and bytes as text, so that trees can be compared. */
const withoutPlaces = (syntax: unknown): unknown =>
  JSON.parse(
    JSON.stringify(syntax, (key, value: unknown) =>
      places.has(key)
        ? undefined
        : typeof value === 'bigint'
          ? String(value)
          : value instanceof Uint8Array
            ? [...value]
            : value,
    ),
  );

const levels = '|| && | ^ & == < << + *'.split(' ');
const operatorsOf: Readonly<Record<string, readonly string[]>> = {
  '==': ['==', '!='],
  '<': ['<', '>', '<=', '>='],
  '<<': ['<<', '>>'],
  '+': ['+', '-'],
  '*': ['*', '/', '%'],
};
const binaryOperators = levels.flatMap((level) => operatorsOf[level] ?? [level]);
const levelOf = (operator: string) =>
  2 + levels.findIndex((level) => (operatorsOf[level] ?? [level]).includes(operator));
const unaryLevel = 20;
const postfixLevel = 30;

const name = fc.constantFrom('count', 'file', 'pid', '$retval', 'x_1');
/** What is behind the base, and how that is written. */
const derived = {
  '': [],
  '*': [{ kind: 'pointer' }],
  '* const *': [{ kind: 'pointer' }, { kind: 'pointer' }],
  '*[16]': [{ kind: 'pointer' }, { kind: 'array', elements: 16 }],
  '(*)[6]': [{ kind: 'array', elements: 6 }, { kind: 'pointer' }],
  '(*)[][4]': [{ kind: 'array', elements: 4 }, { kind: 'array', elements: 0 }, { kind: 'pointer' }],
  '*(*)(struct file *, int)': [
    { kind: 'pointer' },
    { kind: 'function', parameters: 'struct file *, int' },
    { kind: 'pointer' },
  ],
  '(**)(void (*)(int))': [
    { kind: 'function', parameters: 'void (*)(int)' },
    { kind: 'pointer' },
    { kind: 'pointer' },
  ],
} as const;
type Derived = keyof typeof derived;
const typeName = fc
  .tuple(
    fc.constantFrom(
      { tag: null, base: 'u32' },
      { tag: null, base: 'unsigned long' },
      { tag: null, base: 'char' },
      { tag: null, base: 'size_t' },
      { tag: 'struct', base: 'file' },
      { tag: 'union', base: 'inode' },
      { tag: 'enum', base: 'inode' },
    ),
    fc.constantFrom(...(Object.keys(derived) as Derived[])),
  )
  .map(([{ tag, base }, behind]) => ({
    type: { tag, base, derivations: derived[behind] },
    spelt: `${tag === null ? '' : `${tag} `}${base} ${behind}`,
  }));

/** A tree, how it is written, and how tight its outermost operator binds. */
interface Written {
  readonly tree: Tree;
  readonly text: string;
  readonly level: number;
}

const within = ({ text, level }: Written, least: number) => (level < least ? `(${text})` : text);

const { written } = fc.letrec<{ written: Written }>((tie) => ({
  written: fc.oneof(
    { maxDepth: 6 },
    name.map((text) => ({ tree: { type: 'name', name: text }, text, level: postfixLevel })),
    fc.bigInt(0n, (1n << 64n) - 1n).map((value) => ({
      tree: {
        type: 'integer',
        value: String(value),
        isDecimal: false,
        isUnsigned: true,
        isLong: true,
      },
      text: `0x${value.toString(16)}uL`,
      level: postfixLevel,
    })),
    fc
      .tuple(fc.constantFrom(...binaryOperators), tie('written'), tie('written'))
      .map(([operator, left, right]) => {
        const level = levelOf(operator);
        return {
          tree: { type: 'binary', operator, left: left.tree, right: right.tree },
          text: `${within(left, level)} ${operator} ${within(right, level + 1)}`,
          level,
        };
      }),
    fc
      .tuple(fc.constantFrom('-', '+', '!', '~', '*', '&'), tie('written'))
      .map(([operator, operand]) => ({
        tree: { type: 'unary', operator, operand: operand.tree },
        text: `${operator} ${within(operand, unaryLevel)}`,
        level: unaryLevel,
      })),
    fc.tuple(typeName, tie('written')).map(([to, operand]) => ({
      tree: { type: 'cast', to: to.type, operand: operand.tree },
      text: `(${to.spelt})${within(operand, unaryLevel)}`,
      level: unaryLevel,
    })),
    fc.tuple(tie('written'), tie('written'), tie('written')).map(([condition, yes, no]) => ({
      tree: { type: 'conditional', condition: condition.tree, yes: yes.tree, no: no.tree },
      text: `${within(condition, 2)} ? ${yes.text} : ${no.text}`,
      level: 1,
    })),
    fc
      .tuple(fc.constantFrom('.', '->'), tie('written'), fc.constantFrom('len', 'f_inode'))
      .map(([operator, object, member]) => ({
        tree: { type: 'member', operator, object: object.tree, name: member },
        // a space, as 1.len is one token
        text: `${within(object, postfixLevel)} ${operator}${member}`,
        level: postfixLevel,
      })),
    fc.tuple(tie('written'), tie('written')).map(([object, index]) => ({
      tree: { type: 'index', object: object.tree, index: index.tree },
      text: `${within(object, postfixLevel)}[${index.text}]`,
      level: postfixLevel,
    })),
    tie('written').map((operand) => ({
      tree: { type: 'sizeof', operand: operand.tree },
      text: `sizeof (${operand.text})`,
      level: unaryLevel,
    })),
    fc
      .tuple(fc.constantFrom('str', 'hist'), fc.array(tie('written'), { maxLength: 3 }))
      .map(([called, list]) => ({
        tree: { type: 'call', name: called, arguments: list.map((one) => one.tree) },
        text: `${called}(${list.map((one) => one.text).join(', ')})`,
        level: postfixLevel,
      })),
  ),
}));

describe('parsing', () => {
  it('reads what was written', () => {
    const types = new Set(['u32', 'size_t']);
    fc.assert(
      fc.property(written, ({ tree, text }) => {
        expect(withoutPlaces(parseExpression(text, types).root)).toEqual(tree);
      }),
      { numRuns: 2000 },
    );
  });
});

/** An integer type; 8 bits wide and unsigned for what lies in memory as a bool. */
interface Integer {
  readonly bits: number;
  readonly signed: boolean;
}

/** What an expression is by the rules of C; null where memory could not be read, or by a zero. */
interface Known {
  readonly type: Integer;
  readonly value: bigint | null;
}

/** An expression as text, and what it is with these registers and this memory. */
interface Meant {
  readonly text: string;
  readonly of: (state: State) => Known;
}

interface State {
  readonly registers: readonly bigint[];
  readonly memory: Uint8Array;
}

const wrap = ({ bits, signed }: Integer, value: bigint) =>
  signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);

const int: Integer = { bits: 32, signed: true };
const ulong: Integer = { bits: 64, signed: false };

const narrow = scopeOf('takes_narrow').parameters;
const others = scopeOf('takes_others').parameters;
const inodeType = btf
  .members(btf.find('struct', 'file')[0] ?? 0)
  .find((member) => member.name === 'f_inode')?.type;

const registers: readonly (readonly [name: string, type: number, Integer])[] = [
  ['a', narrow[0]?.type ?? 0, { bits: 8, signed: false }],
  ['b', narrow[1]?.type ?? 0, { bits: 8, signed: true }],
  ['c', narrow[2]?.type ?? 0, { bits: 16, signed: false }],
  ['d', narrow[3]?.type ?? 0, { bits: 16, signed: true }],
  ['e', narrow[4]?.type ?? 0, { bits: 32, signed: false }],
  ['f', others[0]?.type ?? 0, int],
  ['g', others[1]?.type ?? 0, ulong],
  ['h', others[2]?.type ?? 0, { bits: 8, signed: false }],
  ['i', others[3]?.type ?? 0, { bits: 32, signed: false }],
];

const inodeAt = 0x1000n;
const inodeBytes = 48;

const scope: Scope = {
  btf,
  functionName: 'takes_all',
  returns: 0,
  parameters: [
    ...registers.map(([one, type], slot) => ({ name: one, type, slot })),
    { name: 'inode', type: inodeType ?? 0, slot: registers.length },
    { name: 'bad', type: inodeType ?? 0, slot: registers.length + 1 },
  ],
};

/** Name, place in bits, type; a bit field narrower than an int is one. */
const members: readonly (readonly [name: string, at: number, bits: number, Integer])[] = [
  ['i_mode', 0, 16, { bits: 16, signed: false }],
  ['i_opflags', 16, 16, { bits: 16, signed: true }],
  ['i_uid', 32, 32, { bits: 32, signed: false }],
  ['i_size', 64, 64, { bits: 64, signed: true }],
  ['i_state', 128, 32, { bits: 32, signed: false }],
  ['i_dirty', 160, 1, { bits: 1, signed: false }],
  ['i_kind', 161, 3, { bits: 3, signed: false }],
  ['i_level', 164, 5, { bits: 5, signed: true }],
  ['i_count', 169, 20, { bits: 20, signed: false }],
  ['i_tiny', 200, 8, { bits: 8, signed: true }],
];

const memoryWord = (memory: Uint8Array) =>
  memory.reduceRight((word, byte) => (word << 8n) | BigInt(byte), 0n);

const readable: fc.Arbitrary<Meant> = fc.oneof(
  fc.constantFrom(...registers.keys()).map((slot) => {
    const [text, , type] = registers[slot] ?? ['', 0, int];
    return {
      text,
      of: (state: State): Known => ({ type, value: wrap(type, state.registers[slot] ?? 0n) }),
    };
  }),
  fc.constantFrom(...members).map(([member, at, , type]) => ({
    text: `inode->${member}`,
    of: ({ memory }: State): Known => ({
      type,
      value: wrap(type, memoryWord(memory) >> BigInt(at)),
    }),
  })),
  fc.integer({ min: 0, max: 3 }).map((index) => ({
    text: `inode->i_blocks[${index}]`,
    of: ({ memory }: State): Known => ({
      type: { bits: 32, signed: false },
      value: BigInt.asUintN(32, memoryWord(memory) >> BigInt(8 * (28 + 4 * index))),
    }),
  })),
  fc.nat(100).map((value) => ({
    text: String(value),
    of: () => ({ type: int, value: BigInt(value) }),
  })),
  fc.bigInt(0n, (1n << 64n) - 1n).map((value) => ({
    text: `${String(value)}UL`,
    of: () => ({ type: ulong, value }),
  })),
  fc.bigInt(0n, (1n << 32n) - 1n).map((value) => ({
    text: `0x${value.toString(16)}`,
    of: () => ({ type: { bits: 32, signed: value < 1n << 31n }, value }),
  })),
);

const unreadable: Meant = {
  text: 'bad->i_size',
  of: () => ({ type: { bits: 64, signed: true }, value: null }),
};
const leaf = fc.oneof(
  { arbitrary: readable, weight: 30 },
  { arbitrary: fc.constant(unreadable), weight: 1 },
);

const promote = ({ type, value }: Known): Known => ({
  type: type.bits < 32 ? int : type,
  value,
});

const common = (left: Integer, right: Integer): Integer =>
  left.bits === right.bits
    ? { bits: left.bits, signed: left.signed && right.signed }
    : left.bits > right.bits
      ? left
      : right;

const truth = (value: boolean) => (value ? 1n : 0n);

const arithmetic: Readonly<Record<string, (a: bigint, b: bigint) => bigint | null>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0n ? null : a / b),
  '%': (a, b) => (b === 0n ? null : a % b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};
const comparisons: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '==': (a, b) => truth(a === b),
  '!=': (a, b) => truth(a !== b),
  '<': (a, b) => truth(a < b),
  '<=': (a, b) => truth(a <= b),
  '>': (a, b) => truth(a > b),
  '>=': (a, b) => truth(a >= b),
};

function applyBinary(operator: string, left: Meant, right: Meant, state: State): Known {
  const a = left.of(state);
  if (operator === '&&' || operator === '||') {
    if (a.value === null) return { type: int, value: null };
    if ((a.value === 0n) === (operator === '&&'))
      return { type: int, value: truth(operator === '||') };
    const { value } = right.of(state);
    return { type: int, value: value === null ? null : truth(value !== 0n) };
  }
  const b = right.of(state);
  if (operator === '<<' || operator === '>>') {
    const { type } = promote(a);
    if (a.value === null || b.value === null) return { type, value: null };
    const by = b.value & 63n;
    return { type, value: wrap(type, operator === '<<' ? a.value << by : a.value >> by) };
  }
  const type = common(promote(a).type, promote(b).type);
  const compared = comparisons[operator];
  const resultType = compared === undefined ? type : int;
  if (a.value === null || b.value === null) return { type: resultType, value: null };
  const result = (compared ?? arithmetic[operator])?.(wrap(type, a.value), wrap(type, b.value));
  if (result === undefined) throw new Error(operator);
  return { type: resultType, value: result === null ? null : wrap(resultType, result) };
}

const map = (known: Known, type: Integer, change: (value: bigint) => bigint): Known => ({
  type,
  value: known.value === null ? null : wrap(type, change(known.value)),
});

const casts: Readonly<Record<string, Integer>> = {
  u8: { bits: 8, signed: false },
  s8: { bits: 8, signed: true },
  u16: { bits: 16, signed: false },
  s16: { bits: 16, signed: true },
  u32: { bits: 32, signed: false },
  int,
  u64: ulong,
  'long long': { bits: 64, signed: true },
};

const { meant } = fc.letrec<{ meant: Meant }>((tie) => ({
  meant: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom(...binaryOperators), tie('meant'), tie('meant'))
      .map(([operator, left, right]) => ({
        text: `(${left.text} ${operator} ${right.text})`,
        of: (state: State): Known => applyBinary(operator, left, right, state),
      })),
    tie('meant').map((operand) => ({
      text: `!${operand.text}`,
      of: (state: State): Known => map(operand.of(state), int, (value) => truth(value === 0n)),
    })),
    tie('meant').map((operand) => ({
      text: `~${operand.text}`,
      of: (state: State): Known => {
        const known = promote(operand.of(state));
        return map(known, known.type, (value) => ~value);
      },
    })),
    tie('meant').map((operand) => ({
      text: `- ${operand.text}`,
      of: (state: State): Known => {
        const known = promote(operand.of(state));
        return map(known, known.type, (value) => -value);
      },
    })),
    fc.tuple(fc.constantFrom(...Object.keys(casts)), tie('meant')).map(([to, operand]) => ({
      text: `((${to})${operand.text})`,
      of: (state: State): Known => map(operand.of(state), casts[to] ?? int, (value) => value),
    })),
    tie('meant').map((operand) => ({
      text: `((bool)${operand.text})`,
      of: (state: State): Known =>
        map(operand.of(state), { bits: 8, signed: false }, (value) => truth(value !== 0n)),
    })),
    fc.tuple(fc.constantFrom(16, 32, 64), tie('meant')).map(([bits, operand]) => ({
      text: `be${bits}(${operand.text})`,
      of: (state: State): Known =>
        map(operand.of(state), { bits, signed: false }, (value) => {
          const bytes = Buffer.alloc(8);
          bytes.writeBigUInt64LE(BigInt.asUintN(bits, value));
          return bytes.readBigUInt64BE() >> BigInt(64 - bits);
        }),
    })),
    fc.tuple(tie('meant'), tie('meant'), tie('meant')).map(([condition, yes, no]) => ({
      text: `(${condition.text} ? ${yes.text} : ${no.text})`,
      of: (state: State): Known => {
        const type = common(promote(yes.of(state)).type, promote(no.of(state)).type);
        const { value } = condition.of(state);
        if (value === null) return { type, value: null };
        return map((value === 0n ? no : yes).of(state), type, (one) => one);
      },
    })),
  ),
}));

const edge = fc.constantFrom(0n, 1n, -1n, 1n << 31n, 1n << 63n, (1n << 31n) - 1n, 0x80n, 0x8000n);
const state: fc.Arbitrary<State> = fc.record({
  registers: fc.array(fc.oneof(edge, fc.bigInt(0n, (1n << 64n) - 1n)), {
    minLength: registers.length,
    maxLength: registers.length,
  }),
  memory: fc.uint8Array({ minLength: inodeBytes, maxLength: inodeBytes }),
});

const machineOf = ({ registers: values, memory }: State) => ({
  arg: (slot: number) => [...values, inodeAt, 0n][slot] ?? 0n,
  retval: 0n,
  task: { pid: 1n, tid: 2n, cpu: 3n, commLow: 0n, commHigh: 0n },
  read: (address: bigint, bytes: number) => {
    const at = Number(address - inodeAt);
    return at < 0 || at + bytes > memory.length ? null : memory.subarray(at, at + bytes);
  },
  readString: () => null,
});

/** Null for what there is no room for, or divides by a constant zero. */
function orTooMuch<Result>(compile: () => Result): Result | null {
  try {
    return compile();
  } catch (error) {
    if (error instanceof ExpressionError && /divides by zero|^This takes/.test(error.message))
      return null;
    throw error;
  }
}

const holds = ({ slot, bits, low, span }: Guard, { registers: values }: State) =>
  BigInt.asUintN(bits, (values[slot] ?? 0n) - low) <= span;

describe('compiled expressions', () => {
  it('have the values that C says', () => {
    fc.assert(
      fc.property(meant, state, ({ text, of }, given) => {
        const compiled = orTooMuch(() => compileValue(parseExpression(text), scope));
        fc.pre(compiled !== null);
        const { value } = of(given);
        const expected = value === null ? { failed: -14 } : BigInt.asUintN(64, value);
        expect(evaluate(compiled.ops, machineOf(given)).items).toEqual([expected]);
      }),
      { numRuns: 5000 },
    );
  });

  it('keep the calls that C says', () => {
    fc.assert(
      fc.property(fc.array(meant, { minLength: 1, maxLength: 3 }), state, (all, given) => {
        const text = all.map((one) => one.text).join(' && ');
        const compiled = orTooMuch(() => compileFilter(parseExpression(text), scope));
        fc.pre(compiled !== null);
        const isKept =
          compiled.guards.every((guard) => holds(guard, given)) &&
          evaluate(compiled.ops, machineOf(given)).kept;
        const isTrue = all.every((one) => (one.of(given).value ?? 0n) !== 0n);
        expect(isKept).toBe(isTrue);
      }),
      { numRuns: 3000 },
    );
  });

  it('guard as C compares', () => {
    const constant = fc
      .tuple(fc.oneof(edge, fc.bigInt(-300n, 300n)), fc.constantFrom('', 'U', 'UL', 'L'))
      .map(([value, suffix]): Meant => {
        const size = value < 0n ? -value : value;
        const isLong = suffix.includes('L') || size >= 1n << (suffix === '' ? 31n : 32n);
        const isUnsigned = suffix.includes('U') || size >= 1n << 63n;
        const type = { bits: isLong ? 64 : 32, signed: !isUnsigned };
        return {
          text: value < 0n ? `- ${String(size)}${suffix}` : `${String(size)}${suffix}`,
          of: () => ({ type, value: wrap(type, value) }),
        };
      });
    const argument = fc
      .tuple(
        fc.constantFrom(...registers.keys()),
        fc.array(fc.constantFrom(...Object.keys(casts)), { maxLength: 2 }),
      )
      .map(([slot, to]): Meant => {
        const [one, , type] = registers[slot] ?? ['', 0, int];
        return {
          text: to.map((cast) => `(${cast})`).join('') + one,
          of: (given) =>
            to.reduceRight<Known>(
              (known, cast) => map(known, casts[cast] ?? int, (value) => value),
              { type, value: wrap(type, given.registers[slot] ?? 0n) },
            ),
        };
      });
    let guards = 0;
    fc.assert(
      fc.property(
        argument,
        fc.constantFrom(...Object.keys(comparisons)),
        constant,
        fc.boolean(),
        state,
        (left, operator, right, isTurned, given) => {
          const [first, second] = isTurned ? [right, left] : [left, right];
          const text = `${first.text} ${operator} ${second.text}`;
          const compiled = compileFilter(parseExpression(text), scope);
          guards += compiled.guards.length;
          const isKept =
            compiled.guards.every((guard) => holds(guard, given)) &&
            evaluate(compiled.ops, machineOf(given)).kept;
          expect(isKept).toBe(applyBinary(operator, first, second, given).value === 1n);
        },
      ),
      { numRuns: 5000 },
    );
    expect(guards).toBeGreaterThan(1000);
  });
});

describe('any text', () => {
  const tokens =
    'file buf count pos $retval $duration pid comm NULL u32 struct enum unsigned const f_inode ' +
    'i_size i_kind d_name sizeof hist str buf hex slice ip4 be16 ( ) ( ) [ ] -> . , ? : + - * / % ' +
    '& | ^ ~ ! << >> < > <= == != && || = 0 1 8 0x10 1UL "cat" \'a\' # é';
  const soup = fc
    .array(fc.constantFrom(...tokens.split(' ')), { maxLength: 30 })
    .map((list) => list.join(' '));
  const readFunction = scopeOf('vfs_read');

  const check = (text: string) => {
    for (const compile of [compileValue, compileFilter]) {
      try {
        compile(parseExpression(text), readFunction);
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        expect(error.at).toBeGreaterThanOrEqual(0);
        expect(error.at).toBeLessThanOrEqual(text.length);
        expect(error.length).toBeGreaterThan(0);
        expect(formatExpressionError(error).length).toBeGreaterThanOrEqual(3);
      }
    }
  };

  it('compiles, or is an ExpressionError at a place in it', () => {
    fc.assert(fc.property(soup, check), { numRuns: 3000 });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), check), { numRuns: 1000 });
    fc.assert(
      fc.property(written, ({ text }) => {
        check(text);
      }),
      { numRuns: 1000 },
    );
  });

  it('may be long or deep', () => {
    for (const part of '( [ - ! * & ~ (u32) (u32)- sizeof hist( 1+ 1? 1?1: count-> count[ 1&& 0|| a. 9 " \\ é'.split(
      ' ',
    ))
      for (const times of [190, 1000, 20_000]) {
        check(part.repeat(times));
        check(`${part.repeat(times)}1`);
      }
    for (const times of [60, 190, 250]) check(`${'('.repeat(times)}count${')'.repeat(times)}`);
  });
});
