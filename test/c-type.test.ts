/** Types as C: fixtures/symbols/definitions.c is what clang made them of, so its words are to come back. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import { Failure } from '../src/failure.js';
import { findDefinitions } from '../src/plan/find-definitions.js';
import { renderDefinitionJson } from '../src/render/definition-json.js';
import { renderDefinition } from '../src/render/definition.js';
import { makeArgumentTest, type Argument } from '../src/symbols/argument.js';
import { Btf } from '../src/symbols/btf.js';
import { spellDeclaration, spellPrototype, spellType } from '../src/symbols/c-type.js';
import { describeDefinition } from '../src/symbols/definition.js';
import { anyName } from '../src/symbols/glob.js';
import { spellInt } from '../src/symbols/int-name.js';

const fixture = (name: string) => new URL(`fixtures/symbols/${name}`, import.meta.url);
const source = readFileSync(fixture('definitions.c'), 'utf8').replace(/\s+/g, ' ');
const btf = new Btf(readFileSync(fixture('definitions.btf')), loadNative());
/** Types that make-btf.c made by hand: what clang for BPF doesn't write. */
const made = new Btf(readFileSync(fixture('types.btf')), loadNative());

const only = (name: string, of = btf) => {
  const [id, ...more] = findDefinitions([name], of);
  if (id === undefined || more.length > 0) throw new Error(`not exactly one ${name}`);
  return id;
};
const definitionOf = (name: string, of = btf) =>
  `\n${renderDefinition(describeDefinition(of, only(name, of)))}`;
const jsonOf = (name: string, of = btf) =>
  renderDefinitionJson(describeDefinition(of, only(name, of)));

describe('a declaration', () => {
  const members = btf.members(only('struct spellings'));

  test.each(members.map((member) => [member.name, member.type] as const))(
    'of %s is spelt as in the source',
    (name, type) => {
      const spelt = spellDeclaration(btf, type, name);
      expect(source).toContain(` ${spelt.replace(/^.*\{…\}/, '}')};`);
    },
  );

  test('without a name is a type', () => {
    expect(members.map(({ type }) => spellType(btf, type))).toMatchInlineSnapshot(`
      [
        "char [16]",
        "int [3][4]",
        "char *[4]",
        "char (*)[16]",
        "const char *const *",
        "volatile int *volatile",
        "const volatile int",
        "const int [2]",
        "const int (*)[2]",
        "void *restrict *",
        "int (*)(void *, unsigned int)",
        "void (*)(void)",
        "int (*)(const char *, ...)",
        "int (*[4])(int)",
        "void (*(*)(int, void (*)(int)))(int)",
        "int (*(*)(int))[8]",
        "handler_t *",
        "compare_t",
        "union hidden *",
        "struct unseen **",
        "enum color",
        "char __user *",
        "const char __user *__user *",
        "struct spellings *",
        "unsigned long long",
        "short",
        "signed char",
        "_Bool",
        "struct {…} *[2]",
        "atomic_t",
        "int []",
      ]
    `);
  });

  test('of a function has the names of its arguments, as far as they are known', () => {
    const spelt = btf
      .findFunctions(anyName)
      .map(({ id, name }) => `\n${spellPrototype(btf, id, name)}`);
    expect(spelt.join('')).toMatchInlineSnapshot(`
      "
      long read_it(struct layout *layout, char *buf, size_t count, long *pos)
      void (*choose_it(int which, void (*other)(int)))(int)
      int count_all(count_t count, unsigned long limit, unsigned int small)
      int look_at(const struct layout *const layout, text_t text)
      int by_pointer(struct layout **layouts, void *data, atomic_t *left)"
    `);
  });

  test('that goes round in a circle has an end', () => {
    const bytes = readFileSync(fixture('types.btf'));
    const [pointer = 0] = made.find('ptr', '');
    const at = bytes.indexOf(Buffer.from(Uint32Array.of(0, 0x02 << 24, 0).buffer));
    bytes.writeUInt32LE(pointer, at + 8);
    expect(spellType(new Btf(bytes, loadNative()), pointer)).toMatch(/^… void \*{32}$/);
  });
});

describe("an integer's name", () => {
  test.each([
    ['long unsigned int', 'unsigned long'],
    ['long long unsigned int', 'unsigned long long'],
    ['short unsigned int', 'unsigned short'],
    ['short int', 'short'],
    ['long int', 'long'],
    ['unsigned', 'unsigned int'],
    ['unsigned char', 'unsigned char'],
    ['signed char', 'signed char'],
    ['char', 'char'],
    ['__int128 unsigned', 'unsigned __int128'],
    ['_Bool', '_Bool'],
    ['size_t', 'size_t'],
  ])('%s is %s', (name, spelt) => {
    expect(spellInt(name)).toBe(spelt);
  });
});

describe('a definition', () => {
  test('of a struct has offsets and sizes, and what no member uses', () => {
    expect(definitionOf('struct layout')).toMatchInlineSnapshot(`
      "
      struct layout {
              char first;                  /*  0     1 */
              /* 7 bytes unused */
              long second;                 /*  8     8 */
              unsigned int three:3;        /* 16:0  :3 */
              unsigned int nine:9;         /* 16:3  :9 */
              /* 4 bits and 2 bytes unused */
              union {
                      struct {
                              int inner;   /* 20     4 */
                              short last;  /* 24     2 */
                              /* 2 bytes unused */
                      };                   /* 20     8 */
                      struct {
                              char a;      /* 20     1 */
                              /* 3 bytes unused */
                              int b;       /* 24     4 */
                      } pair[2];           /* 20    16 */
                      const enum {
                              ON = 0,
                              OFF = 1,
                      } power;             /* 20     4 */
              };                           /* 20    16 */
              char tail;                   /* 36     1 */
              /* 3 bytes unused */
      };  /* 40 bytes */
      "
    `);
  });

  test('of a struct with pointers to an anonymous one has the offsets of both', () => {
    expect(definitionOf('struct spellings')).toMatchInlineSnapshot(`
      "
      struct spellings {
              char comm[16];                               /*   0  16 */
              int matrix[3][4];                            /*  16  48 */
              char *names[4];                              /*  64  32 */
              char (*name)[16];                            /*  96   8 */
              const char *const *strings;                  /* 104   8 */
              volatile int *volatile state;                /* 112   8 */
              const volatile int counter;                  /* 120   4 */
              const int table[2];                          /* 124   8 */
              /* 4 bytes unused */
              const int (*rows)[2];                        /* 136   8 */
              void *restrict *buffers;                     /* 144   8 */
              int (*done)(void *, unsigned int);           /* 152   8 */
              void (*empty)(void);                         /* 160   8 */
              int (*print)(const char *, ...);             /* 168   8 */
              int (*handlers[4])(int);                     /* 176  32 */
              void (*(*choose)(int, void (*)(int)))(int);  /* 208   8 */
              int (*(*rows_of)(int))[8];                   /* 216   8 */
              handler_t *handler;                          /* 224   8 */
              compare_t compare;                           /* 232   8 */
              union hidden *hidden;                        /* 240   8 */
              struct unseen **unseen;                      /* 248   8 */
              enum color color;                            /* 256   4 */
              /* 4 bytes unused */
              char __user *argument;                       /* 264   8 */
              const char __user *__user *arguments;        /* 272   8 */
              struct spellings *next;                      /* 280   8 */
              unsigned long long wide;                     /* 288   8 */
              short narrow;                                /* 296   2 */
              signed char sign;                            /* 298   1 */
              _Bool set;                                   /* 299   1 */
              /* 4 bytes unused */
              struct {
                      int x;                               /*   0   4 */
              } *points[2];                                /* 304  16 */
              atomic_t count;                              /* 320   4 */
              int rest[];                                  /* 324   0 */
      };  /* 328 bytes */
      "
    `);
  });

  test.each([
    ['either', '\nunion either {\n'],
    ['empty', '\nstruct empty {\n};  /* 0 bytes */\n'],
    ['hidden', '\nunion hidden;  /* only declared */\n'],
    ['size_t', '\ntypedef unsigned long size_t;  /* 8 bytes */\n'],
    ['count_t', '\ntypedef size_t count_t;  /* 8 bytes: unsigned long */\n'],
    ['handler_t', '\ntypedef int handler_t(int);\n'],
    ['compare_t', '\ntypedef int (*compare_t)(const void *, const void *);  /* 8 bytes */\n'],
    [
      'atomic_t',
      '\ntypedef struct {\n        int counter;  /* 0  4 */\n} atomic_t;  /* 4 bytes */\n',
    ],
    ['color', '\nenum color {\n        RED = 0,\n        BLUE = 61,\n};  /* 4 bytes */\n'],
    [
      'flags',
      '\nenum flags {\n        LOW = 0x1,\n        HIGH = 0x80000000,\n};  /* 4 bytes */\n',
    ],
    ['unsigned long', '\nunsigned long  /* 8 bytes */\n'],
    ['long unsigned int', '\nunsigned long  /* 8 bytes */\n'],
    ['by_pointer', '\nint by_pointer(struct layout **layouts, void *data, atomic_t *left);\n'],
  ])('of %s', (name, text) => {
    expect(definitionOf(name).slice(0, text.length)).toBe(text);
  });

  test('of enums with negative and with 64-bit values', () => {
    expect(definitionOf('below', made)).toContain('MINUS_ONE = -1,');
    expect(definitionOf('wide', made)).toContain('WIDE = 0x100000001,');
  });

  test('for programs: one object a line, anonymous structs with their members', () => {
    expect(jsonOf('struct empty')).toBe(
      '{"type":"struct","name":"empty","bytes":0,"members":[]}\n',
    );
    expect(jsonOf('size_t')).toMatchInlineSnapshot(`
      "{"type":"typedef","name":"size_t","bytes":8,"of":"unsigned long","resolved":"unsigned long"}
      "
    `);
    expect(jsonOf('enum color')).toMatchInlineSnapshot(`
      "{"type":"enum","name":"color","bytes":4,"values":[{"name":"RED","value":0},{"name":"BLUE","value":61}]}
      "
    `);
    expect(jsonOf('look_at')).toMatchInlineSnapshot(`
      "{"type":"function","name":"look_at","proto":"int look_at(const struct layout *const layout, text_t text)","returns":"int","args":[{"name":"layout","type":"const struct layout *const"},{"name":"text","type":"text_t"}],"variadic":false}
      "
    `);
    expect(jsonOf('atomic_t')).toMatchInlineSnapshot(`
      "{"type":"typedef","name":"atomic_t","bytes":4,"of":"struct {…}","resolved":"struct {…}","members":[{"name":"counter","type":"int","bitOffset":0,"bits":32}]}
      "
    `);
    expect(jsonOf('hidden')).toMatchInlineSnapshot(`
      "{"type":"declared","name":"union hidden","bytes":0}
      "
    `);
    expect(jsonOf('wide', made)).toMatchInlineSnapshot(`
      "{"type":"enum","name":"wide","bytes":8,"values":[{"name":"WIDE","value":4294967297}]}
      "
    `);
    const { members } = JSON.parse(jsonOf('struct layout')) as { members: unknown[] };
    expect(members.slice(2, 4)).toEqual([
      { name: 'three', type: 'unsigned int', bitOffset: 128, bits: 3, bitField: true },
      { name: 'nine', type: 'unsigned int', bitOffset: 131, bits: 9, bitField: true },
    ]);
    expect(members[4]).toMatchObject({
      name: '',
      type: 'union {…}',
      bitOffset: 160,
      members: [
        { type: 'struct {…}', members: [{ name: 'inner' }, { name: 'last', bitOffset: 192 }] },
        { name: 'pair', type: 'struct {…} [2]', members: [{ name: 'a' }, { name: 'b' }] },
        { name: 'power', type: 'const enum {…}', values: [{ name: 'ON' }, { name: 'OFF' }] },
      ],
    });
  });
});

describe('names of types', () => {
  const found = (...names: string[]) =>
    findDefinitions(names, btf).map((id) => `${btf.kind(id)} ${btf.name(id)}`);

  /** What it says, as bin/run.js prints it. */
  function complaint(name: string): string {
    try {
      return found(name).join();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      expect(error.oclif.exit).toBe(2);
      return [error.message, ...error.suggestions].map((line) => `\n${line}`).join('');
    }
  }

  test('may have their keyword, or a glob', () => {
    expect(found('layout', 'struct layout', 'union either', '*_t', 'struct e*')).toEqual([
      'struct layout',
      'union either',
      ...['typedef atomic_t', 'typedef compare_t', 'typedef count_t', 'typedef handler_t'],
      ...['typedef size_t', 'typedef text_t', 'struct empty'],
    ]);
  });

  test('may be those of functions; globs are of types alone', () => {
    expect(found('read_it')).toEqual(['func read_it']);
    expect(complaint('read_i?')).toContain('matches no type');
  });

  test('that mean nothing have the nearest', () => {
    expect(complaint('struct layuot')).toMatchInlineSnapshot(`
      "
      This kernel has no type and no function struct layuot.
      Did you mean: struct layout
      Look for types with: fsnoop types '*layuot*'"
    `);
    expect(complaint('x*_t')).toMatchInlineSnapshot(`
      "
      'x*_t' matches no type of this kernel.
      Look for types with: fsnoop types '*x_t*'"
    `);
    expect(complaint('*:')).toMatchInlineSnapshot(`
      "
      '*:' matches no type of this kernel.
      Look for types with: fsnoop types '*:*'"
    `);
    expect(complaint(' ')).toMatchInlineSnapshot(`
      "
      '' is not the name of a type.
      Name types, or use a glob: fsnoop types 'struct file' size_t 'sk_*'"
    `);
  });
});

describe('functions with an argument', () => {
  const having = (argument: Partial<Argument>) => {
    const test = makeArgumentTest(btf, { name: null, type: null, ...argument });
    return (
      test &&
      btf
        .findFunctions(anyName)
        .filter(({ id }) => test(id))
        .map(({ name }) => name)
    );
  };
  const ofType = (base: string, stars = 0) => having({ type: { base, stars } });

  test('by its name', () => {
    expect(having({ name: 'count' })).toEqual(['read_it', 'count_all']);
    expect(having({ name: 'nothing' })).toEqual([]);
  });

  test('by its type, whatever is const', () => {
    expect(ofType('struct layout', 1)).toEqual(['read_it', 'look_at']);
    expect(ofType('layout', 1)).toEqual(['read_it', 'look_at']);
    expect(ofType('struct layout', 2)).toEqual(['by_pointer']);
    expect(ofType('struct layout')).toEqual([]);
    expect(ofType('void', 1)).toEqual(['by_pointer']);
    expect(ofType('char', 1)).toEqual(['read_it', 'look_at']);
  });

  test('by a typedef, which counts as itself and as what it is of', () => {
    expect(ofType('count_t')).toEqual(['count_all']);
    expect(ofType('size_t')).toEqual(['read_it', 'count_all']);
    expect(ofType('unsigned long')).toEqual(['read_it', 'count_all']);
    expect(ofType('text_t')).toEqual(['look_at']);
    expect(ofType('atomic_t', 1)).toEqual(['by_pointer']);
  });

  test('by both, of one argument', () => {
    expect(having({ name: 'limit', type: { base: 'unsigned long', stars: 0 } })).toEqual([
      'count_all',
    ]);
    expect(having({ name: 'limit', type: { base: 'count_t', stars: 0 } })).toEqual([]);
  });

  test('of no type that there is', () => {
    expect(ofType('struct nothing', 1)).toBeNull();
    expect(ofType('union layout', 1)).toBeNull();
  });
});
