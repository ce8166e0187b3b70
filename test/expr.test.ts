import { describe, expect, it } from 'vitest';
import { ExpressionError, formatExpressionError } from '../src/expr/error.js';
import { encodeOp } from '../src/attach/programs.js';
import { evaluate } from '../src/expr/evaluate.js';
import { compileFilter, compileValue } from '../src/expr/expression.js';
import { opcode } from '../src/expr/ops.js';
import type { Op } from '../src/expr/ops.js';
import { parseExpression } from '../src/expr/parse.js';
import { scopeOf, spellOps } from './expr-scope.js';

const value = (text: string, of = 'vfs_read') => compileValue(parseExpression(text), scopeOf(of));
const filter = (text: string, of = 'vfs_read') => compileFilter(parseExpression(text), scopeOf(of));

const ops = (text: string, of?: string) => spellOps(value(text, of).ops);

/** `char * as string`. */
const shown = (text: string, of?: string) => {
  const { typeName, display } = value(text, of);
  return `${typeName} as ${display}`;
};

const error = (text: string, of?: string, kind: 'value' | 'filter' = 'value') => {
  try {
    if (kind === 'value') value(text, of);
    else filter(text, of);
  } catch (thrown) {
    if (thrown instanceof ExpressionError) return formatExpressionError(thrown).join('\n');
    throw thrown;
  }
  throw new Error(`no error: ${text}`);
};

describe('values', () => {
  it.each([
    ['count', 'arg 2 · endWord'],
    ['file->f_inode->i_size', 'arg 0 · load 8 +16 · load 8 +8 · endWord'],
    ['(*file).f_mode', 'arg 0 · load 4 +52 · endWord'],
    ['*pos', 'arg 3 · load 8 · endWord'],
    ['pos[0]', 'arg 3 · load 8 · endWord'],
    ['pos[2] + 1', 'arg 3 · load 8 +16 · addImm 1 · endWord'],
    ['pos[count]', 'arg 3 · arg 2 · push 8 · mul · add · load 8 · endWord'],
    ['&file->f_path.dentry', 'arg 0 · addImm 8 · endWord'],
    ['&*file', 'arg 0 · endWord'],
    ['file->f_path.dentry->d_name.len', 'arg 0 · load 8 +8 · load 4 +12 · endWord'],
    ['file->f_inode->i_blocks[3]', 'arg 0 · load 8 +16 · load 4 +40 · endWord'],
    ['*(u64 *)buf', 'arg 1 · load 8 · endWord'],
    ['(u64)(pos + 1)', 'arg 3 · addImm 8 · endWord'],
    ['pos - (loff_t *)8', 'arg 3 · addImm -8 · push 8 · divS · endWord'],
    ['$retval', 'retval · endWord'],
    ['pid', 'task 0 · endWord'],
  ])('%s', (text, expected) => {
    expect(ops(text)).toBe(expected);
  });

  it.each([
    ['a', 'arg 0 · extractU 0..8 · endWord'],
    ['b', 'arg 1 · extractS 0..8 · endWord'],
    ['b + 1', 'arg 1 · extractS 0..8 · addImm 1 · endWord'],
    ['e', 'arg 4 · extractU 0..32 · endWord'],
    // the upper bits matter once, at the end
    ['e + e * 3', 'arg 4 · arg 4 · push 3 · mul · add · extractU 0..32 · endWord'],
    ['e / 2', 'arg 4 · extractU 0..32 · push 2 · divU · endWord'],
    ['(u8)e', 'arg 4 · extractU 0..8 · endWord'],
    ['a & 7', 'arg 0 · extractU 0..8 · push 7 · and · endWord'],
    ['(long)e << 8', 'arg 4 · extractU 0..32 · push 8 · shl · endWord'],
  ])('registers keep no upper bits: %s', (text, expected) => {
    expect(ops(text, 'takes_narrow')).toBe(expected);
  });

  it.each([
    ['i_dirty', 'load 1 +20 · extractU 0..1'],
    ['i_kind', 'load 1 +20 · extractU 1..4'],
    ['i_level', 'load 2 +20 · extractS 4..9'],
    ['i_count', 'load 4 +20 · extractU 9..29'],
    ['i_opflags', 'load 2 +2 · extractS 0..16'],
  ])('narrow members and bit fields: %s', (name, expected) => {
    expect(ops(`file->f_inode->${name}`)).toBe(`arg 0 · load 8 +16 · ${expected} · endWord`);
  });

  it('integers at a place, or of a number', () => {
    expect(ops('u16(buf)')).toBe('arg 1 · load 2 · endWord');
    expect(ops('s32(buf, 4)')).toBe('arg 1 · load 4 +4 · extractS 0..32 · endWord');
    expect(ops('be32(file->f_inode->i_blocks, 8)')).toBe(
      'arg 0 · load 8 +16 · load 4 +36 · swap 4 · endWord',
    );
    expect(ops('le64(buf, count)')).toBe('arg 1 · arg 2 · add · load 8 · endWord');
    expect(ops('u8(count)')).toBe('arg 2 · extractU 0..8 · endWord');
    expect(ops('h2ns(count + 1)')).toBe('arg 2 · addImm 1 · swap 2 · endWord');
    expect(ops('n2hl(h2nl((short)-1))')).toBe('push 4294967295 · endWord');
    expect(filter('be16(buf, 2) == 80').when).toBe('entry');
  });

  it('types that are derived from others', () => {
    expect(ops('*(u8 (*)[6])buf')).toBe('arg 1 · endBytes 6');
    expect(shown('*(u8 (*)[6])buf')).toBe('u8 [6] as value');
    expect(shown('(int (*)(void))buf')).toBe('int (*)(void) as value');
    expect(value('(int (*)(void))buf').type).toEqual({ kind: 'pointer', to: 'function' });
    expect(shown('*(void (**)(struct file *))buf')).toBe('void (*)(struct file *) as value');
    expect(ops('(*(u32 (*)[2][4])buf)[1][2]')).toBe('arg 1 · load 4 +24 · endWord');
    expect(ops('sizeof(char[16])')).toBe('push 16 · endWord');
    expect(ops('sizeof(u32 [2][3])')).toBe('push 24 · endWord');
    expect(ops('sizeof(struct file *[4])')).toBe('push 32 · endWord');
    expect(ops('sizeof(int (*)(void))')).toBe('push 8 · endWord');
    // an element, as no type has that name
    expect(ops('sizeof(pos[1])')).toBe('push 8 · endWord');
    expect(ops('(pos[1]) + 1')).toBe('arg 3 · load 8 +8 · addImm 1 · endWord');
  });

  it('structs that come in registers', () => {
    expect(ops('pair', 'takes_pair')).toBe('arg 0 · endWord · arg 1 · endWord');
    expect(shown('pair', 'takes_pair')).toBe('struct pair as value');
    expect(ops('pair.first', 'takes_pair')).toBe('arg 0 · extractU 0..32 · endWord');
    expect(ops('pair.second', 'takes_pair')).toBe('arg 0 · extractS 32..48 · endWord');
    expect(ops('pair.fourth', 'takes_pair')).toBe('arg 1 · endWord');
    expect(ops('tuple->sport', 'takes_pair')).toBe('arg 2 · load 2 +4 · endWord');
  });

  it.each([
    ['1 + 2 * 3', 'push 7'],
    ['sizeof(struct file) / sizeof(u32)', 'push 16'],
    ['sizeof file->f_inode->i_blocks', 'push 16'],
    ['sizeof(count)', 'push 8'],
    ['sizeof (u32) * 2', 'push 8'],
    ['(u32) - 1', 'push 4294967295'],
    ['-1 < 0U', 'push 0'],
    ["'a' + '\\n' + '\\x10' + 010 + 0b11", 'push 134'],
    ['STATE_DEAD | 1', 'push 65'],
    ['MODE_LAST', 'push 4294967295'],
    ['true ? 1 : count', 'push 1'],
    ['0 && *pos', 'push 0'],
    ['be16(0x1234)', 'push 13330'],
    ['NULL', 'push 0'],
  ])('constants are folded: %s', (text, expected) => {
    expect(ops(text)).toBe(`${expected} · endWord`);
  });

  it('short circuits are jumps', () => {
    expect(ops('file && count > 1')).toBe(
      'arg 0 · jumpZero 4 · push 1 · arg 2 · ltU · jump 1 · push 0 · endWord',
    );
    expect(ops('count ? *pos : -1')).toBe(
      'arg 2 · jumpZero 3 · arg 3 · load 8 · jump 1 · push -1 · endWord',
    );
    expect(ops('!file || !pos ? 1 : 2')).toBe(
      'arg 0 · jumpZero 2 · arg 3 · jumpNonzero 2 · push 1 · jump 1 · push 2 · endWord',
    );
  });

  it.each([
    ['count', 'size_t as value'],
    ['file', 'struct file * as value'],
    ['*file', 'struct file as value'],
    ['comm', 'char [16] as string'],
    ['buf', 'char * as string'],
    ['file->f_path.dentry->d_name.name', 'const unsigned char * as string'],
    ['file->f_path.dentry->d_iname', 'char [32] as string'],
    ['file->f_inode->i_tail', 'char [] as string'],
    ['(u8 *)buf', 'u8 * as value'],
    ['(unsigned char *)buf', 'unsigned char * as value'],
    ['file->f_op->read', 'ssize_t (*)(struct file *, char *, size_t, loff_t *) as value'],
    ['file->f_inode->i_state', 'enum state as value'],
    ['file->f_inode->i_blocks', 'u32 [4] as value'],
    ['slice(pos, 3)', 'loff_t [3] as value'],
    ['str(pos, 8)', 'loff_t * as string'],
    ['hex(pos, 8)', 'u8 [8] as hex'],
    ['pkt(pos, 64)', 'u8 [64] as packet eth'],
    ['pkt(pos, 14, 64)', 'u8 [64] as packet eth'],
    ['pkt(pos, 64, ip)', 'u8 [64] as packet ip'],
    ['pkt(pos, 14, 64, tcp)', 'u8 [64] as packet tcp'],
    ['buf(file, 8)', 'u8 [8] as bytes'],
    ['count + 1', 'unsigned long as value'],
    ['count == 1', 'int as value'],
    ['&file->f_inode', 'struct inode ** as value'],
  ])('%s is shown as its type says', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it('a parameter wins over what is known of every task, and over types', () => {
    const scope = scopeOf('vfs_read');
    const renamed = {
      ...scope,
      parameters: scope.parameters.map((one, at) => ({
        ...one,
        name: ['comm', 'u32', 'pid', 'STATE_IDLE'][at] ?? '',
      })),
    };
    const compile = (text: string) => spellOps(compileValue(parseExpression(text), renamed).ops);
    expect(compile('pid')).toBe('arg 2 · endWord');
    expect(compile('comm->f_mode')).toBe('arg 0 · load 4 +52 · endWord');
    expect(compile('(u32) - 1')).toBe('arg 1 · addImm -1 · endString 64');
    expect(compile('(STATE_IDLE)[1]')).toBe('arg 3 · load 8 +8 · endWord');
  });

  it('memory ends with its bytes', () => {
    expect(ops('*file')).toBe('arg 0 · endBytes 64');
    expect(ops('file->f_path')).toBe('arg 0 · endBytes 16');
    expect(ops('slice(file->f_inode->i_blocks, 2)')).toBe(
      'arg 0 · load 8 +16 · addImm 28 · endBytes 8',
    );
    expect(ops('str(file->f_path.dentry->d_iname)')).toBe(
      'arg 0 · load 8 +8 · addImm 24 · endString 32',
    );
  });

  it('memory may begin behind a pointer', () => {
    expect(ops('buf(file, 8, 4)')).toBe('arg 0 · addImm 8 · endBytes 4');
    expect(ops('hex(buf, count, 4)')).toBe('arg 1 · arg 2 · add · endBytes 4');
    expect(ops('slice(pos, 2, 3)')).toBe('arg 3 · addImm 16 · endBytes 24');
    expect(ops('pkt(buf, 14, 40, ip)')).toBe('arg 1 · addImm 14 · endBytes 40');
    expect(ops('ip4(buf, 12)')).toBe('arg 1 · addImm 12 · endBytes 4');
  });

  it('addresses of the network', () => {
    const network = (text: string) => `${ops(text, 'takes_pair')} => ${shown(text, 'takes_pair')}`;
    expect(network('ip4(tuple->saddr)')).toBe('arg 2 · load 4 · endWord => __be32 as ip4');
    expect(network('ip4(&tuple->saddr)')).toBe('arg 2 · endBytes 4 => __be32 as ip4');
    expect(network('port(tuple->sport)')).toBe('arg 2 · load 2 +4 · endWord => __be16 as port');
    expect(network('ip42(tuple)')).toBe('arg 2 · endBytes 8 => __be32 [2] as ip4');
    expect(network('port2(tuple, 4)')).toBe('arg 2 · addImm 4 · endBytes 4 => __be16 [2] as port');
    expect(network('eth2(tuple)')).toBe('arg 2 · endBytes 12 => u8 [12] as mac');
    expect(network('ip62(tuple)')).toBe('arg 2 · endBytes 32 => u8 [32] as ip6');
    expect(network('mac(tuple->mac)')).toBe('arg 2 · addImm 6 · endBytes 6 => u8 [6] as mac');
    expect(network('ip6(tuple->addr6)')).toBe('arg 2 · addImm 12 · endBytes 16 => u8 [16] as ip6');
    expect(network('be16(tuple->sport)')).toBe(
      'arg 2 · load 2 +4 · swap 2 · endWord => u16 as value',
    );
    expect(network('be32(tuple) + 1')).toBe(
      'arg 2 · load 4 · swap 4 · addImm 1 · extractU 0..32 · endWord => unsigned int as value',
    );
  });

  it('say when they are known', () => {
    expect(value('count').when).toBe('entry');
    expect(value('$retval + count').when).toBe('return');
    expect(value('$duration')).toMatchObject({ when: 'user', ops: [], aggregate: null });
    expect(value('hist($duration)')).toMatchObject({ when: 'user', ops: [], aggregate: 'hist' });
    expect(value('tdigest(count / 4096)')).toMatchObject({ when: 'entry', aggregate: 'tdigest' });
  });
});

describe('filters', () => {
  const guards = (text: string, of?: string) => {
    const { guards: list, ops: rest } = filter(text, of);
    expect(spellOps(rest)).toBe('');
    const [guard] = list;
    if (guard === undefined) return 'none';
    return `${guard.slot}:${guard.bits} ${String(guard.low)} +${String(guard.span)}`;
  };

  it.each([
    ['e == 5', '4:32 5 +0'],
    ['e != 5', '4:32 6 +4294967294'],
    ['e < 5', '4:32 0 +4'],
    ['e <= 5', '4:32 0 +5'],
    ['e > 5', '4:32 6 +4294967289'],
    ['e >= 5', '4:32 5 +4294967290'],
    ['5 > e', '4:32 0 +4'],
    ['e', '4:32 1 +4294967294'],
    ['!e', '4:32 0 +0'],
    ['d < 0', '3:16 32768 +32767'],
    ['d >= -2', '3:16 65534 +32769'],
    ['b == -1', '1:8 255 +0'],
    ['(u8)e == 7', '4:8 7 +0'],
    ['(s8)e < 0', '4:8 128 +127'],
    ['a != 0', '0:8 1 +254'],
  ])('%s is a guard', (text, expected) => {
    expect(guards(text, 'takes_narrow')).toBe(expected);
  });

  it.each([
    ['f < 5U', '0:32 0 +4'],
    ['h', '2:8 1 +254'],
    ['i == STATE_DEAD', '3:32 64 +0'],
    ['j == MODE_LAST', '4:32 4294967295 +0'],
    ['g > 0', '1:64 1 +18446744073709551614'],
  ])('%s is a guard too', (text, expected) => {
    expect(guards(text, 'takes_others')).toBe(expected);
  });

  it('pointers have guards', () => {
    expect(guards('file')).toBe('0:64 1 +18446744073709551614');
    expect(guards('file == NULL')).toBe('0:64 0 +0');
  });

  it('the first that can be a guard is one, the rest are operations', () => {
    const { guards: list, ops: rest } = filter('*pos > 1 && count == 4096 && file != 0');
    expect(list).toEqual([{ slot: 2, bits: 64, low: 4096n, span: 0n }]);
    expect(spellOps(rest)).toBe('push 1 · arg 3 · load 8 · ltS · filter · arg 0 · filter');
  });

  it('what is true or false of every value is no guard', () => {
    expect(filter('a < 256', 'takes_narrow').guards).toEqual([]);
    expect(filter('e < 0', 'takes_narrow').guards).toEqual([]);
    // an int that is below zero is large as an unsigned long
    expect(filter('f < 5UL', 'takes_others').guards).toEqual([]);
  });

  it('comm is compared in two halves', () => {
    const low = String(0x746163n);
    expect(spellOps(filter('comm == "cat"').ops)).toBe(
      `task 3 · push ${low} · eq · filter · task 4 · isZero · filter`,
    );
    expect(spellOps(filter('comm != "cat"').ops)).toBe(
      `task 3 · push ${low} · ne · jumpNonzero 2 · task 4 · jump 1 · push 1 · filter`,
    );
  });

  it('say when they are known', () => {
    expect(filter('$retval < 0').when).toBe('return');
    expect(filter('count').when).toBe('entry');
  });
});

describe('errors', () => {
  it('show the place', () => {
    expect(error('file->f_innode->i_size')).toBe(
      `
struct file has no member f_innode. Did you mean: f_inode?
    file->f_innode->i_size
          ^~~~~~~~
See it with: fsnoop types 'struct file'`.trim(),
    );
    expect(error('fil->f_inode')).toBe(
      `
vfs_read has no parameter fil. Did you mean: file?
    fil->f_inode
    ^~~
Its parameters: file, buf, count, pos
Also: $retval, pid, tid, cpu, comm, and the constants of enums; in hist() and tdigest() $duration`.trim(),
    );
    expect(error('(struct fil *)buf')).toBe(
      `
BTF has no struct fil. Did you mean: struct file, struct file_operations?
    (struct fil *)buf
     ^~~~~~~~~~~~`.trim(),
    );
    expect(error('file.f_inode')).toBe(
      `
. needs a struct, but this is struct file *.
    file.f_inode
        ^
Write -> instead of .`.trim(),
    );
    expect(error('(count + pos[1')).toBe(
      `
This [ is never closed.
    (count + pos[1
                ^`.trim(),
    );
    expect(error('buf(file, 2000)')).toContain('No value is longer than 1024 bytes.');
    expect(error('*file->f_page')).toBe(
      `
struct page has 2048 bytes, and a value has at most 1024.
    *file->f_page
    ^~~~~~~~~~~~~
Name one of its members, or take some of it: slice(x, 4), buf(&x, 64)`.trim(),
    );
  });

  it('count columns as a terminal does', () => {
    expect(error('\t"数" == count')).toBe(
      `
A string can only be compared with comm.
    \t"数" == count
    \t^~~~
As in: comm == "cat"`.trim(),
    );
    expect(error('"数数" == comm + x').split('\n')[2]).toBe('    ^~~~~~');
    const [, line, mark] = error(`${'1 + '.repeat(50)}oops`).split('\n');
    expect(line?.slice(0, 5)).toBe('    …');
    expect(line?.indexOf('oops')).toBe(mark?.indexOf('^~~~'));
  });

  it.each([
    ['', 'There is no expression.'],
    ['count +', 'Expected a value, but the expression ends.'],
    ['count count', 'Expected an operator, but there is count.'],
    ['count)', 'Nothing opens this )'],
    ['count = 1', '= would change something, and an expression only reads.'],
    ['count++', '++ would change something, and an expression only reads.'],
    ['0x', '0x is no integer.'],
    ['1.5', '1.5 is no integer.'],
    ['0xfffffffffffffffff', 'This number needs more than 64 bits.'],
    ['"abc', 'This " is never closed.'],
    ["'ab'", 'A character constant is one byte.'],
    ['count @ 1', 'No expression has @.'],
    ['file->f_op->read(file)', 'An expression only reads: no function of the kernel is called.'],
    ['offsetof(struct file, f_mode)', 'What offsetof() takes are values, and no types.'],
    ['sizeof struct file', 'The type stands in brackets: sizeof(struct file).'],
    ['count / (1 - 1)', 'This divides by zero.'],
    ['file->', 'Expected the name of a member, but the expression ends.'],
    ['count ? 1', 'Expected : and what holds otherwise, but the expression ends.'],
    ['(unsigned', 'Expected ) after the type, but the expression ends.'],
    ['hist(hist(count))', 'hist() says how a value is shown, so nothing can be around it.'],
    ['1 + ip4(count)', 'ip4() says how a value is shown, so nothing can be around it.'],
    ['buf(file)', 'buf() takes 2 or 3 arguments, not 1.'],
    ['pkt(file)', 'pkt() takes 2 to 4 arguments, not 1.'],
    ['pkt(file, 64, ipx)', 'The last argument of pkt() is what the packet begins with.'],
    ['pkt(file, 0, 64, 3)', 'The last argument of pkt() is what the packet begins with.'],
    ['pkt(file, ip)', 'The last argument of pkt() is what the packet begins with.'],
    ['(int [n])buf', 'Expected how many elements the array has, but there is n.'],
    ['(int (*)(void)buf', 'Expected ) after the type, but there is buf.'],
    ['(int (*)(void', 'This ( is never closed.'],
    [
      '(int (*)(void)[2])buf',
      'No function returns an array or a function, and no array has functions.',
    ],
    ['(char [16])buf', 'Nothing can be cast to char [16].'],
    ['str()', 'str() takes 1 or 2 arguments, not 0.'],
    ['bug(file, 1)', 'There is no bug(). Did you mean: buf?'],
    ['buf(file, 2000)', 'This must be 1 to 1024, not 2000.'],
    ['buf(file, count)', 'This must be a constant.'],
    ['$duration + 1', '$duration is known too late to compute with it.'],
    ['comm + 1', 'comm can only be compared with a string.'],
    ['comm < "x"', 'comm is compared by == and !=.'],
    ['comm == "0123456789abcdef"', 'No comm is longer than 15 bytes.'],
    ['(struct file)buf', 'Nothing can be cast to struct file.'],
    ['(nothing)buf', 'BTF has no type nothing.'],
  ])('of every function: %s', (text, message) => {
    expect(error(text).split('\n')[0]).toBe(message);
    expect(() => value(text)).toThrow(expect.objectContaining({ kind: 'syntax' }));
  });

  it.each([
    ['count->x', '-> needs a pointer, but this is size_t.'],
    ['(*file)->f_mode', '-> needs a pointer, but this is struct file.'],
    ['*count', '* needs a pointer, but this is size_t.'],
    ['count[1]', '[] needs an array or a pointer, but this is size_t.'],
    ['*file->private_data', 'void * does not say what it points at.'],
    ['*file->f_hidden', 'struct hidden is only declared in BTF: what is in it is not known.'],
    ['file->f_hidden + 1', 'How large struct hidden is, is not known.'],
    ['*file + 1', 'This is struct file, and only its members are numbers.'],
    ['file + file', 'Two pointers can’t be added.'],
    ['1 - file', 'A pointer can’t be subtracted from a number.'],
    ['file & 7', '& needs a number, but this is struct file *.'],
    ['&count', 'This came in a register, and has no address.'],
    ['&file->f_inode->i_kind', 'A bit field has no address.'],
    ['&(count + 1)', 'Only what lies in memory has an address.'],
    ['sizeof(*file->f_op->read)', 'ssize_t (struct file *, char *, size_t, loff_t *) has no size.'],
    ['ip4(count)', 'ip4() needs 4 bytes, and size_t has 8.'],
    ['hex(count, 4)', 'This needs a pointer, but this is size_t.'],
    ['slice(file->private_data, 4)', 'slice() needs elements, and void has no size.'],
    ['u32', 'u32 is a type, and there is no value behind it.'],
    ['u32(count, 4)', 'An offset needs a pointer before it, but this is size_t.'],
    ['h2ns(file)', 'h2ns() needs a number, but this is struct file *.'],
    ['sizeof(char [])', 'char [] has no size.'],
    ['sizeof(*(int (*)(void))buf)', 'int (void) has no size.'],
  ])('of this function: %s', (text, message) => {
    expect(error(text).split('\n')[0]).toBe(message);
    expect(() => value(text)).toThrow(expect.objectContaining({ kind: 'scope' }));
  });

  it('name what the kernel side has no room for', () => {
    const longest = Array.from({ length: 150 }, () => 'count').join(' / ');
    expect(error(longest).split('\n')[0]).toBe(
      'This takes 300 operations, and there is room for 128.',
    );
    const nested = `${'(count / '.repeat(20)}1${')'.repeat(20)}`;
    expect(error(nested).split('\n')[0]).toBe(
      'This takes 21 words of stack, and there is room for 16.',
    );
    expect(error('('.repeat(1000)).split('\n')[0]).toBe(
      'The expression is nested more than 200 deep.',
    );
  });

  it('void functions return nothing', () => {
    expect(error('$retval', 'takes_pair')).toBe(
      'takes_pair returns nothing.\n    $retval\n    ^~~~~~~',
    );
    expect(error('hist(count)', 'vfs_read', 'filter').split('\n')[0]).toBe(
      'hist() says how a value is shown, so nothing can be around it.',
    );
  });
});

describe('the machine', () => {
  const machine = {
    arg: (slot: number) => [0x1000n, 0x1008n, 5n, 0n][slot] ?? 0n,
    retval: -2n,
    task: { pid: 1n, tid: 2n, cpu: 3n, commLow: 0x746163n, commHigh: 0n },
    read: (address: bigint, bytes: number) =>
      address >= 0x1000n && address < 0x2000n ? new Uint8Array(bytes).fill(0x11) : null,
    readString: (address: bigint) => (address === 0n ? null : Uint8Array.from([65, 0])),
  };
  const run = (text: string) => evaluate(value(text).ops, machine).items;
  const passes = (text: string) => evaluate(filter(text).ops, machine).kept;

  it('has values, or says that they failed', () => {
    expect(run('count * 2')).toEqual([10n]);
    expect(run('buf')).toEqual([Uint8Array.from([65, 0])]);
    expect(run('file->f_mode')).toEqual([0x11111111n]);
    expect(run('file->f_inode->i_size')).toEqual([{ failed: -14 }]);
    expect(run('*pos')).toEqual([{ failed: -14 }]);
    expect(run('count / (count - 5)')).toEqual([{ failed: -14 }]);
    expect(run('pos ? *pos : -1')).toEqual([0xffff_ffff_ffff_ffffn]);
    expect(run('(long)(1UL << 63) / (long)(count - 6)')).toEqual([1n << 63n]);
    expect(run('(long)(1UL << 63) % (long)(count - 6)')).toEqual([0n]);
  });

  it('lets no failure pass to the next value', () => {
    const both = [...value('*pos').ops, ...value('count').ops];
    expect(evaluate(both, machine).items).toEqual([{ failed: -14 }, 5n]);
  });

  it('drops what a filter is false of, or fails for', () => {
    expect(passes('comm == "cat"')).toBe(true);
    expect(passes('comm != "cat"')).toBe(false);
    expect(passes('pid == 1 && tid == 2')).toBe(true);
    expect(passes('*pos == 0')).toBe(false);
    expect(passes('!pos || *pos == 3')).toBe(true);
  });

  it('has operations of 16 bytes', () => {
    const op: Op = { op: 'load', n: 0x108, imm: -2n };
    expect(Buffer.from(encodeOp(op)).toString('hex')).toBe('0500080100000000feffffffffffffff');
    expect(encodeOp({ op: 'filter', n: 0, imm: 0n })[0]).toBe(opcode.filter);
  });
});
