/** From flags to a plan. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import { Failure } from '../src/failure.js';
import { adviceOn, hasEntryMode } from '../src/plan/bpfsnoop.js';
import { parseCommand } from '../src/plan/command.js';
import { parseComm, parsePids } from '../src/plan/filters.js';
import type { FunctionSource } from '../src/plan/find.js';
import { chooseFunctions, makePlan, type Wishes } from '../src/plan/make-plan.js';
import { parsePatterns } from '../src/plan/pattern.js';
import { Btf } from '../src/symbols/btf.js';
import type { CallGraph } from '../src/symbols/callees.js';
import type { KernelFunction, Reason } from '../src/symbols/function.js';
import { compileGlobs } from '../src/symbols/glob.js';
import { findNearest } from '../src/words/nearest.js';

/** What it says, as bin/run.js prints it; '' when it doesn't fail. */
function complaint(run: () => unknown): string {
  try {
    run();
    return '';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    expect(error.oclif.exit, error.message).toBe(2);
    return [error.message, ...error.suggestions].map((line) => `\n${line}`).join('');
  }
}

/** Text that is nearly what `parse` takes, and text that is not. */
function nearly(letters: string): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: fc.constantFrom(...letters.split(/(?=.)/s)), maxLength: 12 }),
    fc.string(),
  );
}

describe('patterns', () => {
  const globsOf = (...texts: string[]) =>
    parsePatterns('-k', texts).map(({ glob, graph }) => (graph ? `${glob} with its graph` : glob));

  test('are split at commas, and come in the order in which they were given', () => {
    expect(globsOf('vfs_*,ksys_read', ' ext4_[a-z]? ,__x64_sys_read.cold')).toEqual([
      'vfs_*',
      'ksys_read',
      'ext4_[a-z]?',
      '__x64_sys_read.cold',
    ]);
  });

  const argumentsOf = (...texts: string[]) =>
    parsePatterns('-k', texts).map(({ glob, argument }) => {
      const { name, type } = argument ?? { name: 'none', type: null };
      return `${glob} ${type === null ? '' : `(${type.base}${'*'.repeat(type.stars)})`}${name ?? ''}`;
    });

  test('(g) asks for the graph of one pattern, (b) for nothing that is not there anyway', () => {
    expect(globsOf('(g)vfs_read,(b)vfs_write,vfs_*')).toEqual([
      'vfs_read with its graph',
      'vfs_write',
      'vfs_*',
    ]);
  });

  test('(s) asks for the stack, and several may stand before one pattern', () => {
    expect(parsePatterns('-k', ['(s)vfs_read', '(b)(g)(s)vfs_write'])).toMatchObject([
      { glob: 'vfs_read', graph: false, stack: true },
      { glob: 'vfs_write', graph: true, stack: true },
    ]);
  });

  test('(skb) asks for functions that take a packet', () => {
    expect(argumentsOf('(skb)*', '(skb)tcp_*:sk')).toEqual(['* (struct sk_buff*)skb', 'tcp_* sk']);
  });

  test('a prefix that is none, or not one of ours', () => {
    expect(complaint(() => parsePatterns('-k', ['(x)vfs_read']))).toMatchInlineSnapshot(`
      "
      -k '(x)vfs_read': there is no prefix (x).
      (g)NAME stands for -g, (s)NAME for --output-stack, (skb)NAME for NAME:(struct sk_buff *)skb"
    `);
    expect(complaint(() => parsePatterns('-k', ['(b)(m)*:(struct sock *)'])))
      .toMatchInlineSnapshot(`
      "
      -k '(b)(m)*:(struct sock *)': bpfsnoop's (m) is not needed: fsession.multi attaches to all functions with one call, as kprobe.multi does.
      Leave it out: -k '(b)*:(struct sock *)'"
    `);
  });

  test('know the flag that they were given with', () => {
    expect(parsePatterns('--fgraph-extra', ['a,b'])).toEqual([
      { flag: '--fgraph-extra', text: 'a', glob: 'a', argument: null, graph: false, stack: false },
      { flag: '--fgraph-extra', text: 'b', glob: 'b', argument: null, graph: false, stack: false },
    ]);
  });

  test('have an argument behind a colon: its name, its type, or both', () => {
    expect(
      argumentsOf('vfs_*:count', '*:(struct sk_buff *)skb', 'tcp_*:(struct sock *)', 'vfs_read'),
    ).toEqual(['vfs_* count', '* (struct sk_buff*)skb', 'tcp_* (struct sock*)', 'vfs_read none']);
    expect(argumentsOf('tcp_v4_connect:sk:struct sock *')).toEqual([
      'tcp_v4_connect (struct sock*)sk',
    ]);
  });

  test('take types as people write them', () => {
    expect(
      argumentsOf(
        ...['*:(size_t)n', '*:( unsigned  long )', '*:(const char **)', '*:(char const * const*)'],
        ...['*:(struct file*) file', '*: (void *)'],
      ),
    ).toEqual([
      '* (size_t)n',
      '* (unsigned long)',
      '* (char**)',
      '* (char**)',
      '* (struct file*)file',
      '* (void*)',
    ]);
  });

  test('are not split at commas in parentheses', () => {
    expect(argumentsOf('(g)vfs_read:pos,*:(loff_t *),(b)vfs_write')).toEqual([
      'vfs_read pos',
      '* (loff_t*)',
      'vfs_write none',
    ]);
    expect(complaint(() => parsePatterns('-k', ['*:(int, long),vfs_read']))).toContain(
      "'int, long' is not a type",
    );
  });

  test('keep what was written, for those who list the same functions', () => {
    expect(parsePatterns('-k', ['(g)vfs_*:(size_t)count'])).toMatchObject([
      { text: 'vfs_*:(size_t)count', graph: true },
    ]);
  });

  test.each(['', ' ', ',', 'vfs_read,', 'vfs_read,,vfs_write', '(g)', '(b)'])(
    "'%s' has an empty one",
    (text) => {
      expect(complaint(() => parsePatterns('-k', [text]))).toBe(
        `
-k has an empty pattern.
Name functions, or use a glob: -k 'vfs_read,ext4_*'`,
      );
    },
  );

  test.each([
    'vfs_read:',
    'vfs_read:3',
    '*:()',
    '*:skb *',
    '*:(struct sock *',
    '*:a:',
    '*:a:b:c',
    '*:int)',
    '*:(const)',
  ])("'%s' has no argument behind its colon", (text) => {
    expect(complaint(() => parsePatterns('-k', [text]))).toMatch(/after its colon\.|is not a type/);
  });

  test('without what they say of an argument: how to say it', () => {
    expect(complaint(() => parsePatterns('-k', ['vfs_read:']))).toMatchInlineSnapshot(`
      "
      -k 'vfs_read:' has neither the name of an argument nor a type after its colon.
      By name, by type, or both: -k 'vfs_*:count' '*:(struct sock *)' '*:(struct sk_buff *)skb'"
    `);
    expect(complaint(() => parsePatterns('-k', ['*:(int [3])x']))).toMatchInlineSnapshot(`
      "
      -k '*:(int [3])x': 'int [3]' is not a type that an argument is found by.
      Such types are names, with stars for pointers: '(size_t)', '(struct sk_buff *)', '(char **)'"
    `);
    expect(complaint(() => parsePatterns('-k', [':count']))).toMatchInlineSnapshot(`
      "
      -k ':count' has no name of a function before its colon.
      For all functions with that argument: -k '*:count'"
    `);
  });

  test.each(['vfs read', 'vfs_(read)', '/vfs/', 'żółw', 'vfs_read;', 'a\nb'])(
    "'%s' is no name",
    (text) => {
      expect(complaint(() => parsePatterns('-k', [text]))).toBe(
        `
-k '${text}' is neither the name of a function nor a glob of names.
A name has letters, digits, _ and .; a glob also *, ? and [a-z]: 'vfs_*'`,
      );
    },
  );

  test('are globs that can be looked for, or wrong usage', () => {
    fc.assert(
      fc.property(nearly('ab_.$*?[]!^-(),:g \n'), (text) => {
        complaint(() => compileGlobs(parsePatterns('-k', [text]).map(({ glob }) => glob)));
      }),
    );
  });
});

describe('a plan', () => {
  const refused: Readonly<Record<string, Reason>> = {
    _printk: 'variadic',
    do_exit: 'no-return',
    memcpy: 'no patch site',
    memset: 'no patch site',
    vfs_secret: 'denied',
  };
  const names = [
    ...['vfs_write', 'vfs_read', 'vfs_readv', 'rw_verify_area', 'fsnotify'],
    ...['security_file_open', 'security_file_permission', ...Object.keys(refused)],
  ].sort();

  const btf = new Btf(
    readFileSync(new URL('fixtures/symbols/types.btf', import.meta.url)),
    loadNative(),
  );

  const tracepoints = ['sched_switch', 'sched_wakeup', 'sys_enter'].map((name) => ({
    kind: 'tracepoint' as const,
    name,
    module: null,
    btfId: 0,
    returns: { kind: 'void' as const },
    reason: null,
  }));

  const symbols: FunctionSource = {
    btf,
    programs: { all: [], pinned: () => null, ofProcess: () => [] },
    modules: ['dm_snapshot', 'ext4'],
    btfOf: () => btf,
    match: (globs) => {
      const found = compileGlobs(globs);
      return names
        .filter((name) => found.test(name))
        .map((name): KernelFunction => ({
          name,
          module: null,
          btfId: 0,
          returns:
            name === 'vfs_read'
              ? { kind: 'int', bytes: 8, signed: true, char: false }
              : { kind: 'void' },
          reason: refused[name] ?? null,
        }));
    },
    tracepoints: (globs) => {
      const found = compileGlobs(globs);
      return tracepoints.filter(({ name }) => found.test(name));
    },
    nearest: (name, count) => findNearest(names, name, count),
    argumentTest: ({ name, type }) => {
      if (type !== null && type.base !== 'struct file') return null;
      const having = name === 'file' || type !== null ? /^(vfs|security)_/ : /^vfs_(read|write)$/;
      return (candidate) => name !== 'nothing' && having.test(candidate.name);
    },
    nearestTypes: (name, count) => findNearest(['struct file', 'size_t'], name, count),
  };

  /** Wishes with the patterns as they are written. */
  type Texts = Omit<Wishes, 'roots' | 'include' | 'exclude' | 'extra' | 'alsoRoots'> &
    Readonly<Record<'kfuncs' | 'include' | 'exclude' | 'extra' | 'alsoRoots', readonly string[]>>;

  const wishes: Texts = {
    kfuncs: ['vfs_read'],
    programs: [],
    tracepoints: [],
    modules: [],
    graph: false,
    include: [],
    exclude: [],
    extra: [],
    alsoRoots: [],
    maxDepth: 5,
    paths: 'likely',
    lesson: null,
    minDurationNs: 0,
    pids: [],
    comm: null,
    cgroup: null,
    command: null,
    bufferBytes: 4096,
    live: false,
    args: 'compact',
    outputs: [],
    filters: [],
    errnos: null,
    stack: false,
    cpuTime: false,
  };

  const planOf = (fields: Partial<Texts>, callees: CallGraph | null = null) => {
    const { kfuncs, include, exclude, extra, alsoRoots, ...others } = { ...wishes, ...fields };
    const all = {
      ...others,
      roots: parsePatterns('-k', kfuncs),
      include: parsePatterns('--fgraph-include', include),
      exclude: parsePatterns('--fgraph-exclude', exclude),
      extra: parsePatterns('--fgraph-extra', extra),
      alsoRoots: parsePatterns('b.yaml:4:', alsoRoots),
    };
    return makePlan(
      all,
      { methods: ['fsession.multi'], ...chooseFunctions(all, symbols) },
      symbols,
      callees,
    );
  };
  const plan = (...kfuncs: string[]) => planOf({ kfuncs });
  const graphOf = (fields: Partial<Texts>) => planOf({ graph: true, ...fields });

  /** A line a function, roots with a star; what is refused after it, with its reason. */
  function draw({ functions, refused }: ReturnType<typeof makePlan>): string {
    const lines = [
      ...functions.map(({ root, name }) => `${root ? '*' : ' '} ${name}`),
      ...refused.map(({ function: name, reason }) => `x ${name}: ${reason}`),
    ];
    return lines.map((line) => `\n${line}`).join('');
  }

  describe('of tracepoints', () => {
    const namesOf = (fields: Partial<Texts>) =>
      planOf(fields).tracepoints.map(({ name, root }) => `${root ? '*' : ' '} ${name}`);

    test('alone has those that match, each once', () => {
      const alone = { kfuncs: [], tracepoints: ['sched_*', 'sched_switch'] };
      expect(namesOf(alone)).toEqual(['* sched_switch', '* sched_wakeup']);
      expect(planOf(alone).functions).toEqual([]);
    });

    test('with functions has them as marks, which no filter is for', () => {
      expect(namesOf({ tracepoints: ['sys_enter'] })).toEqual(['  sys_enter']);
    });

    test('that do not exist names the nearest', () => {
      expect(() => planOf({ kfuncs: [], tracepoints: ['sched_swich'] })).toThrow(
        expect.objectContaining({
          message: 'This kernel has no tracepoint sched_swich.',
          suggestions: expect.arrayContaining(['Did you mean: sched_switch']) as unknown,
        }),
      );
      expect(() => planOf({ kfuncs: [], tracepoints: ['nope_*'] })).toThrow(
        "-t 'nope_*' matches no tracepoint of this kernel.",
      );
    });

    test.each([
      [{ graph: true }, '-g'],
      [{ minDurationNs: 1 }, '--min-duration'],
      [{ errnos: 'any' as const }, '--errors and --errno'],
      [{ cpuTime: true }, '--cpu-time'],
    ])('alone can not be asked for what only calls have: %j', (fields, flag) => {
      const alone = { kfuncs: [], tracepoints: ['sys_enter'] };
      expect(() => planOf({ ...alone, ...fields })).toThrow(`${flag} can't be of it`);
    });
  });

  test('has the functions that match, sorted, and those refused with their reasons', () => {
    expect(draw(plan('vfs_*,fsnotify', 'mem*'))).toMatchInlineSnapshot(`
      "
      * fsnotify
      * vfs_read
      * vfs_readv
      * vfs_write
      x memcpy: no patch site
      x memset: no patch site
      x vfs_secret: denied"
    `);
  });

  test('has a function once, however many patterns match it', () => {
    expect(draw(plan('vfs_read', 'vfs_re*', '*_read'))).toMatchInlineSnapshot(`
      "
      * vfs_read
      * vfs_readv"
    `);
  });

  test('has what is included below the roots, without what is excluded', () => {
    expect(draw(graphOf({ include: ['security_*,rw_*'], exclude: ['*_open'] })))
      .toMatchInlineSnapshot(`
      "
        rw_verify_area
        security_file_permission
      * vfs_read"
    `);
  });

  test('has what is extra in any case', () => {
    expect(
      draw(
        graphOf({ include: ['security_*'], exclude: ['security_*'], extra: ['*_open,do_exit'] }),
      ),
    ).toMatchInlineSnapshot(`
      "
        security_file_open
      * vfs_read
      x do_exit: no-return"
    `);
  });

  test('has a root as a root, even where it is included, excluded or extra', () => {
    expect(draw(graphOf({ include: ['vfs_read*'], exclude: ['vfs_read'], extra: ['vfs_read'] })))
      .toMatchInlineSnapshot(`
      "
      * vfs_read
        vfs_readv"
    `);
  });

  test('has what budgets limit as roots too, where it is not left out', () => {
    const limited = {
      include: ['vfs_read*', 'vfs_write', 'security_*'],
      exclude: ['*_open', 'vfs_readv'],
      alsoRoots: ['security_*', 'vfs_write'],
    };
    expect(draw(graphOf(limited))).toMatchInlineSnapshot(`
      "
      * security_file_permission
      * vfs_read
      * vfs_write"
    `);
    expect(draw(graphOf({ extra: ['fsnotify'], alsoRoots: ['fsnotify'] }))).toContain('* fsnotify');
    const unknown = { include: ['vfs_*'], alsoRoots: ['nosuch_*'] };
    expect(complaint(() => graphOf(unknown))).toContain(
      "b.yaml:4: 'nosuch_*' matches no function of this kernel.",
    );
  });

  test("keeps each function's own BTF id", () => {
    const [found] = symbols.match(['vfs_write']);
    const { functions } = plan('vfs_write');
    expect(functions).toMatchObject([{ ...found, root: true }]);
  });

  test('is of a graph when one of its roots has (g)', () => {
    const { graph, maxDepth } = planOf({
      kfuncs: ['vfs_write,(g)vfs_read'],
      include: ['fsnotify'],
    });
    expect({ graph, maxDepth }).toEqual({ graph: true, maxDepth: 5 });
  });

  test('has any depth without a graph, where roots call roots', () => {
    const { graph, maxDepth } = plan('vfs_*');
    expect({ graph, maxDepth }).toEqual({ graph: false, maxDepth: 500 });
  });

  test('is refused when flags of a graph come without -g', () => {
    expect(complaint(() => planOf({ include: ['fsnotify'] }))).toContain('needs -g');
  });

  test('passes on what else was asked for', () => {
    const others = {
      minDurationNs: 1000,
      pids: [3, 4],
      comm: 'cat',
      command: ['cat', '/etc/hostname'],
      bufferBytes: 65_536,
      live: true,
    };
    expect(planOf(others)).toMatchObject(others);
  });

  test('a name that does not exist: the nearest that do', () => {
    expect(complaint(() => plan('vfs_raed'))).toMatchInlineSnapshot(`
      "
      -k 'vfs_raed' is no function of this kernel.
      Did you mean: vfs_read, vfs_readv
      Look for functions with: fsnoop list '*vfs_raed*'"
    `);
  });

  test('a name like no other', () => {
    expect(complaint(() => plan('tcp_v4_connect'))).toMatchInlineSnapshot(`
      "
      -k 'tcp_v4_connect' is no function of this kernel.
      Look for functions with: fsnoop list '*tcp_v4_connect*'
      One of a module is there when that is loaded: sudo modprobe NAME"
    `);
  });

  test('a glob that matches nothing, named with its flag', () => {
    expect(complaint(() => graphOf({ include: ['vfs_*'], exclude: ['fsnotifi?'] })))
      .toMatchInlineSnapshot(`
      "
      --fgraph-exclude 'fsnotifi?' matches no function of this kernel.
      Did you mean: fsnotify
      Look for functions with: fsnoop list '*fsnotifi*'
      For those of modules: --kfunc-kmods NAME, or --kfunc-all-kmods"
    `);
  });

  test('has of the functions that match those with an argument', () => {
    expect(
      draw(
        graphOf({ kfuncs: ['*:count'], include: ['*:(struct file *)'], exclude: ['vfs_*:file'] }),
      ),
    ).toMatchInlineSnapshot(`
      "
        security_file_open
        security_file_permission
      * vfs_read
      * vfs_write"
    `);
  });

  test('a type that does not exist: the nearest that do', () => {
    expect(complaint(() => plan('vfs_*:(struct fil *)file'))).toMatchInlineSnapshot(`
      "
      -k 'vfs_*:(struct fil *)file': this kernel has no type struct fil.
      Did you mean: struct file
      Look for types with: fsnoop types '*fil*'"
    `);
  });

  test('an argument that no function has', () => {
    expect(complaint(() => plan('vfs_read:nothing'))).toMatchInlineSnapshot(`
      "
      -k 'vfs_read:nothing': vfs_read has no argument nothing.
      See the arguments that there are: fsnoop list --proto 'vfs_read'"
    `);
    expect(complaint(() => plan('vfs_*:(struct file *)nothing'))).toMatchInlineSnapshot(`
      "
      -k 'vfs_*:(struct file *)nothing': none of the 4 functions that match has an argument (struct file *)nothing.
      See the arguments that there are: fsnoop list --proto 'vfs_*'"
    `);
  });

  test('a function that can not be traced', () => {
    expect(complaint(() => plan('_printk'))).toMatchInlineSnapshot(`
      "
      _printk can't be traced: variadic.
      See each with its reason: fsnoop list '_printk'"
    `);
  });

  test('functions none of which can be traced: reasons with their counts', () => {
    expect(complaint(() => plan('mem*', '*_secret'))).toMatchInlineSnapshot(`
      "
      None of the 3 functions that -k 'mem*,*_secret' matches can be traced (no patch site: 2, denied: 1).
      See each with its reason: fsnoop list 'mem*' '*_secret'"
    `);
  });

  test('a function that can not be traced, matched twice, is one', () => {
    expect(complaint(() => plan('_printk,_print*'))).toMatchInlineSnapshot(`
      "
      _printk can't be traced: variadic.
      See each with its reason: fsnoop list '_printk' '_print*'"
    `);
  });

  test('a traceable function below does not make up for its roots', () => {
    expect(complaint(() => graphOf({ kfuncs: ['do_exit'], include: ['vfs_*'] }))).toContain(
      "do_exit can't be traced: no-return.",
    );
  });

  test('a root that is left out of its own graph', () => {
    const kfuncs = ['vfs_read', 'vfs_write'];
    expect(complaint(() => graphOf({ kfuncs, exclude: ['fsnotify,*_write'] })))
      .toMatchInlineSnapshot(`
      "
      --fgraph-exclude '*_write' leaves out vfs_write, which is to be traced: -k 'vfs_read,vfs_write'.
      Functions below the roots are what it leaves out: give a pattern that matches no root"
    `);
  });

  describe('of a graph that was found in machine code', () => {
    const callee = (level: number, calls: number[], ...aliases: string[]) => ({
      names: aliases,
      level,
      calls,
      indirectCalls: level,
    });
    const callees: CallGraph = {
      callees: [
        callee(0, [1, 2, 3, 4], 'vfs_read'),
        callee(1, [4], 'rw_verify_area'),
        callee(1, [], 'memcpy', 'memset'),
        callee(1, [], 'do_exit', 'no_function'),
        callee(2, [], 'no_function', 'vfs_secret', 'fsnotify'),
        callee(2, [], 'no_function'),
      ],
      leftOut: [{ function: '_printk', why: 'writes to the log' }],
    };
    const found = (fields: Partial<Texts>) => planOf({ graph: true, ...fields }, callees);

    test('has its functions, of several names the traceable one', () => {
      expect(draw(found({}))).toMatchInlineSnapshot(`
        "
          fsnotify
          rw_verify_area
        * vfs_read
        x do_exit: no-return"
      `);
    });

    test('has what is extra too', () => {
      expect(draw(found({ extra: ['security_*'] }))).toMatchInlineSnapshot(`
        "
          fsnotify
          rw_verify_area
          security_file_open
          security_file_permission
        * vfs_read
        x do_exit: no-return"
      `);
    });

    test('has a root that a filter refuses where another root calls it', () => {
      const kfuncs = ['vfs_read', 'rw_verify_area', 'fsnotify'];
      const roots = [
        callee(0, [1], 'vfs_read'),
        callee(0, [], 'rw_verify_area'),
        callee(0, [], 'fsnotify'),
      ];
      const fields = { graph: true, kfuncs, errnos: 'any' as const };
      expect(draw(planOf(fields, { callees: roots, leftOut: [] }))).toMatchInlineSnapshot(`
        "
          rw_verify_area
        * vfs_read
        x fsnotify: returns no errors
        x rw_verify_area: but below others; returns no errors"
      `);
    });

    test('has what is included instead, wherever it is called', () => {
      expect(draw(found({ include: ['security_*'] }))).toMatchInlineSnapshot(`
        "
          security_file_open
          security_file_permission
        * vfs_read"
      `);
    });

    test('says what it does not know', () => {
      expect(
        found({}).callees?.callees.map(
          ({ callee: { name, reason } }) => `${name}: ${reason ?? 'traceable'}`,
        ),
      ).toMatchInlineSnapshot(`
        [
          "vfs_read: traceable",
          "rw_verify_area: traceable",
          "memcpy: no patch site",
          "do_exit: no-return",
          "fsnotify: traceable",
          "no_function: no patch site",
        ]
      `);
      expect(found({}).callees?.cold).toEqual(callees.leftOut);
    });
  });
});

describe('a command', () => {
  test.each([
    ['cat /etc/hostname', ['cat', '/etc/hostname']],
    ['  cat\t/etc/hostname  ', ['cat', '/etc/hostname']],
    ['dd if=/dev/zero of=/dev/null', ['dd', 'if=/dev/zero', 'of=/dev/null']],
    ['printf %s. -x', ['printf', '%s.', '-x']],
  ])('of plain words is run directly: %s', (text, argv) => {
    expect(parseCommand(text)).toEqual(argv);
  });

  test.each([
    "echo 'a b'",
    'echo "a b"',
    'cat a | wc',
    'cat < a > b',
    'sleep 1 &',
    'cd /tmp; ls',
    'ls *.c',
    'ls ?.[ch]',
    'ls ~/a',
    'echo $HOME `pwd`',
    'echo a\\ b',
    'ls # all',
    'echo {a,b}',
    '(cd /; ls)',
    '! true',
    'LANG=C ls',
    'echo a\necho b',
  ])('that a shell would interpret is given to one: %s', (text) => {
    expect(parseCommand(text)).toEqual(['/bin/sh', '-c', text]);
  });

  test.each(['', ' ', '\t\n'])("is not '%s'", (text) => {
    expect(complaint(() => parseCommand(text))).toBe(
      `
The command is empty.
Give it as at a shell: -c 'cat /etc/hostname'`,
    );
  });

  test('does the same whether it is run directly or by a shell', () => {
    const run = (argv: readonly string[]) => execFileSync(argv[0] ?? '', argv.slice(1)).toString();
    const words = fc.string({
      unit: fc.constantFrom(...['a', '1', '=', '%', ',', '@', '/', '-', ' ', '\t', '\n']),
      maxLength: 12,
    });
    fc.assert(
      fc.property(words, (more) => {
        const text = `printf %s. a${more}`;
        const argv = parseCommand(text);
        fc.pre(argv[0] !== '/bin/sh');
        expect(run(argv)).toBe(run(['/bin/sh', '-c', text]));
      }),
      { numRuns: 40 },
    );
  });

  test('fails only when it is empty', () => {
    fc.assert(
      fc.property(nearly('a \t\n=\'"$'), (text) => {
        expect(complaint(() => parseCommand(text)) === '').toBe(text.trim() !== '');
      }),
    );
  });
});

describe('process ids', () => {
  test.each([
    ['1', [1]],
    ['4321,4322', [4321, 4322]],
    [' 7 , 8 ', [7, 8]],
    ['4194303', [4_194_303]],
  ])("'%s' has them", (text, pids) => {
    expect(parsePids(text)).toEqual(pids);
  });

  test.each(['', '0', '-1', '1,', '1,,2', '4194304', '1e3', '0x10', '1.5', 'cat', '1 2'])(
    "'%s' is none",
    (text) => {
      expect(complaint(() => parsePids(text))).toBe(
        `
--filter-pid '${text}' is not a process id.
Find one with: pgrep NAME`,
      );
    },
  );

  test('are such as the kernel gives, or wrong usage', () => {
    fc.assert(
      fc.property(nearly('0123456789,. -e'), (text) => {
        complaint(() => {
          for (const pid of parsePids(text)) {
            expect(pid).toSatisfy(Number.isInteger);
            expect(pid).toBeGreaterThan(0);
            expect(pid).toBeLessThan(2 ** 22);
          }
        });
      }),
    );
  });
});

describe('the name of a task', () => {
  test.each(['cat', 'a', 'kworker/0:1 (x)', '123456789012345', 'żółw-żółw'])(
    'fits into 15 bytes: %s',
    (text) => {
      expect(parseComm(text)).toBe(text);
    },
  );

  test('one that does not fit: what the kernel keeps of it', () => {
    expect(complaint(() => parseComm('NetworkManager-x'))).toMatchInlineSnapshot(`
      "
      --comm 'NetworkManager-x' has 16 bytes; the kernel keeps 15 of a task's name.
      See the names with: ps -eo comm; the kernel would call it 'NetworkManager-'"
    `);
  });

  test('counts bytes, not letters', () => {
    expect(complaint(() => parseComm('żżżżżżżż'))).toMatchInlineSnapshot(`
      "
      --comm 'żżżżżżżż' has 16 bytes; the kernel keeps 15 of a task's name.
      See the names with: ps -eo comm; the kernel would call it 'żżżżżżż'"
    `);
  });

  test('is not empty', () => {
    expect(complaint(() => parseComm(''))).toMatchInlineSnapshot(`
      "
      --comm is empty.
      See the names with: ps -eo comm"
    `);
  });

  test('comes back as it is, or is wrong usage and the advice is a name that fits', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), (text) => {
        const said = complaint(() => {
          expect(parseComm(text)).toBe(text);
        });
        const advised = /would call it '(.*)'$/s.exec(said)?.[1] ?? 'nothing';
        expect(parseComm(advised)).toBe(advised);
      }),
    );
  });
});

describe("a flag of bpfsnoop's", () => {
  test('that fsnoop has not is explained, by its long name and its short', () => {
    expect(adviceOn('--disasm-bytes')).toBe("bpfsnoop's --disasm-bytes goes with --disasm.");
    expect(adviceOn('-B')).toBe("bpfsnoop's -B goes with --disasm.");
  });

  test.each(['--nonsense', '-x', '', 'prog'])("'%s' is none", (flag) => {
    expect(adviceOn(flag)).toBeUndefined();
  });

  test('--mode tells entries or does not', () => {
    expect([['exit'], ['entry'], ['entry,exit'], ['exit', 'entry']].map(hasEntryMode)).toEqual([
      ...[false, true, true, true],
    ]);
    expect(complaint(() => hasEntryMode(['entry,both']))).toMatchInlineSnapshot(`
      "
      --mode 'both' is neither entry nor exit.
      A line at each return: --mode exit; one at each entry too: --mode entry,exit"
    `);
  });
});
