import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import {
  renderCountsJson,
  renderCountsText,
  renderListJson,
  renderListText,
} from '../src/render/list.js';
import {
  denyList,
  isDenied,
  isNoReturn,
  noReturn,
  whyDenied,
  whyDeniedTracepoint,
} from '../src/symbols/deny-list.js';
import { findNearest } from '../src/words/nearest.js';
import { Btf } from '../src/symbols/btf.js';
import { spellPrototype } from '../src/symbols/c-type.js';
import { spellFunction, type KernelFunction, type Scope } from '../src/symbols/function.js';
import { makeSymbols } from '../src/symbols/functions.js';

const fixture = (name: string) =>
  readFileSync(new URL(`fixtures/symbols/${name}`, import.meta.url));

const readModule = (base: Btf) => new Btf(fixture('ext4.btf'), loadNative(), base);

const symbols = makeSymbols(
  {
    btf: fixture('types.btf'),
    kallsyms: fixture('kallsyms.txt'),
    available: fixture('available_filter_functions.txt'),
    modules: {
      names: ['ext4', 'without_btf'],
      btf: (name, base) => (name === 'ext4' ? readModule(base) : null),
    },
  },
  loadNative(),
);

const namesOf = (...globs: string[]) => symbols.match(globs).map(({ name }) => name);

describe('what /proc/kallsyms has of modules', () => {
  const [vmlinux, modules] = splitAt(fixture('kallsyms.txt').toString('latin1'), /^.*\t\[/m);
  const load = (...names: string[]) => {
    let reads = 0;
    const made = makeSymbols(
      {
        btf: fixture('types.btf'),
        kallsyms: Buffer.from(vmlinux, 'latin1'),
        modules: { names, btf: (_, base) => readModule(base) },
        rest: {
          all: () => {
            reads++;
            return Buffer.from(`${vmlinux}${modules}`, 'latin1');
          },
        },
        available: fixture('available_filter_functions.txt'),
      },
      loadNative(),
    );
    return { made, readsAfter: (...globs: string[]) => (made.match(globs), reads) };
  };

  it('is read for names that vmlinux does not have, once', () => {
    const { made, readsAfter } = load('ext4');
    expect(readsAfter('find_it', 'do_exit', 'ext4_*')).toBe(0);
    expect(readsAfter('find_it', 'ext4_readdir')).toBe(1);
    expect(readsAfter('ext4_readdir')).toBe(1);
    expect(made.match(['*'], 'all modules')).toEqual(symbols.match(['*'], 'all modules'));
  });

  it('is not read where no module is loaded', () => {
    expect(load().readsAfter('nonsense', '*')).toBe(0);
  });
});

function splitAt(text: string, place: RegExp): [string, string] {
  const at = text.search(place);
  return [text.slice(0, at), text.slice(at)];
}

describe('functions', () => {
  it('have the lower half of their address, if the kernel tells it', () => {
    const hidden = makeSymbols(
      {
        btf: fixture('types.btf'),
        kallsyms: Buffer.from(
          String(fixture('kallsyms.txt')).replace(/^[0-9a-f]{16}/gm, '0'.repeat(16)),
        ),
        available: fixture('available_filter_functions.txt'),
      },
      loadNative(),
    );
    const addressOf = (from: typeof symbols) => from.match(['read_it'])[0]?.address;
    expect([addressOf(symbols), addressOf(hidden)]).toEqual([0x81000030, undefined]);
  });

  it('are traceable or have a reason why not', () => {
    expect(
      renderListText(symbols.match(['*'], 'all modules'), { color: false, prototypeOf: null }),
    ).toBe(
      `\
_sinittext                                no patch site
_text                                     no patch site
also_data                                 named twice
below_zero
do_exit                                   no-return
ext4_readdir [ext4]
find_it
find_it [ext4]
is_it
low_byte
nothing
notrace                                   no patch site
only_in_btf                               no patch site
print_it                                  variadic
rcu_barrier                               denied: the trampoline itself enters and leaves RCU: btf_id_deny of kernel/bpf/verifier.c
read_it
returns_either                            struct by value
returns_pair                              struct by value
returns_u128                              128-bit value
setup_it                                  no patch site
split.isra.0                              no BTF
takes_big                                 struct by value
takes_double                              refused by the kernel
takes_empty                               struct by value
takes_thirteen                            too many arguments
takes_twelve
takes_u128                                128-bit value
twice_in_btf                              named twice
twice_in_kallsyms                         named twice
`,
    );
  });

  it('know how their returned value is to be read', () => {
    const returns = Object.fromEntries(
      symbols
        .match(['nothing', 'read_it', 'is_it', 'low_byte', 'below_zero', 'find_it', 'split.isra.0'])
        .map((known) => [known.name, known.returns]),
    );
    expect(returns).toEqual({
      nothing: { kind: 'void' },
      read_it: { kind: 'int', bytes: 4, signed: true, char: false },
      is_it: { kind: 'bool' },
      low_byte: { kind: 'int', bytes: 1, signed: false, char: true },
      below_zero: { kind: 'enum', bytes: 4, signed: true, names: new Map([[-1n, 'MINUS_ONE']]) },
      find_it: { kind: 'pointer', to: 'data' },
      'split.isra.0': { kind: 'void' },
    });
  });

  it('have the id of their BTF', () => {
    const [found, split] = symbols.match(['read_it', 'split.isra.0']);
    expect(found?.btfId).toBe(symbols.btf.find('func', 'read_it')[0]);
    expect(split?.btfId).toBe(0);
  });

  it('of vmlinux hide those of a module with the same name', () => {
    expect(symbols.match(['find_it'])).toMatchObject([{ module: null, reason: null }]);
    expect(symbols.match(['ext4_readdir'])).toMatchObject([{ module: 'ext4', reason: null }]);
  });

  it('of modules are matched by globs where those are in scope', () => {
    const spelt = (scope: Scope) =>
      symbols.match(['find_*', 'ext4_*'], scope).map((found) => spellFunction(found));
    expect(spelt([])).toEqual(['find_it']);
    expect(spelt(['without_btf'])).toEqual(['find_it']);
    expect(spelt(['ext4'])).toEqual(['ext4_readdir [ext4]', 'find_it', 'find_it [ext4]']);
    expect(spelt('all modules')).toEqual(spelt(['ext4']));
  });

  it('of modules have the types of vmlinux and their own', () => {
    const [found] = symbols.match(['ext4_readdir']);
    const btf = symbols.btfOf('ext4');
    expect(found?.btfId).toBeGreaterThanOrEqual(symbols.btf.count);
    expect(spellPrototype(btf, found?.btfId ?? 0, 'ext4_readdir')).toBe(
      'int ext4_readdir(struct ext4_dir *dir, int first)',
    );
    expect(symbols.btfOf('without_btf')).toBe(symbols.btf);
    const test = symbols.argumentTest({ name: null, type: { base: 'struct ext4_dir', stars: 1 } });
    const all = symbols.match(['*'], 'all modules');
    expect(all.filter((one) => test?.(one) === true).map(({ name }) => name)).toEqual([
      'ext4_readdir',
    ]);
  });

  it('without a line feed at the end of the files are all found', () => {
    const cut = makeSymbols(
      {
        btf: fixture('types.btf'),
        kallsyms: Buffer.from('81000020 T nothing\n81000030 t last_one'),
        available: Buffer.from('nothing\nlast_one'),
      },
      loadNative(),
    );
    expect(cut.match(['nothing', 'last_one'])).toMatchObject([
      { name: 'last_one', reason: 'no BTF' },
      { name: 'nothing', reason: null },
    ]);
  });

  it('may be known to BTF alone', () => {
    const bare = makeSymbols(
      {
        btf: fixture('types.btf'),
        kallsyms: Buffer.alloc(0),
        available: Buffer.alloc(0),
      },
      loadNative(),
    );
    expect(bare.match(['is_it'])).toMatchObject([{ reason: 'no patch site' }]);
  });
});

describe('match', () => {
  it('takes names and globs, and gives each function once, sorted', () => {
    expect(namesOf('read_it', 'nothing', '*ead_it', 'absent')).toEqual(['nothing', 'read_it']);
    expect(namesOf('returns_?*')).toEqual(['returns_either', 'returns_pair', 'returns_u128']);
    expect(namesOf('[a-b]*')).toEqual(['also_data', 'below_zero']);
    expect(namesOf('twice_in_[!k]*')).toEqual(['twice_in_btf']);
    expect(namesOf('split[.]isra.[0-9]')).toEqual(['split.isra.0']);
  });

  it('is of the whole name, with its case', () => {
    expect(namesOf('read', 'READ_IT', 'Read*', 'isra')).toEqual([]);
    expect(namesOf('split.isra?0', 'splitXisra*')).toEqual(['split.isra.0']);
  });

  it('takes a name that is given twice for one', () => {
    expect(symbols.match(['read_it', 'read_it'])).toEqual(symbols.match(['read_it']));
    const many = Array.from({ length: 20 }, (_, at) => `absent_${at}`);
    expect(symbols.match([...many, 'read_it', 'ead', 'twice_in_btf'])).toEqual(
      symbols.match(['read_it', 'twice_in_btf']),
    );
  });

  it('takes a bracket that is never closed for itself, and an upside-down range for nothing', () => {
    expect(namesOf('read_it[', '*[')).toEqual([]);
    expect(namesOf('[z-a]ead_it', '[z-ar]ead_it')).toEqual(['read_it']);
  });
});

describe('nearest', () => {
  it('finds slips: a letter swapped, missing, wrong', () => {
    expect(symbols.nearest('raed_it', 1)).toEqual(['read_it']);
    expect(symbols.nearest('rcu_barier', 1)).toEqual(['rcu_barrier']);
    expect(symbols.nearest('lov_byte', 1)).toEqual(['low_byte']);
    expect(symbols.nearest('takes_bi', 2)[0]).toBe('takes_big');
    expect(findNearest(['__sk_buff', 'sembuf', 'sk_buff'], 'sk_buf', 1)).toEqual(['sk_buff']);
  });

  it('finds longer names that hold it', () => {
    expect(symbols.nearest('readdir', 3)).toContain('ext4_readdir');
    expect(symbols.nearest('twelve', 3)).toEqual(['takes_twelve']);
  });

  it('finds nothing for what is like nothing', () => {
    expect(symbols.nearest('zzzzzzzzzz', 3)).toEqual([]);
    expect(symbols.nearest('', 3)).toEqual([]);
  });
});

describe('the deny list', () => {
  it('says why', () => {
    expect(denyList.filter(({ why, functions }) => why === '' || functions.length === 0)).toEqual(
      [],
    );
    expect(whyDenied('smp_text_poke_batch_finish')).toMatch(/patches kernel text/);
    expect(whyDenied('vfs_read')).toBeNull();
    expect(whyDeniedTracepoint('sched_set_need_resched_tp')).toMatch(/ran out of stack/);
    expect(whyDeniedTracepoint('rcu_utilization')).toMatch(/inside of RCU/);
    expect(whyDeniedTracepoint('sched_switch')).toBeNull();
  });

  it.each([
    'smp_text_poke_batch_finish',
    'exc_int3',
    'migrate_disable',
    '___migrate_enable',
    'preempt_count_add',
    '__rcu_read_lock',
    'rcu_read_lock_held',
    'arch_cpu_idle',
    'bpf_dispatcher_xdp_func',
    '__bpf_prog_enter_recur',
    'bpf_get_smp_processor_id',
    'bpf_ktime_get_ns',
    'bpf_task_storage_get',
    'bpf_session_cookie',
  ])('has %s', (name) => {
    expect(isDenied(name)).toBe(true);
  });

  it.each(['vfs_read', 'ksys_read', 'srcu_drive_gp', 'bpf_fentry_test1'])('lets %s be', (name) => {
    expect(isDenied(name)).toBe(false);
  });

  it('keeps functions that never return apart', () => {
    expect(noReturn.every(isNoReturn)).toBe(true);
    expect(isNoReturn('do_exit_group')).toBe(false);
  });
});

describe('the list', () => {
  const some = symbols.match(['find_it', 'ext4_readdir', 'takes_*']);

  it('is one JSON object a line', () => {
    expect(renderListJson(some.slice(0, 3), null)).toBe(
      `\
{"type":"function","function":"ext4_readdir","module":"ext4","traceable":true,"reason":null}
{"type":"function","function":"find_it","module":null,"traceable":true,"reason":null}
{"type":"function","function":"takes_big","module":null,"traceable":false,"reason":"struct by value"}
`,
    );
  });

  it('has prototypes where they are asked for and known', () => {
    const prototypeOf = ({ btfId, name }: KernelFunction) =>
      btfId === 0 ? null : `int ${name}(void)`;
    expect(`\n${renderListText(some.slice(0, 3), { color: false, prototypeOf })}`).toBe(
      `
int ext4_readdir(void) [ext4]
int find_it(void)
int takes_big(void)                                                       struct by value
`,
    );
    expect(renderListJson(some.slice(0, 2), prototypeOf)).toBe(
      `\
{"type":"function","function":"ext4_readdir","module":"ext4","traceable":true,"reason":null,"proto":"int ext4_readdir(void)"}
{"type":"function","function":"find_it","module":null,"traceable":true,"reason":null,"proto":"int find_it(void)"}
`,
    );
  });

  it('can be counted by reason', () => {
    expect(renderCountsText(some)).toBe(
      `\
3  traceable
2  struct by value
1  refused by the kernel
1  too many arguments
1  128-bit value
`,
    );
    expect(renderCountsJson(some.slice(0, 2))).toBe(
      `\
{"type":"count","traceable":true,"reason":null,"functions":2}
`,
    );
    expect(renderCountsText([])).toBe('');
  });
});
