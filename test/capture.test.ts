/** What is captured of which function, and what is said where an expression means nothing. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import { encodePrograms, cookieBits, programBytes } from '../src/attach/programs.js';
import { parseExpression } from '../src/expr/parse.js';
import { Failure } from '../src/failure.js';
import { captureAll } from '../src/plan/capture-all.js';
import type { CaptureWishes } from '../src/plan/capture.js';
import { parseExpressions } from '../src/plan/expressions.js';
import { chooseErrnos } from '../src/plan/filters.js';
import type { PlannedFunction } from '../src/plan/plan.js';
import { Btf } from '../src/symbols/btf.js';
import { describeType } from '../src/symbols/type.js';

const btf = new Btf(
  readFileSync(new URL('fixtures/expr/types.btf', import.meta.url)),
  loadNative(),
);

const chosen = (name: string, role: 'root' | 'below') => {
  const id = btf.findFunctions(name)[0]?.id ?? 0;
  const returns = describeType(btf, btf.prototype(id).returns);
  return { found: { name, module: null, btfId: id, returns, reason: null }, role };
};

interface Asked extends Partial<Omit<CaptureWishes, 'outputs' | 'filters'>> {
  readonly roots?: readonly string[];
  readonly below?: readonly string[];
  /** Roots that are to be shown below others, too. */
  readonly both?: readonly string[];
  readonly outputs?: readonly string[];
  readonly filters?: readonly string[];
}

function capture({
  roots = ['vfs_read'],
  below = [],
  both = [],
  outputs = [],
  filters = [],
  ...rest
}: Asked) {
  return captureAll(
    [
      ...roots.map((name) => chosen(name, 'root')),
      ...below.map((name) => chosen(name, 'below')),
      ...both.map((name) => ({ ...chosen(name, 'root'), isBelow: true })),
    ],
    {
      ...{ args: 'compact', errnos: null, stack: false, argSlots: 12 },
      ...rest,
      outputs: outputs.map((text) => parseExpression(text)),
      filters: filters.map((text) => parseExpression(text)),
    },
    { btfOf: () => btf },
  );
}

function complaint(run: () => unknown): string {
  try {
    run();
    return '';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return `\n${[error.message, ...error.suggestions].join('\n')}\n`;
  }
}

/** `entry: arg 1, endString 64` */
function draw({ argSlots, program, entryValues, returnValues }: PlannedFunction): string[] {
  const ops = (list: readonly { op: string; n: number }[]) =>
    list.map(({ op, n }) => (n === 0 ? op : `${op} ${n}`)).join(', ');
  const kinds = (values: PlannedFunction['entryValues']) =>
    values.map(({ of, display }) => `${of.type} ${display}`).join(', ');
  return [
    `${argSlots} slots`,
    ...(program === null
      ? []
      : [
          program.guard === null ? '' : `guard: slot ${program.guard.slot}`,
          ...(['filter', 'entry', 'returnFilter', 'atReturn'] as const).map((range) =>
            program[range].length === 0 ? '' : `${range}: ${ops(program[range])}`,
          ),
        ]),
    entryValues.length === 0 ? '' : `at entry: ${kinds(entryValues)}`,
    returnValues.length === 0 ? '' : `at return: ${kinds(returnValues)}`,
  ].filter((line) => line !== '');
}

const drawOne = (asked: Asked) => capture(asked).functions.flatMap(draw);

describe('arguments', () => {
  test('are slots, and strings that are read when they mean something', () => {
    expect(drawOne({})).toEqual([
      '4 slots',
      'atReturn: arg 1, endString 64',
      'at return: argument string',
    ]);
  });

  test('of none are shown where nobody wants them', () => {
    expect(drawOne({ args: 'off' })).toEqual(['0 slots']);
  });

  test('end where they are on the stack, and the method reads registers', () => {
    expect(drawOne({ argSlots: 2 })).toEqual([
      '2 slots',
      'atReturn: arg 1, endString 64',
      'at return: argument string',
    ]);
    expect(drawOne({ argSlots: 1 })).toEqual(['1 slots']);
    // of a struct that does not fit as a whole no part is in a register
    expect(drawOne({ roots: ['takes_pair'], argSlots: 1 })).toEqual(['0 slots']);
  });

  test('on the stack are no part of an expression', () => {
    expect(complaint(() => capture({ argSlots: 2, filters: ['count == 1'] })))
      .toMatchInlineSnapshot(`
      "
      --filter-arg: vfs_read gets count on the stack, where the method to attach cannot read it.
          count == 1
          ^~~~~
      One that can is: --method fentry+fexit
      "
    `);
    expect(drawOne({ argSlots: 3, filters: ['count == 1'] })).toContain('guard: slot 2');
  });
});

test('a struct in registers is as many items as it has words', () => {
  const { functions } = capture({ roots: ['takes_pair'], outputs: ['pair', 'tuple'] });
  const [values = []] = functions.map(({ entryValues }) => entryValues);
  expect(values.map(({ typeName, items }) => `${typeName}: ${items}`)).toEqual([
    'struct pair: 2',
    'struct tuple *: 1',
  ]);
});

describe('filters', () => {
  test('that compare an argument are a guard, others run', () => {
    const [, guard, filter] = drawOne({
      filters: ['count == 4096 && file->f_inode->i_size > 100'],
    });
    expect(guard).toBe('guard: slot 2');
    expect(filter).toMatch(/^filter: push, arg, load 8, load 8, ltS, filter$/);
  });

  test('can be several: one guard, the others spelt out', () => {
    expect(drawOne({ args: 'off', filters: ['count > 1', 'count < 9'] })).toEqual([
      '0 slots',
      'guard: slot 2',
      'filter: arg 2, addImm, extractU 4096, push, leU, filter',
    ]);
  });

  test('by what was returned decide at the return', () => {
    expect(drawOne({ args: 'off', errnos: 'any' })).toEqual([
      '0 slots',
      'returnFilter: retval, addImm, push, ltU, filter',
    ]);
    expect(drawOne({ args: 'off', errnos: [2, 13] })).toEqual([
      '0 slots',
      'returnFilter: retval, push, eq, retval, push, eq, or, filter',
    ]);
  });

  test('are for roots only', () => {
    const { functions } = capture({
      args: 'off',
      filters: ['count > 1'],
      below: ['takes_pair'],
    });
    expect(functions.filter(({ root }) => !root).every(({ program }) => program === null)).toBe(
      true,
    );
  });
});

describe('of several roots', () => {
  const rolesOf = ({ functions, refused }: ReturnType<typeof capture>) => ({
    functions: functions.map(({ name, root }) => `${root ? '*' : ' '} ${name}`),
    refused: refused.map(({ function: name, reason }) => `${name}: ${reason}`),
  });

  test('each shows what it has of what is to be shown', () => {
    const { functions, refused } = capture({
      roots: ['vfs_read', 'takes_pair'],
      outputs: ['count', 'pair'],
    });
    expect(functions.map(({ name, outputs }) => [name, outputs.map((one) => one?.when)])).toEqual([
      ['vfs_read', ['entry', undefined]],
      ['takes_pair', [undefined, 'entry']],
    ]);
    expect(refused).toEqual([]);
    const lacking = { roots: ['vfs_read', 'takes_pair'], outputs: ['count', 'nothing'] };
    expect(complaint(() => capture(lacking))).toContain(
      '--output-arg: vfs_read has no parameter nothing.',
    );
  });

  test('one that a filter can not be asked of is left out, but where it is below others', () => {
    const filters = ['count > 1'];
    expect(rolesOf(capture({ roots: ['vfs_read', 'takes_pair'], filters }))).toEqual({
      functions: ['* vfs_read'],
      refused: ['takes_pair: --filter-arg: takes_pair has no parameter count'],
    });
    expect(rolesOf(capture({ both: ['takes_pair'], filters }))).toEqual({
      functions: ['* vfs_read', '  takes_pair'],
      refused: ['takes_pair: but below others; --filter-arg: takes_pair has no parameter count'],
    });
    expect(complaint(() => capture({ roots: [], both: ['takes_pair'], filters }))).toContain(
      '--filter-arg: takes_pair has no parameter count.',
    );
  });
});

describe('an expression that means nothing', () => {
  test('for any function is shown with its place', () => {
    expect(complaint(() => capture({ outputs: ['file->f_innode'] }))).toMatchInlineSnapshot(`
      "
      --output-arg: struct file has no member f_innode. Did you mean: f_inode?
          file->f_innode
                ^~~~~~~~
      See it with: fsnoop types 'struct file'
      "
    `);
    expect(complaint(() => capture({ filters: ['conut == 1'] }))).toMatchInlineSnapshot(`
      "
      --filter-arg: vfs_read has no parameter conut. Did you mean: count?
          conut == 1
          ^~~~~
      Its parameters: file, buf, count, pos
      Also: $retval, pid, tid, cpu, comm, and the constants of enums; in hist() and tdigest() $duration
      "
    `);
  });

  test('and one that is no C', () => {
    expect(complaint(() => parseExpressions('--filter-arg', ['count ==']))).toMatchInlineSnapshot(`
        "
        --filter-arg: Expected a value, but the expression ends.
            count ==
                    ^
        "
      `);
    expect(complaint(() => parseExpressions('--filter-arg', ['hist(count)'])))
      .toMatchInlineSnapshot(`
        "
        --filter-arg 'hist(count)' counts values, and filters none.
        Count them: --output-arg 'hist(count)'
        "
      `);
    expect(complaint(() => capture({ outputs: ['$duration'] }))).toMatchInlineSnapshot(`
      "
      --output-arg: The duration is shown of every call.
          $duration
          ^~~~~~~~~
      Count it: hist($duration), tdigest($duration)
      "
    `);
  });
});

test('more than the kernel side has room for is told by its limit', () => {
  const many = Array.from({ length: 40 }, (_, at) => `file->f_inode->i_size + ${at}`);
  expect(complaint(() => capture({ outputs: many }))).toMatch(
    /All values of one call can have 3072 bytes and 128 operations/,
  );
  const counts = (count: number) => Array.from({ length: count }, () => 'count');
  expect(drawOne({ args: 'off', outputs: counts(64) })).toHaveLength(3);
  expect(complaint(() => capture({ args: 'off', outputs: counts(65) }))).toMatch(
    /have 3072 bytes and 128 operations; with this one they have more\.\n +count\n/,
  );
});

test('so are many filters, each of which there is room for', () => {
  const filters = Array.from({ length: 27 }, (_, at) => `*pos != ${at}`);
  expect(drawOne({ args: 'off', filters: filters.slice(0, 25) })).toHaveLength(2);
  expect(complaint(() => capture({ args: 'off', filters }))).toMatchInlineSnapshot(`
    "
    --filter-arg: All filters of one call can have 128 operations; with this one they have more.
        *pos != 26
        ^~~~~~~~~~
    "
  `);
  const errnos = Array.from({ length: 40 }, (_, at) => at + 1);
  expect(complaint(() => capture({ errnos }))).toMatchInlineSnapshot(`
    "
    All filters of one call can have 128 operations; with those for the errors they have more.
    Name fewer, or take all: --errors
    "
  `);
});

test('errors are named or numbered', () => {
  expect(chooseErrnos(true, [])).toBe('any');
  expect(chooseErrnos(false, [])).toBeNull();
  expect(chooseErrnos(false, ['ENOENT,-EACCES', '11', 'eagain'])).toEqual([2, 13, 11, 11]);
  for (const wrong of ['ENOTHING', '0', '4096', ''])
    expect(complaint(() => chooseErrnos(false, [wrong]))).toMatch(/is no error/);
});

test('functions with equal programs share one, which their cookies name', () => {
  const { functions } = capture({ filters: ['count > 1'], outputs: ['file->f_inode->i_size'] });
  const [one] = functions as [PlannedFunction];
  const bare: PlannedFunction = { ...one, program: null, root: false };
  const { cookies, programs, ops } = encodePrograms([bare, one, { ...one, root: false }]);
  expect(programs).toHaveLength(programBytes);
  expect(ops.length).toBeGreaterThan(0);
  const has = (cookie: bigint | undefined, bit: number) => ((cookie ?? 0n) >> BigInt(bit)) & 1n;
  const [none, root, below] = cookies;
  expect(none).toBe(4n << BigInt(cookieBits.args));
  expect([has(root, cookieBits.root), has(root, cookieBits.guard)]).toEqual([1n, 1n]);
  expect([has(below, cookieBits.root), has(below, cookieBits.guard)]).toEqual([0n, 0n]);
  expect(has(below, cookieBits.entry)).toBe(1n);
  expect((root ?? 0n) & 0xffffn).toBe(1n);
});
