/** Patterns of BPF programs, and their types behind those of vmlinux. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import { Failure } from '../src/failure.js';
import { findPrograms, parsePrograms } from '../src/plan/programs.js';
import { Btf } from '../src/symbols/btf.js';
import { spellPrototype } from '../src/symbols/c-type.js';
import type { KernelFunction } from '../src/symbols/function.js';
import type { Programs } from '../src/symbols/programs.js';
import { rebaseBtf } from '../src/symbols/rebase-btf.js';

const fixture = (name: string) =>
  readFileSync(new URL(`fixtures/symbols/${name}`, import.meta.url));

describe('a pattern', () => {
  test.each([
    ['12', { by: 'id', value: '12', function: null }],
    ['id:12', { by: 'id', value: '12', function: null }],
    ['i:12:parse', { by: 'id', value: '12', function: 'parse' }],
    ['n:xdp_*', { by: 'name', value: 'xdp_*', function: null }],
    ['tag:0123456789abcdef:*', { by: 'tag', value: '0123456789abcdef', function: '*' }],
    ['pinned:/sys/fs/bpf/x:parse', { by: 'pinned', value: '/sys/fs/bpf/x', function: 'parse' }],
    ['pid:4321', { by: 'pid', value: '4321', function: null }],
    ['*', { by: 'any', value: '', function: null }],
    ['*:*', { by: 'any', value: '', function: '*' }],
  ])('%s', (text, parsed) => {
    expect(parsePrograms([text])).toEqual([{ text, ...parsed }]);
  });

  test('may be several, by commas', () => {
    expect(parsePrograms(['1,n:x', '*']).map(({ by }) => by)).toEqual(['id', 'name', 'any']);
  });

  test.each(['', 'x', 'name:', 'id:x', 'tag:12', 'size:3', 'id:1:', 'id:1:a:b', 'pid:-1'])(
    '%j is none',
    (text) => {
      expect(() => parsePrograms([text])).toThrow(`-p '${text}' names no BPF program.`);
    },
  );
});

describe('programs', () => {
  const functionsOf = (id: number, ...names: string[]): KernelFunction[] =>
    names.map((name) => ({
      ...{ name, module: `bpf:${id}`, btfId: 1, returns: { kind: 'void' }, reason: null },
    }));
  const programs: Programs = {
    all: [
      { id: 3, tag: 'a'.repeat(16), name: 'pass', functions: functionsOf(3, 'pass', 'parse') },
      { id: 7, tag: 'b'.repeat(16), name: 'drop', functions: functionsOf(7, 'drop') },
    ],
    pinned: (path) => (path === '/sys/fs/bpf/drop' ? 7 : null),
    ofProcess: (pid) => (pid === 42 ? [3, 9] : []),
  };
  const find = (...texts: string[]) =>
    findPrograms(parsePrograms(texts), programs).map(
      ({ name, module }) => `${name} ${module ?? ''}`,
    );

  test.each([
    [['3'], ['pass bpf:3']],
    [['name:d*'], ['drop bpf:7']],
    [['tag:aaaaaaaaaaaaaaaa:*'], ['pass bpf:3', 'parse bpf:3']],
    [['pinned:/sys/fs/bpf/drop'], ['drop bpf:7']],
    [['pid:42'], ['pass bpf:3']],
    [['*:p*'], ['pass bpf:3', 'parse bpf:3']],
    [
      ['7', '*'],
      ['drop bpf:7', 'pass bpf:3'],
    ],
  ])('%j are %j', (texts, found) => {
    expect(find(...texts)).toEqual(found);
  });

  test.each([
    ['name:pas', "-p 'name:pas' matches none of the 2 BPF programs that are loaded.", 'pass'],
    ['4', "-p '4' matches none of the 2 BPF programs that are loaded.", 'bpftool prog'],
    ['pinned:/nowhere', "-p 'pinned:/nowhere' matches none", 'bpftool prog'],
    ['3:nothing', "-p '3:nothing': there is no function nothing in it.", 'pass, parse'],
  ])('none are %s', (text, said, advice) => {
    const run = () => find(text);
    expect(run).toThrow(Failure);
    expect(run).toThrow(said);
    try {
      run();
    } catch (error) {
      expect((error as Failure).suggestions.join('\n')).toContain(advice);
    }
  });
});

describe("a program's types", () => {
  const base = new Btf(fixture('types.btf'), loadNative());

  test('stand behind those of vmlinux, and mean the same', () => {
    const alone = new Btf(fixture('definitions.btf'), loadNative());
    const rebased = new Btf(
      rebaseBtf(fixture('definitions.btf'), base, () => null),
      loadNative(),
      base,
    );
    expect(rebased.count).toBe(base.count + alone.count - 1);
    for (let id = 1; id < alone.count; id++) {
      const moved = base.count - 1 + id;
      expect(rebased.kind(moved)).toBe(alone.kind(id));
      expect(rebased.name(moved)).toBe(alone.name(id));
      expect(rebased.size(moved)).toBe(alone.size(id));
      if (alone.kind(id) === 'struct')
        expect(rebased.members(moved)).toEqual(
          alone
            .members(id)
            .map((member) => ({ ...member, type: member.type && member.type + base.count - 1 })),
        );
    }
  });

  test('are those of vmlinux where it has another of that name', () => {
    const own = fixture('types.btf');
    const [big = 0] = base.find('struct', 'big');
    const replaced = (name: string) => (name === 'pair' ? big : null);
    const rebased = new Btf(rebaseBtf(own, base, replaced), loadNative(), base);
    const [returns = { id: 0 }] = rebased.findFunctions('returns_pair');
    expect(spellPrototype(base, returns.id - base.count + 1, 'returns_pair')).toContain(
      'struct pair',
    );
    expect(spellPrototype(rebased, returns.id, 'returns_pair')).toContain('struct big');
  });
});
