import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Display } from '../src/expr/display.js';
import { formatItem, formatItemJson, isItemCut, readItems } from '../src/render/values/items.js';
import { formatMemory, formatMemoryJson } from '../src/render/values/memory.js';
import { noAddresses } from '../src/symbols/addresses.js';
import { describeType, type Type } from '../src/symbols/type.js';
import { btf } from './expr-scope.js';
import {
  arrayOf,
  bool,
  char,
  enumOf,
  field,
  int,
  pointer,
  structOf,
  unsignedChar,
} from './fixtures/types.js';

const viewOf = (bytes: Uint8Array) =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const text = (type: Type, bytes: Uint8Array, display: Display = 'value') =>
  formatMemory(type, display, viewOf(bytes), 0, bytes.length, noAddresses);
const json = (type: Type, bytes: Uint8Array, display: Display = 'value') =>
  JSON.parse(formatMemoryJson(type, display, viewOf(bytes), 0, bytes.length)) as unknown;
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
/** As it would be printed: vitest wants a newline on both ends of an expected block. */
const shown = (out: string) => `\n${out}\n`;

const u8 = int(1, false);
const s32 = int(4, true);
const u64 = int(8, false);
const list = structOf('list_head', [field('next', pointer, 0), field('prev', pointer, 8)], 16);
const inode = structOf(
  'inode',
  [
    field('i_mode', int(2, false), 0),
    field('i_opflags', int(2, false), 2, 0, 3),
    field('i_delta', s32, 2, 3, 5),
    field('i_dirty', bool, 3, 0, 1),
    field('i_kind', enumOf({ REGULAR: 1, FOLDER: 2 }), 4),
    field('', structOf('', [field('i_size', u64, 0)], 8, 'union'), 8),
    field('i_list', list, 16),
    field('i_name', arrayOf(char, 16, 16), 32),
    field('i_data', arrayOf(int(4, false), 8, 32), 48),
    field('i_tail', arrayOf(s32, 0, 0), 80),
  ],
  80,
);
const inodeBytes = bytesOf(
  `a481 fd01 02000000 0010000000000000
   80c0a403 8088ffff 0000000000000000
   6361740000000000 0000000000000000
   01000000 02000000 00000000 00000000 00000000 00000000 00000000 00000000`,
);

describe('a struct', () => {
  test('is one line where it is short', () => {
    expect(text(list, bytesOf('80c0a4038088ffff f4ffffffffffffff'))).toBe(
      '{next=0xffff888003a4c080, prev=-ENOMEM}',
    );
    expect(text(structOf('empty', [], 0), new Uint8Array())).toBe('{}');
  });

  test('is a line a field where it is long, with bit fields and without anonymous members', () => {
    expect(shown(text(inode, inodeBytes))).toMatchInlineSnapshot(`
      "
      {
        i_mode=33188,
        i_opflags=5,
        i_delta=-1,
        i_dirty=true,
        i_kind=FOLDER,
        i_size=4096,
        i_list={next=0xffff888003a4c080, prev=NULL},
        i_name="cat",
        i_data=[1, 2, 0 × 6]
      }
      "
    `);
    expect(json(inode, inodeBytes)).toMatchInlineSnapshot(`
      {
        "i_data": [
          1,
          2,
          0,
          0,
          0,
          0,
          0,
          0,
        ],
        "i_delta": -1,
        "i_dirty": true,
        "i_kind": "FOLDER",
        "i_list": {
          "next": "0xffff888003a4c080",
          "prev": "0x0",
        },
        "i_mode": 33188,
        "i_name": "cat",
        "i_opflags": 5,
        "i_size": 4096,
      }
    `);
  });

  test('shows those of its fields that are not zero', () => {
    expect(shown(text(inode, inodeBytes, 'nonZero'))).toMatchInlineSnapshot(`
      "
      {
        i_mode=33188,
        i_opflags=5,
        i_delta=-1,
        i_dirty=true,
        i_kind=FOLDER,
        i_size=4096,
        i_list={…},
        i_name="cat",
        i_data=[…]
      }
      "
    `);
    const cleared = Uint8Array.from(inodeBytes).fill(0, 3, 32);
    expect(text(inode, cleared, 'nonZero')).toBe(
      '{i_mode=33188, i_opflags=5, i_delta=-1, i_name="cat", i_data=[…]}',
    );
    expect(json(inode, cleared, 'nonZero')).toEqual({
      i_mode: 33188,
      i_opflags: 5,
      i_delta: -1,
      i_name: 'cat',
      i_data: [1, 2, 0, 0, 0, 0, 0, 0],
    });
  });

  test('of zeros is {0} inside another one', () => {
    const two = structOf('two', [field('head', list, 0), field('count', u64, 16)], 24);
    expect(text(two, new Uint8Array(24))).toBe('{head={0}, count=0}');
    expect(text(two, new Uint8Array(24), 'nonZero')).toBe('{}');
    expect(json(two, new Uint8Array(24))).toEqual({ head: { next: '0x0', prev: '0x0' }, count: 0 });
  });

  test('that was cut off says so where it was', () => {
    expect(text(list, bytesOf('80c0a4038088ffff f4ff'))).toBe('{next=0xffff888003a4c080, …}');
    expect(text(list, new Uint8Array())).toBe('…');
    expect(json(list, bytesOf('80c0a4038088ffff f4ff'))).toEqual({ next: '0xffff888003a4c080' });
    expect(text(inode, inodeBytes.subarray(0, 34))).toContain('i_name="ca"…,\n  …\n}');
  });
});

test.each<[Type, string, string, unknown]>([
  [arrayOf(s32, 3, 12), '01000000 ffffffff 00000000', '[1, -1, 0]', [1, -1, 0]],
  [arrayOf(s32, 3, 12), '01000000 ffffffff 00', '[1, -1, …]', [1, -1]],
  [arrayOf(u8, 9, 9), '000000000001000000', '[0 × 5, 1, 0, 0, 0]', [0, 0, 0, 0, 0, 1, 0, 0, 0]],
  [arrayOf(pointer, 4, 32), '00'.repeat(32), '[NULL × 4]', ['0x0', '0x0', '0x0', '0x0']],
  [arrayOf(bool, 2, 2), '0100', '[true, false]', [true, false]],
  [arrayOf(char, 4, 4), '61620063', '"ab"', 'ab'],
  [arrayOf(char, 2, 2), '6162', '"ab"', 'ab'],
  [arrayOf(char, 4, 4), '6162', '"ab"…', 'ab'],
  [arrayOf(unsignedChar, 4, 4), '61620000', '"ab"', 'ab'],
  [arrayOf(unsignedChar, 4, 4), '52540012', '[82, 84, 0, 18]', [82, 84, 0, 18]],
  [
    arrayOf(arrayOf(u8, 2, 2), 2, 4),
    '01020304',
    '[[1, 2], [3, 4]]',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [{ kind: 'other', bytes: 4 }, '01020304', '[0x01, 0x02, 0x03, 0x04]', [1, 2, 3, 4]],
  [{ kind: 'other', bytes: 4 }, '0102', '[0x01, 0x02, …]', [1, 2]],
])('an array of %j', (type, hex, expected, expectedJson) => {
  expect(text(type, bytesOf(hex))).toBe(expected);
  expect(json(type, bytesOf(hex))).toEqual(expectedJson);
});

test('a long array has as many elements on a line as fit', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, place) => place);
  expect(shown(text(arrayOf(u8, 64, 64), bytes))).toMatchInlineSnapshot(`
    "
    [
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
      41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59,
      60, 61, 62, 63
    ]
    "
  `);
  expect(shown(text(u8, bytes.subarray(0, 20), 'bytes'))).toMatchInlineSnapshot(`
    "
    [
      0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
      0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
      0x10, 0x11, 0x12, 0x13
    ]
    "
  `);
});

test('structs in a long array are a line each', () => {
  const bytes = bytesOf('80c0a4038088ffff f4ffffffffffffff'.repeat(3) + '00'.repeat(16 * 5));
  expect(shown(text(arrayOf(list, 8, 128), bytes))).toMatchInlineSnapshot(`
    "
    [
      {next=0xffff888003a4c080, prev=-ENOMEM},
      {next=0xffff888003a4c080, prev=-ENOMEM},
      {next=0xffff888003a4c080, prev=-ENOMEM},
      {0} × 5
    ]
    "
  `);
});

const ansi = '1b5b31 6d';
test.each<[string, string, string]>([
  ['2f6574632f686f73746e616d6500', '"/etc/hostname"', '/etc/hostname'],
  ['00', '""', ''],
  ['2f657463', '"/etc"…', '/etc'],
  ['', '""…', ''],
  ['0a09225c0d00', String.raw`"\n\t\"\\\r"`, '\n\t"\\\r'],
  [`${ansi}00`, String.raw`"\x1b[1m"`, '\u001b[1m'],
  ['636166c3a9 e282ac f09f9880 00', '"café€😀"', 'café€😀'],
  // cut in a letter, overlong, a lone surrogate, the C1 CSI, text from right to left
  ['e282 00', String.raw`"\xe2\x82"`, '\ufffd'],
  ['c0af 00', String.raw`"\xc0\xaf"`, '\ufffd\ufffd'],
  ['efbbbf41 00', String.raw`"\xef\xbb\xbfA"`, '\ufeffA'],
  ['eda080 00', String.raw`"\xed\xa0\x80"`, '\ufffd\ufffd\ufffd'],
  ['c29b 00', String.raw`"\xc2\x9b"`, '\u009b'],
  ['e280ae 00', String.raw`"\xe2\x80\xae"`, '\u202e'],
])('a string is quoted as in C: %s', (hex, expected, expectedJson) => {
  expect(text(char, bytesOf(hex), 'string')).toBe(expected);
  expect(json(char, bytesOf(hex), 'string')).toBe(expectedJson);
});

test('what struct_group() declares twice is shown once, with the names that people write', () => {
  const [id = 0] = btf.find('struct', 'grouped');
  const grouped = describeType(btf, id);
  const bytes = bytesOf('01000000 05000000 03000000');
  expect(text(grouped, bytes)).toBe('{first=1, second=5, third=3, other={fourth=3}}');
  expect(json(grouped, bytes)).toEqual({ first: 1, second: 5, third: 3, other: { fourth: 3 } });
});

test('no string commands the terminal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(text(char, bytes, 'string')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(typeof json(char, bytes, 'string')).toBe('string');
    }),
  );
});

test.each<[Display, string, string, unknown]>([
  ['bytes', '0102', '[0x01, 0x02]', [1, 2]],
  ['hex', '0102ff', '0102ff', '0102ff'],
  ['ip4', '7f000001', '127.0.0.1', '127.0.0.1'],
  ['ip4', '7f000001 00000000', '127.0.0.1', '127.0.0.1'],
  ['ip4', '7f00', '…', null],
  ['mac', '001122aabbcc', '00:11:22:aa:bb:cc', '00:11:22:aa:bb:cc'],
  ['port', '0050000000000000', '80', 80],
  ['port', '1f90', '8080', 8080],
  ['port', '1f', '…', null],
  ['ip6', '00'.repeat(16), '::', '::'],
  ['ip6', `${'00'.repeat(15)}01`, '::1', '::1'],
  ['ip6', '20010db8000000000000000000000001', '2001:db8::1', '2001:db8::1'],
  ['ip6', '20010db8000000010000000000000001', '2001:db8:0:1::1', '2001:db8:0:1::1'],
  ['ip6', '00010000000300040005000600070008', '1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
  ['ip6', '00000000000000000000ffff0a000001', '::ffff:10.0.0.1', '::ffff:10.0.0.1'],
])('as %s', (display, hex, expected, expectedJson) => {
  expect(text(u8, bytesOf(hex), display)).toBe(expected);
  expect(json(u8, bytesOf(hex), display)).toEqual(expectedJson);
});

test.each<[Display, number, string, string, unknown]>([
  ['ip4', 8, '7f000001 0a000002', '[127.0.0.1, 10.0.0.2]', ['127.0.0.1', '10.0.0.2']],
  ['ip4', 8, '7f000001 0a0000', '[127.0.0.1, …]', ['127.0.0.1']],
  ['port', 4, '1f90 0050', '[8080, 80]', [8080, 80]],
  [
    'mac',
    12,
    '001122aabbcc ffffffffffff',
    '[00:11:22:aa:bb:cc, ff:ff:ff:ff:ff:ff]',
    ['00:11:22:aa:bb:cc', 'ff:ff:ff:ff:ff:ff'],
  ],
  ['ip6', 32, `${'00'.repeat(15)}01${'00'.repeat(16)}`, '[::1, ::]', ['::1', '::']],
])('as %s, several of them in %d bytes', (display, bytes, hex, expected, expectedJson) => {
  const row = arrayOf(u8, bytes, bytes);
  expect(text(row, bytesOf(hex), display)).toBe(expected);
  expect(json(row, bytesOf(hex), display)).toEqual(expectedJson);
});

describe('a packet', () => {
  const eth = 'ffffffffffff 001122aabbcc 0800';
  const ip4 = '45000054 69e84000 4001d2be 7f000001 0a000002';
  const icmp = '0800c5a1 031f0007';
  const tcp = '1f900050 00000001 00000002 5012fad7 00000000';
  const packet = (hex: string, display: Display) => text(u8, bytesOf(hex), display);

  test('is its headers, with the names that the kernel has for their fields', () => {
    expect(shown(packet(`${eth} ${ip4} ${icmp} 0102`, 'packet eth'))).toMatchInlineSnapshot(`
      "
      {
        eth={source=00:11:22:aa:bb:cc, dest=ff:ff:ff:ff:ff:ff, proto=0x0800},
        ip4={
          saddr=127.0.0.1,
          daddr=10.0.0.2,
          protocol=1,
          ttl=64,
          id=27112,
          tot_len=84
        },
        icmp={type=8, code=0, id=799, sequence=7}
      }
      "
    `);
    expect(json(u8, bytesOf(ip4.replace('4001', '4006') + tcp), 'packet ip'))
      .toMatchInlineSnapshot(`
      {
        "ip4": {
          "daddr": "10.0.0.2",
          "id": 27112,
          "protocol": 6,
          "saddr": "127.0.0.1",
          "tot_len": 84,
          "ttl": 64,
        },
        "tcp": {
          "ack_seq": 2,
          "dest": 80,
          "flags": "SYN|ACK",
          "seq": 1,
          "source": 8080,
          "window": 64215,
        },
      }
    `);
  });

  test('of version 6 is told by its first byte', () => {
    const ip6 = `60000000 0008113f ${'00'.repeat(15)}01 ${'00'.repeat(15)}01`;
    expect(shown(packet(`${ip6} 00350036 00080000`, 'packet ip'))).toMatchInlineSnapshot(`
      "
      {
        ip6={saddr=::1, daddr=::1, nexthdr=17, hop_limit=63, payload_len=8},
        udp={source=53, dest=54, len=8}
      }
      "
    `);
    expect(packet(`${ip6} 00350036 00080000`, 'packet ip6')).toBe(
      packet(`${ip6} 00350036 00080000`, 'packet ip'),
    );
  });

  test('may begin with any of them', () => {
    expect(packet(icmp, 'packet icmp')).toBe('{icmp={type=8, code=0, id=799, sequence=7}}');
    expect(packet('03010000 00000000', 'packet icmp')).toBe('{icmp={type=3, code=1}}');
    expect(packet('8000 0000 0001 0002', 'packet icmp6')).toBe(
      '{icmp6={type=128, code=0, id=1, sequence=2}}',
    );
    expect(packet('00350036 00080000', 'packet udp')).toBe('{udp={source=53, dest=54, len=8}}');
    expect(packet(tcp, 'packet tcp')).toBe(
      '{tcp={source=8080, dest=80, seq=1, ack_seq=2, flags=SYN|ACK, window=64215}}',
    );
  });

  test('that is cut says so, and so does one of which nothing was read', () => {
    expect(packet(`${eth} 45`, 'packet eth')).toMatch(/^\{eth=\{.*\}, …\}$/s);
    expect(packet('', 'packet ip')).toBe('{…}');
    expect(isItemCut(u8, 'packet eth', viewOf(bytesOf(eth)), { at: 0, length: 14 })).toBe(true);
    expect(isItemCut(u8, 'packet icmp', viewOf(bytesOf(icmp)), { at: 0, length: 8 })).toBe(false);
  });

  test('has no header behind a fragment, nor behind what is not known here', () => {
    const fragment = ip4.replace('4000 4001', '0001 4001');
    expect(packet(`${fragment} ${icmp}`, 'packet ip4')).not.toContain('icmp');
    expect(packet(`${eth.replace('0800', '0806')} 0001`, 'packet eth')).toMatch(
      /proto=0x0806\}\}$/,
    );
  });
});

test('an IPv6 address is as short as URL makes it', () => {
  const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const bytes = Uint8Array.from(groups.flatMap((one) => [one >> 8, one & 0xff]));
      const address = text(u8, bytes, 'ip6');
      expect(isIPv6(address)).toBe(true);
      const normal = new URL(`http://[${groups.map((one) => one.toString(16)).join(':')}]/`);
      // URL knows no mapped IPv4 addresses
      if (!address.includes('.')) expect(`[${address}]`).toBe(normal.hostname);
    }),
  );
});

test('what is captured of a struct is shown, wherever it is cut, and whether it is', () => {
  const type = structOf('two', [field('first', inode, 0), field('last', u8, 80)], 88);
  const bytes = fc.uint8Array({ minLength: 88, maxLength: 88 });
  fc.assert(
    fc.property(bytes, fc.nat({ max: 88 }), (all, length) => {
      const some = all.slice(0, length);
      const isCut = isItemCut(type, 'value', viewOf(some), { at: 0, length });
      expect(text(type, some).includes('…')).toBe(isCut);
      expect(isCut).toBe(length < 81);
      if (length === 0) expect(json(type, some)).toBeNull();
      else expect(json(type, some)).toHaveProperty('first');
    }),
  );
});

describe('the items of a record', () => {
  const record = bytesOf(
    `ffffffffffffffff
     08000000 00000000 0500000000000000
     f2ffffff 00000000
     03000000 00000000 616200 0000000000
     00000000 00000000`,
  );
  const items = readItems(viewOf(record), 8, record.length);

  test('are found one behind the other', () => {
    expect(items).toEqual([
      { at: 16, length: 8 },
      { at: 32, length: -14 },
      { at: 40, length: 3 },
      { at: 56, length: 0 },
    ]);
  });

  test('end where the record ends', () => {
    expect(readItems(viewOf(record), 8, 20)).toEqual([]);
    expect(readItems(viewOf(record), 8, 24)).toEqual([items[0]]);
    expect(readItems(viewOf(record), 8, 8)).toEqual([]);
  });

  test('show what could not be had, and what was lost', () => {
    const [word, fault, string] = items;
    const show = (item: typeof word, type: Type, display: Display) => [
      formatItem(type, display, viewOf(record), item, noAddresses),
      formatItemJson(type, display, viewOf(record), item),
    ];
    expect(show(word, s32, 'value')).toEqual(['5', '5']);
    expect(show(fault, s32, 'value')).toEqual(['<fault>', 'null']);
    expect(show(string, char, 'string')).toEqual(['"ab"', '"ab"']);
    expect(show(undefined, s32, 'value')).toEqual(['<lost>', 'null']);
  });
});
