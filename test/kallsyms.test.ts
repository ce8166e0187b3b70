/** The kernel's tables of symbols, printed as /proc/kallsyms prints them. */
import { expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import {
  findKallsyms,
  makeSearch,
  readKallsyms,
  type KallsymsTables,
} from '../src/symbols/kallsyms-tables.js';

/** As scripts/kallsyms.c lays them out: a token stands for more than one letter where it can. */
function makeTables(
  symbols: readonly string[],
  offsets: readonly number[],
  base: bigint,
  isSelf = false,
): KallsymsTables {
  const letters = 'ABCTatdcefghijklmnopqrsuvwxyz_0123456789'.split(/(?=.)/);
  const tokens = [...letters, 'read', '_vfs', 'Tvfs_'];
  const tokenAt = new Uint16Array(256);
  let text = '';
  for (const [place, token] of tokens.entries()) {
    tokenAt[place] = text.length;
    text += `${token}\0`;
  }
  const encode = (symbol: string): number[] => {
    const codes: number[] = [];
    for (let at = 0; at < symbol.length;) {
      const best = tokens
        .filter((token) => symbol.startsWith(token, at))
        .reduce((a, b) => (b.length > a.length ? b : a));
      codes.push(tokens.indexOf(best));
      at += best.length;
    }
    const { length } = codes;
    return length < 0x80 ? [length, ...codes] : [0x80 | (length & 0x7f), length >> 7, ...codes];
  };
  return {
    names: Uint8Array.from(symbols.flatMap(encode)),
    tokens: Buffer.from(text, 'latin1'),
    tokenAt,
    offsets: Int32Array.from(offsets),
    base,
    isSelf,
  };
}

const print = (tables: KallsymsTables) => loadNative().printKallsyms(tables).toString('latin1');
const base = 0xffffffff81000000n;
const long = 'x'.repeat(300);

test('offsets are from one address', () => {
  expect(print(makeTables(['Ttext', 'Tvfs_read', `d${long}`], [0, 16, 0x7f000000], base))).toBe(
    `ffffffff81000000 T text\nffffffff81000010 T vfs_read\n0000000000000000 d ${long}\n`,
  );
});

test('until 6.14 those of each CPU are from zero, and others are counted down', () => {
  expect(print(makeTables(['Acpu', 'Aread', 'Ttext'], [0, 0x1000, -1], base))).toBe(
    '0000000000000000 A cpu\n0000000000001000 A read\nffffffff81000000 T text\n',
  );
});

test('from 7.2 on each is from its own place', () => {
  expect(print(makeTables(['Ttext', 'tread', 't_vfs'], [-0x1000, 0, 8], base, true))).toBe(
    'ffffffff80fff000 T text\nffffffff81000004 t read\nffffffff81000010 t _vfs\n',
  );
});

test('names that are cut short end the text', () => {
  const tables = makeTables(['Ttext', 'Tvfs_read', 'tread'], [0, 16, 32], base);
  const lines = print(tables).split('\n').slice(0, -1);
  for (let bytes = 0; bytes < tables.names.length; bytes++) {
    const cut = print({ ...tables, names: tables.names.slice(0, bytes) })
      .split('\n')
      .slice(0, -1);
    expect(lines.slice(0, cut.length)).toEqual(cut);
    expect(cut.length).toBeLessThan(lines.length);
  }
  const noTokens = print({ ...tables, tokens: new Uint8Array() });
  expect(noTokens).toBe('ffffffff81000000  \nffffffff81000010  \nffffffff81000020  \n');
});

test('names are found without the text', () => {
  const names = ['Ttext', 'Tvfs_read', 'tread', 'dread', `d${long}`];
  const tables = makeTables(names, [0, 16, 16, 32, 0x7f000000], base);
  const find = (early: string[], ...asked: string[]) =>
    makeSearch(tables, loadNative(), early)(asked);
  const read = [
    { name: 'read', type: 't', address: base + 16n, isFirst: false },
    { name: 'read', type: 'd', address: base + 32n, isFirst: true },
  ];
  expect(find([], 'read')).toEqual(read);
  expect(find(['read'], 'read')).toEqual(read);
  expect(find(['text'], 'read')).toEqual(read);
  expect(find([], 'rea', 'eread', 'dread', '')).toEqual([]);
  expect(find([], long, 'vfs_read')).toEqual([
    { name: 'vfs_read', type: 'T', address: base + 16n, isFirst: true },
    { name: long, type: 'd', address: 0n, isFirst: true },
  ]);
});

const note = `OSRELEASE=7.2.13
SYMBOL(kallsyms_names)=ffffffff81000100
SYMBOL(kallsyms_num_syms)=ffffffff81000000
SYMBOL(kallsyms_token_table)=ffffffff81000200
SYMBOL(kallsyms_token_index)=ffffffff81000300
SYMBOL(kallsyms_offsets)=ffffffff81000600
`;

test('the kernel says in a note where its tables are', () => {
  const places = findKallsyms(note);
  expect(places).toEqual({
    names: 0xffffffff81000100n,
    count: base,
    tokens: 0xffffffff81000200n,
    tokenAt: 0xffffffff81000300n,
    offsets: 0xffffffff81000600n,
    base: null,
  });
  expect(findKallsyms(`${note}SYMBOL(kallsyms_relative_base)=1\n`)?.base).toBe(1n);
  for (const line of note.trim().split('\n').slice(1))
    expect(findKallsyms(note.replace(line, ''))).toBeNull();
});

test('they are read from there', () => {
  const tables = makeTables(['Ttext', 'Tvfs_read'], [0, 16], base);
  const memory = Buffer.alloc(0x700);
  memory.writeUInt32LE(2, 0);
  memory.set(tables.names, 0x100);
  memory.set(tables.tokens, 0x200);
  memory.set(new Uint8Array(tables.tokenAt.buffer), 0x300);
  memory.set(new Uint8Array(tables.offsets.buffer), 0x600);
  memory.writeBigUInt64LE(base, 0x680);
  const read = (address: bigint, bytes: number) =>
    memory.subarray(Number(address - base), Number(address - base) + bytes);
  const places = findKallsyms(note);
  if (places === null) throw new Error('no places');
  expect(print(readKallsyms({ ...places, base: base + 0x680n }, read))).toBe(print(tables));
  expect(readKallsyms(places, read)).toMatchObject({ base: places.offsets, isSelf: true });
});
