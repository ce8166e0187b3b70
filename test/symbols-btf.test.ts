import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import { Failure } from '../src/failure.js';
import { Btf } from '../src/symbols/btf.js';
import { describeDefinition } from '../src/symbols/definition.js';
import { anyName } from '../src/symbols/glob.js';
import { makeSymbols } from '../src/symbols/functions.js';

const blob = readFileSync(new URL('fixtures/symbols/types.btf', import.meta.url));
const btf = new Btf(blob, loadNative());

const only = (kind: Parameters<Btf['find']>[0], name = '') => {
  const [id, ...more] = btf.find(kind, name);
  if (id === undefined || more.length > 0) throw new Error(`not exactly one ${kind} ${name}`);
  return id;
};

describe('BTF', () => {
  it('has every kind, in the order of make-btf.c', () => {
    const kinds = Array.from({ length: btf.count - 1 }, (_, place) => btf.kind(place + 1));
    expect(kinds.slice(0, 25).join(' ')).toBe(
      'int int int int int float ptr array enum enum enum64 fwd struct struct struct union ' +
        'volatile const typedef restrict type_tag decl_tag var datasec array',
    );
    expect(new Set(kinds.slice(25))).toEqual(new Set(['func_proto', 'func']));
    expect(btf.name(btf.count - 1)).toBe('rcu_barrier');
  });

  it('finds functions by name: once, twice, never', () => {
    expect(btf.find('func', 'read_it')).toHaveLength(1);
    expect(btf.find('func', 'twice_in_btf')).toHaveLength(2);
    expect(btf.find('func', 'read')).toHaveLength(0);
    expect(btf.functionsNamed(['twice_in_btf', 'is', 'is_it', 'is_it_not', ''])).toEqual(
      btf.findFunctions('is_it|twice_in_btf'),
    );
    expect(btf.findFunctions('is_it|twice_in_b[a-z]*').map(({ name }) => name)).toEqual([
      'is_it',
      'twice_in_btf',
      'twice_in_btf',
    ]);
  });

  it('has prototypes', () => {
    const { returns, parameters, variadic } = btf.prototype(only('func', 'read_it'));
    expect(btf.name(returns)).toBe('number_t');
    expect(btf.name(btf.resolve(returns))).toBe('int');
    expect(parameters.map(({ name, type }) => `${name} ${btf.kind(type)}`)).toEqual([
      'arg restrict',
      'arg int',
      'arg enum',
      'arg union',
      'arg struct',
    ]);
    expect(variadic).toBe(false);
    expect(btf.prototype(only('func', 'print_it'))).toMatchObject({
      parameters: [{ name: 'arg', type: only('ptr') }],
      variadic: true,
    });
  });

  it('knows how large a value is', () => {
    const sizes = ['pair', 'big', 'empty'].map((name) => btf.size(only('struct', name)));
    expect(sizes).toEqual([16, 24, 0]);
    expect(btf.size(only('union', 'either'))).toBe(8);
    expect(btf.size(only('typedef', 'number_t'))).toBe(4);
    expect(btf.size(only('ptr'))).toBe(8);
    expect(btf.size(only('enum64', 'wide'))).toBe(8);
    expect(btf.find('array', '').map((id) => btf.size(id))).toEqual([5, 15]);
    expect(btf.size(0)).toBe(0);
    expect(btf.size(only('fwd', 'hidden'))).toBe(0);
  });

  it('knows the values of enumerators', () => {
    expect(btf.enumerator('BLUE')).toBe(61n);
    expect(btf.enumerator('MINUS_ONE')).toBe(-1n);
    expect(btf.enumerator('WIDE')).toBe(0x100000001n);
    expect(btf.enumerator('GREEN')).toBeUndefined();
  });

  it('finds names in order as it finds others', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '_', 'é'), maxLength: 3 });
    const names = fc.array(name, { maxLength: 20 });
    const asked = fc.uniqueArray(
      name.filter((one) => one !== ''),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(names, names, asked, fc.boolean(), (some, sorted, wanted, all) => {
        // as the kernel has them since 7.0, or only some behind others
        const listed = [...(all ? [] : some), ...sorted.toSorted(byBytes)];
        const found = declare(listed).functionsNamed(wanted);
        const expected = listed.flatMap((one, at) =>
          wanted.includes(one) ? { name: one, id: at + 1 } : [],
        );
        expect(found).toEqual(expected);
      }),
    );
  });

  it('need not lie at a multiple of four bytes', () => {
    const shifted = Buffer.concat([Buffer.alloc(1), blob]).subarray(1);
    expect(new Btf(shifted, loadNative()).findFunctions(anyName)).toEqual(
      btf.findFunctions(anyName),
    );
  });
});

describe('malformed BTF', () => {
  it.each([
    ['is empty', Buffer.alloc(0), '0 bytes are too few'],
    ['is of another kind', Buffer.alloc(64), 'it does not begin with 0xeb9f'],
    ['is cut in its strings', blob.subarray(0, -1), 'its strings are cut short'],
    ['is cut in its types', blob.subarray(0, 100), 'its types are cut short'],
    ['has no end of its strings', patch(blob.length - 1, 65), 'its strings have no end'],
    [
      'has an unknown kind',
      patch(24 + 7, 30),
      'type 1 is of kind 30, which this fsnoop does not know',
    ],
    ['has a type without an end', patch(24 + blob.readUInt32LE(12) - 5, 17), 'is cut short'],
  ])('that %s is told apart', (_, bytes, why) => {
    expect(() => new Btf(bytes, loadNative())).toThrow(Failure);
    expect(() => new Btf(bytes, loadNative())).toThrow(why);
  });

  it('whose typedefs go round in a circle ends', () => {
    const typedef = only('typedef', 'number_t');
    const constant = only('const');
    const at = blob.indexOf(Buffer.from(Uint32Array.of(0x0a << 24, constant - 1).buffer));
    const circle = patch(at + 4, typedef);
    expect(() => new Btf(circle, loadNative()).resolve(typedef)).toThrow(
      `type ${typedef} leads nowhere`,
    );
  });

  it('is either read or refused, whatever its bytes', () => {
    const damage = fc.array(
      fc.tuple(fc.nat({ max: blob.length - 1 }), fc.integer({ min: 0, max: 255 })),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(damage, fc.nat({ max: blob.length }), fc.boolean(), (bytes, length, cut) => {
        const bad = Buffer.from(cut ? blob.subarray(0, length) : blob);
        for (const [at, byte] of bytes) if (at < bad.length) bad[at] = byte;
        try {
          useAll(bad);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

function useAll(bytes: Buffer): void {
  const symbols = makeSymbols(
    {
      btf: bytes,
      kallsyms: Buffer.from('81000000 t read_it\n'),
      available: Buffer.from('read_it\n'),
    },
    loadNative(),
  );
  symbols.match(['*']);
  symbols.nearest('raed_it', 3);
  symbols.btf.enumerator('BLUE');
  for (let id = 0; id < symbols.btf.count; id++) symbols.btf.size(id);
  for (const id of symbols.btf.find('struct', 'pair')) describeDefinition(symbols.btf, id);
  symbols.argumentTest({ name: 'arg', type: { base: 'number_t', stars: 1 } });
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** BTF of functions with these names, of which the prototype is missing. */
function declare(names: readonly string[]): Btf {
  const types = Buffer.alloc(12 * names.length);
  let strings = Buffer.alloc(1);
  for (const [at, name] of names.entries()) {
    types.writeUInt32LE(name === '' ? 0 : strings.length, 12 * at);
    types.writeUInt32LE(12 << 24, 12 * at + 4);
    strings = Buffer.concat([strings, Buffer.from(`${name}\0`)]);
  }
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f);
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(types.length, 12);
  header.writeUInt32LE(types.length, 16);
  header.writeUInt32LE(strings.length, 20);
  return new Btf(Buffer.concat([header, types, strings]), loadNative());
}

function patch(at: number, byte: number): Buffer {
  const bytes = Buffer.from(blob);
  bytes[at] = byte;
  return bytes;
}
