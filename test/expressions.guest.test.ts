/** Expressions on a real kernel: as the same operations have it in TypeScript, and up to the limits. */
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import type { Scope } from '../src/expr/check.js';
import { ExpressionError } from '../src/expr/error.js';
import { evaluate, type Machine } from '../src/expr/evaluate.js';
import { compileValue } from '../src/expr/expression.js';
import { limits } from '../src/expr/ops.js';
import { parseExpression } from '../src/expr/parse.js';
import { formatWordJson } from '../src/render/values/value.js';
import { Btf } from '../src/symbols/btf.js';
import { describeParameters } from '../src/symbols/parameters.js';
import { buildProgram, type BuiltProgram } from './calls.js';
import { scopeOf } from './expr-scope.js';
import { guestSession, type GuestSession } from './guest.js';

const types = ['u8', 's8', 'u16', 's16', 'u32', 's32', 'u64', 's64'];

/** Of bytes that are captured too, and of some that can't be read. */
const memory = fc
  .tuple(fc.constantFrom(...types), fc.constantFrom('file', 'file->f_inode'), fc.nat(100))
  .map(([type, base, at]) => `*(${type} *)((u64)${base} + ${at})`);

const atom = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('count', '*pos', 'file->f_mode', '(s32)pos', '*buf') },
  {
    weight: 3,
    arbitrary: fc.constantFrom('file->f_inode->i_size', 'file->f_inode->i_mode', '(u64)file'),
  },
  { weight: 3, arbitrary: memory },
  { weight: 3, arbitrary: fc.integer({ min: -70, max: 5000 }).map((value) => `(${value})`) },
  {
    weight: 1,
    arbitrary: fc.bigInt(0n, 2n ** 64n - 1n).map((value) => `0x${value.toString(16)}u`),
  },
  { weight: 1, arbitrary: fc.constantFrom('*(int *)8', 'pid', 'tid') },
);

const binary = '+ - * / % & | ^ << >> == != < > <= >= && ||'.split(' ');

const { text } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { maxDepth: 3, withCrossShrink: false },
    atom,
    fc
      .tuple(tie('text'), fc.constantFrom(...binary), tie('text'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    fc
      .tuple(tie('text'), fc.constantFrom(...binary), tie('text'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    fc.tuple(fc.constantFrom('-', '~', '!'), tie('text')).map(([sign, of]) => `${sign} ${of}`),
    fc.tuple(fc.constantFrom(...types), tie('text')).map(([type, of]) => `(${type})${of}`),
    fc
      .tuple(tie('text'), tie('text'), tie('text'))
      .map(([condition, yes, no]) => `(${condition} ? ${yes} : ${no})`),
  ),
}));

/** The memory that all of them read, but for what can't be read. */
const captured = { 'buf(file, 120)': 'file', 'buf(file->f_inode, 120)': 'inode' } as const;
const capturedPos = 'buf(pos, 8)';
const opsOfCaptured = 12;

/** 0 for what is refused, as a division by a constant zero is. */
function opsOf(expression: string): number {
  try {
    return compileValue(parseExpression(expression), scopeOf('vfs_read')).ops.length;
  } catch (error) {
    if (error instanceof ExpressionError) return 0;
    throw error;
  }
}

/** About a hundred that take some operations each, in as few runs as there is room for. */
function makeRuns(): string[][] {
  const runs: string[][] = [[]];
  let ops = opsOfCaptured;
  for (const expression of fc.sample(text, { seed: 20260, numRuns: 1000 })) {
    if (runs.flat().length === 100) break;
    const more = opsOf(expression);
    if (more < 4 || more > 15 || runs.flat().includes(expression)) continue;
    if (ops + more > limits.ops) {
      runs.push([]);
      ops = opsOfCaptured;
    }
    ops += more;
    runs.at(-1)?.push(expression);
  }
  return runs;
}

const runs = makeRuns();
const outputs = (expressions: readonly string[]) =>
  expressions.map((expression) => `--output-arg '${expression}'`).join(' ');
const reads = "-c 'values reads'";

/** Operations: 2 each. */
const most = Array.from({ length: limits.ops / 2 }, () => 'count');
/** Bytes: 1024 each, and 8 of each item's head; and what is left. */
const bytesLeft = limits.recordBytes - 2 * (limits.valueBytes + 8) - 8;
const largest = [`buf(file, 16)`, `buf(buf, 1024)`, `buf(buf + 1024, 1024)`];

/** Flags, and what the message says; lines are joined. */
const wrong = {
  'no end': ["--filter-arg 'count =='", /--filter-arg: .* count == \^/],
  'no such parameter': ["--output-arg 'cuont'", /vfs_read has no .*cuont \^~+.*count/],
  'no such member': ["--output-arg 'file->f_nope'", /file->f_nope .*\^~+/],
  'no pointer': ["--output-arg '*count'", /\*count \^?~*\^/],
  'a filter that counts': ["--filter-arg 'hist(count)'", /counts values.*--output-arg 'hist/],
  'one value too large': ["--output-arg 'buf(buf, 1025)'", /buf\(buf, 1025\).*\^~+/],
  'one operation too many': [
    `--args off ${outputs([...most, 'count'])}`,
    /128 operations; with this one they have more.* count \^~{4}/,
  ],
  'one filter too many': [
    Array.from({ length: 27 }, (_, at) => `--filter-arg '*pos != ${at}'`).join(' '),
    /128 operations; with this one they have more.* \*pos != 26 \^~{9}/,
  ],
  'division by zero': ["--output-arg 'count / (2 - 2)'", /divides by zero.*\(2 - 2\) \^~{6}/],
  'a function called': ["--filter-arg 'file->f_op->read(file)'", /no function of the kernel.* \^/],
  'too deep a path': [
    `--output-arg 'file->f_path.dentry${'->d_parent'.repeat(128)}->d_inode'`,
    /This takes 132 operations, and there is room for 128/,
  ],
  'a type that is none': [
    "--output-arg '(struct fil *)buf'",
    /BTF has no struct fil\..*struct file/,
  ],
  'one byte too many': [
    `--args off ${outputs([...largest.slice(1), `buf(buf, ${bytesLeft + 1})`])}`,
    /3072 bytes.* buf\(buf, \d+\) \^~+/,
  ],
} as const satisfies Record<string, readonly [string, RegExp]>;

const steps = {
  types: 'gzip -c /sys/kernel/btf/vmlinux',
  'as many operations as there may be': `fsnoop -k vfs_read --args off ${outputs(most)} --format json ${reads}`,
  'as many bytes as there may be': `fsnoop -k vfs_read --args off ${outputs([...largest.slice(1), `buf(buf, ${bytesLeft & ~7})`])} --format json ${reads}`,
  ...Object.fromEntries(
    Object.entries(wrong).map(([name, [flags]]) => [
      name,
      `fsnoop -k vfs_read ${flags} ${reads} --ready-file /tmp/ready`,
    ]),
  ),
  'nothing was attached': 'ls /tmp/ready; bpftool link; bpftool prog',
  ...Object.fromEntries(
    runs.map((expressions, at) => [
      `run ${at}`,
      `fsnoop -k vfs_read ${outputs([...Object.keys(captured), capturedPos, ...expressions])} --format json ${reads}`,
    ]),
  ),
};

interface Output {
  readonly expression: string;
  readonly value: unknown;
  readonly fault?: boolean;
}

interface ValuedCall {
  readonly type: string;
  readonly pid: number;
  readonly tid: number;
  readonly cpu: number;
  readonly args: readonly { readonly name: string; readonly value: unknown }[];
  readonly outputs: readonly Output[];
}

let values: BuiltProgram;
let run: GuestSession<string>;

beforeAll(async () => {
  values = await buildProgram('values');
  run = await guestSession({
    files: [{ path: values.path }, { path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    steps,
  });
}, 1_000_000);

afterAll(() => values[Symbol.asyncDispose]());

function callsOf(name: string): ValuedCall[] {
  const { stdout = '', stderr = '', status } = run.steps[name] ?? {};
  expect(status, stderr).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  const calls = lines.map((line) => JSON.parse(line) as ValuedCall);
  return calls.filter(({ type }) => type === 'call');
}

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

describe('random expressions', () => {
  test('are a hundred, of many kinds', () => {
    const all = runs.flat();
    expect(new Set(all).size).toBe(100);
    for (const operator of binary) expect(all.join()).toContain(` ${operator} `);
  });

  test.each(runs.map((expressions, at) => [at, expressions] as const))(
    'are in the kernel what they are here: run %d',
    (at, expressions) => {
      const scope = scopeIn(run.steps['types']?.stdoutBytes ?? Buffer.alloc(0));
      const calls = callsOf(`run ${at}`);
      expect(calls.length).toBe(15);
      const inKernel: unknown[] = [];
      const here: unknown[] = [];
      for (const call of calls) {
        const machine = machineOf(call);
        for (const expression of expressions) {
          const { value, fault } = call.outputs.find((one) => one.expression === expression) ?? {};
          inKernel.push([expression, fault === true ? 'fault' : value]);
          here.push([expression, valueHere(expression, scope, machine)]);
        }
      }
      expect(inKernel).toEqual(here);
      expect(here.length).toBe(15 * expressions.length);
    },
  );

  test('have other values in other calls, many of them', () => {
    const differing = runs.map((expressions, at) => {
      const calls = callsOf(`run ${at}`);
      const seen = (expression: string) =>
        calls.map(({ outputs: all }) => all.find((one) => one.expression === expression)?.value);
      return expressions.filter((expression) => new Set(seen(expression)).size > 1).length;
    });
    expect(differing.filter((count) => count > 0).length).toBeGreaterThan(runs.length / 2);
  });
});

function scopeIn(packed: Buffer): Scope {
  const btf = new Btf(gunzipSync(packed), loadNative());
  const [id = 0] = btf.find('func', 'vfs_read');
  return {
    btf,
    functionName: 'vfs_read',
    parameters: describeParameters(btf, id).map(({ name, typeId, slot }) => ({
      name,
      type: typeId,
      slot,
    })),
    returns: btf.prototype(id).returns,
  };
}

function valueHere(expression: string, scope: Scope, machine: Machine): unknown {
  const { ops, type } = compileValue(parseExpression(expression), scope);
  const [item] = evaluate(ops, machine).items;
  if (typeof item !== 'bigint') return 'fault';
  const low = Number(item & 0xffffffffn);
  return JSON.parse(formatWordJson(type, low, Number(item >> 32n)));
}

/** What the call's own record tells of its arguments and of memory. */
function machineOf({ args, outputs: shown, pid, tid, cpu }: ValuedCall): Machine {
  const words = args.map((one) =>
    BigInt((one as { readonly address?: string }).address ?? (one.value as number | string)),
  );
  const [file = 0n, buf = 0n, , pos = 0n] = words;
  const bytesOf = (expression: string) =>
    Uint8Array.from(shown.find((one) => one.expression === expression)?.value as number[]);
  const fileBytes = bytesOf('buf(file, 120)');
  const inode = new DataView(fileBytes.buffer).getBigUint64(inodeAt(), true);
  const regions = [
    { from: file, bytes: fileBytes },
    { from: inode, bytes: bytesOf('buf(file->f_inode, 120)') },
    { from: pos, bytes: bytesOf(capturedPos) },
    { from: buf, bytes: new Uint8Array(8) }, // the program clears it before each read
  ];
  const read = (address: bigint, bytes: number) => {
    for (const region of regions) {
      const at = address - region.from;
      if (at >= 0n && at + BigInt(bytes) <= BigInt(region.bytes.length))
        return region.bytes.slice(Number(at), Number(at) + bytes);
    }
    return null;
  };
  return {
    arg: (slot) => words[slot] ?? 0n,
    retval: 0n,
    task: { pid: BigInt(pid), tid: BigInt(tid), cpu: BigInt(cpu), commLow: 0n, commHigh: 0n },
    read,
    readString: () => null,
  };
}

/** Where a struct file has its inode, which the memory of the other expressions starts from. */
function inodeAt(): number {
  const scope = scopeIn(run.steps['types']?.stdoutBytes ?? Buffer.alloc(0));
  const { ops } = compileValue(parseExpression('file->f_inode'), scope);
  return Number(ops.find(({ op }) => op === 'load')?.imm ?? 0n);
}

describe('limits', () => {
  test('as many operations as there may be are run', () => {
    const calls = callsOf('as many operations as there may be');
    expect(calls.length).toBe(15);
    for (const { outputs: shown } of calls) {
      expect(shown.length).toBe(most.length);
      expect(new Set(shown.map(({ value }) => value)).size).toBe(1);
    }
    expect(new Set(calls.map(({ outputs: [first] }) => first?.value)).size).toBeGreaterThan(3);
  });

  test('as many bytes as there may be are read', () => {
    const calls = callsOf('as many bytes as there may be');
    expect(calls.length).toBe(15);
    for (const { outputs: shown } of calls)
      expect(shown.map(({ value }) => (value as number[]).length)).toEqual([
        ...[1024, 1024, bytesLeft & ~7],
      ]);
  });
});

describe('what makes no sense', () => {
  test.each(Object.entries(wrong))('%s', (name, [, message]) => {
    const { status, stdout, stderr = '' } = run.steps[name] ?? {};
    expect(stderr.replace(/\s+/g, ' ')).toMatch(message);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/^ +at |This is a bug/m);
  });

  test('attaches nothing', () => {
    expect(run.steps['nothing was attached']?.stdout).toBe('');
  });
});
