import { describe, expect, test } from 'vitest';
import { FoldedStacks, formatStack, formatStackJson } from '../src/render/stack.js';
import { formatSymbol } from '../src/render/symbol.js';
import { makeAddresses, type Addresses } from '../src/symbols/addresses.js';
import { Kallsyms } from '../src/symbols/kallsyms.js';

const kallsyms = `0000000000001000 A fixed_percpu_data
ffffffff81000000 D first_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81001000 T vfs_read
ffffffff81001400 t rw_verify_area
ffffffff81001500 W weak_one
ffffffff81002000 T _etext
ffffffff82000000 T looks_like_code
ffffffff82000100 D file_ops
ffffffffc0102000 t late_in_module\t[xfs]
ffffffffc0003000 t ext4_readdir\t[ext4]
ffffffffc0003100 d ext4_ops\t[ext4]
ffffffffc0001000 t ext4_open\t[ext4]
`;

const at = (addresses: Addresses, address: bigint): string | null => {
  const place = addresses.nameOf(Number(address & 0xffffffffn), Number(address >> 32n));
  return place === null ? null : formatSymbol(place);
};

describe('an address', () => {
  const addresses = makeAddresses(new Kallsyms({ vmlinux: () => kallsyms }));

  test.each<[string, bigint, string | null]>([
    ['a function begins', 0xffffffff81001000n, 'vfs_read'],
    ['a function is', 0xffffffff8100101cn, 'vfs_read+0x1c'],
    ['a function ends', 0xffffffff810013ffn, 'vfs_read+0x3ff'],
    ['the next one begins', 0xffffffff81001400n, 'rw_verify_area'],
    ['a weak one is', 0xffffffff81001501n, 'weak_one+0x1'],
    ['several symbols are', 0xffffffff81000010n, '_stext+0x10'],
    ['a module is', 0xffffffffc0003010n, 'ext4_readdir+0x10 [ext4]'],
    ['an earlier function of it is', 0xffffffffc0001000n, 'ext4_open [ext4]'],
    ['its data is', 0xffffffffc0003100n, null],
    ['the last module is', 0xffffffffc0102001n, 'late_in_module+0x1 [xfs]'],
    ['nothing is, far behind it', 0xffffffffc0202000n, null],
    ['data is that has the type of code', 0xffffffff82000000n, null],
    ['data is', 0xffffffff82000108n, null],
    ['nothing is, before all', 0xffffffff80ffffffn, null],
    ['user space is', 0x7ffe81001000n, null],
    ['nothing is', 0n, null],
  ])('where %s', (_, address, name) => {
    expect(at(addresses, address)).toBe(name);
  });

  test('has no name where the kernel hides its addresses', () => {
    const hidden = makeAddresses(
      new Kallsyms({
        vmlinux: () => kallsyms.replaceAll(/^[0-9a-f]+/gm, '0000000000000000'),
      }),
    );
    expect(at(hidden, 0xffffffff81001000n)).toBeNull();
    expect(at(makeAddresses(new Kallsyms({ vmlinux: () => '' })), 0xffffffff81001000n)).toBeNull();
  });
});

const stackOf = (...addresses: bigint[]) =>
  addresses.flatMap((address) => [Number(address & 0xffffffffn), Number(address >> 32n)]);

const ended = stackOf(0xffffffff81001400n, 0xffffffff81001400n);
const read = stackOf(0xffffffff8100101cn, 0xffffffffc0003010n, 0xffffffff90000000n);
const open = stackOf(0xffffffffc0001004n);
const verify = stackOf(0xffffffff81001404n);

describe('stacks', () => {
  const addresses = makeAddresses(new Kallsyms({ vmlinux: () => kallsyms }));

  test('are a line a frame', () => {
    expect(`\n${formatStack(read, addresses)}`).toMatchInlineSnapshot(`
      "
        vfs_read+0x1c
        ext4_readdir+0x10 [ext4]
        0xffffffff90000000
      "
    `);
    expect(formatStackJson(read, addresses)).toBe(
      '["vfs_read+0x1c","ext4_readdir+0x10 [ext4]","0xffffffff90000000"]',
    );
  });

  test('return behind the call, even where their function ends with it', () => {
    expect(formatStack(ended, addresses)).toBe('  rw_verify_area\n  vfs_read+0x400\n');
  });

  test('that are equal are counted, the most frequent first', () => {
    const folded = new FoldedStacks();
    for (let call = 0; call < 1300; call++) folded.add(call % 13 === 0 ? open : read);
    folded.add(verify);
    folded.add(Uint32Array.from(verify));
    expect(`\n${folded.render(addresses, 2)}`).toMatchInlineSnapshot(`
      "
      1,200 of 1,302 (92.2%)
        vfs_read+0x1c
        ext4_readdir+0x10 [ext4]
        0xffffffff90000000

      100 of 1,302 (7.7%)
        ext4_open+0x4 [ext4]

      2 of 1,302 in 1 other stack
      "
    `);
    expect(folded.render(addresses, 3)).not.toContain('other');
    expect(`\n${folded.renderJson(addresses)}`).toMatchInlineSnapshot(`
      "
      {"type":"stack","count":1200,"frames":["vfs_read+0x1c","ext4_readdir+0x10 [ext4]","0xffffffff90000000"]}
      {"type":"stack","count":100,"frames":["ext4_open+0x4 [ext4]"]}
      {"type":"stack","count":2,"frames":["rw_verify_area+0x4"]}
      "
    `);
  });

  test('that nobody called are none', () => {
    expect(new FoldedStacks().render(addresses, 3)).toBe('');
  });
});
