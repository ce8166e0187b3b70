/** The parts of the guest module that need no guest. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findOwnArchitecture } from '../src/vm/architecture.js';
import { directory, encodeCpio, file, link } from '../src/vm/cpio.js';
import { makeEndMark } from '../src/vm/end-mark.js';
import { chooseEnvironment } from '../src/vm/environment.js';
import { cpioPath, parseGuestFile } from '../src/vm/guest-files.js';
import { renderCommand } from '../src/vm/init.js';
import { findLastWords, findSplats, parseConsole } from '../src/vm/kernel-log.js';
import {
  chooseKernelPackages,
  listSeries,
  loadKernel,
  loadKernels,
  loadKernelWithModules,
} from '../src/vm/kernels.js';
import {
  loadModules,
  moduleName,
  parseBuiltIn,
  parseDepends,
  parseModuleNames,
} from '../src/vm/modules.js';
import { needProgram } from '../src/vm/programs.js';
import { renderArgs } from '../src/vm/qemu.js';
import { renderRunEnd } from '../src/vm/run-end.js';
import { quoteShell } from '../src/words/shell.js';

describe('a cpio archive', () => {
  test('has a header of hexadecimal fields, the name, the content, each padded to four bytes', () => {
    expect(encodeCpio([file('a', 'hello', 0o755)]).toString()).toBe(
      [
        '070701' + '00000000' + '000081ed' + '00000000' + '00000000' + '00000001' + '00000000',
        '00000005' + '00000000' + '00000000' + '00000000' + '00000000' + '00000002' + '00000000',
        'a\0',
        'hello\0\0\0',
        '070701' + '00000000' + '00000000' + '00000000' + '00000000' + '00000001' + '00000000',
        '00000000' + '00000000' + '00000000' + '00000000' + '00000000' + '0000000b' + '00000000',
        'TRAILER!!!\0\0\0\0',
      ].join(''),
    );
  });

  test('is read by cpio, with folders before what lies in them', () => {
    const archive = encodeCpio([
      file('usr/bin/x', '#!'),
      link('bin', 'usr/bin'),
      directory('tmp'),
      file('usr/bin/y', ''),
    ]);
    const listed = execFileSync(needProgram('busybox'), ['cpio', '-t'], {
      input: archive,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    expect(listed.toString().split('\n')).toEqual([
      ...['usr', 'usr/bin', 'usr/bin/x', 'bin', 'tmp', 'usr/bin/y', ''],
    ]);
  });

  test('always has a length that another archive can follow', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 9 }),
        fc.stringMatching(/^[a-z]{1,9}$/),
        (bytes, name) => {
          expect(encodeCpio([file(name, Buffer.from(bytes))]).length % 4).toBe(0);
        },
      ),
    );
  });
});

describe("the kernel's console", () => {
  const warning = [
    '[    0.000000] Linux version 7.2.13+deb14-cloud-amd64',
    '[    4.100000] ------------[ cut here ]------------',
    '[    4.100001] WARNING: kernel/trace/ftrace.c:2270 at ftrace_bug+0x9f/0x260, CPU#1: node/101',
    '[    4.100002] Modules linked in:',
  ];
  const panic = [
    '[    5.204382] sysrq: Trigger a crash',
    '[    5.204383] Kernel panic - not syncing: sysrq triggered crash',
    '[    5.205068] CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 7.2.13+deb14-cloud-amd64',
  ];

  test('is lines, without carriage returns and control sequences', () => {
    expect(
      parseConsole(Buffer.from('\x1bc\x1b[?7l\x1b[2J[ 1.0] one\r\n\r\n[ 1.1] two\r\n')),
    ).toEqual(['[ 1.0] one', '[ 1.1] two']);
  });

  test('has no splats when all is well', () => {
    expect(findSplats(['[    0.1] warning: harmless', '[    0.2] rcu: Hierarchical SRCU'])).toEqual(
      [],
    );
  });

  test('has no splats when modules are loaded', () => {
    expect(
      findSplats([
        '[    3.1] loop: module verification failed: signature and/or required key missing - tainting kernel',
        '[    3.2] Disabling lock debugging due to kernel taint',
        '[    3.3] vivid: loading out-of-tree module taints kernel.',
        '[    3.4] r8712u: module is from the staging directory, the quality is unknown, you have been warned.',
      ]),
    ).toEqual([]);
  });

  test.each([
    warning[2],
    panic[1],
    '[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000000',
    '[    1.0] Oops: int3: 0000 [#1] SMP NOPTI',
    '[    1.0] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [node:101]',
    '[    1.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
    '[    1.0] INFO: hung task detected',
  ])('has a splat: %s', (line) => {
    expect(findSplats(['[    0.1] fine', line ?? ''])).toEqual([line]);
  });

  test('ends a crash with its last words, from the first splat to the panic', () => {
    const between = Array.from({ length: 40 }, (_, at) => `[    4.2] line ${at}`);
    const words = findLastWords([...warning, ...between, ...panic]);
    expect(words[0]).toBe(warning[2]);
    expect(words.at(-1)).toBe(panic[1]);
    expect(words).toHaveLength(31);
  });
});

describe('the end mark', () => {
  const mark = Buffer.from('abac');

  test('is taken off however the stream is cut, and nothing else is', () => {
    fc.assert(
      fc.property(
        fc
          .array(fc.stringMatching(/^[abc]{1,5}$/))
          .filter((parts) => !parts.join('').includes('abac')),
        fc.array(fc.nat({ max: 30 })),
        (parts, cuts) => {
          const text = parts.join('');
          fc.pre(!`${text}aba`.includes('abac') && !`${text}abac`.slice(0, -1).includes('abac'));
          const whole = Buffer.from(`${text}abac`);
          const endMark = makeEndMark(mark);
          const places = [0, ...cuts.map((cut) => cut % whole.length).sort((a, b) => a - b)];
          const out = places.map((from, at) => endMark.push(whole.subarray(from, places[at + 1])));
          expect(Buffer.concat(out).toString()).toBe(text);
          expect(endMark.ended).toBe(true);
        },
      ),
    );
  });

  test('holds back only what may be its beginning, and gives it when the stream just ends', () => {
    const endMark = makeEndMark(mark);
    expect(endMark.push(Buffer.from('xyab')).toString()).toBe('xy');
    expect(endMark.push(Buffer.from('b')).toString()).toBe('abb');
    expect(endMark.push(Buffer.from('a')).toString()).toBe('');
    expect(endMark.flush().toString()).toBe('a');
    expect(endMark.ended).toBe(false);
  });
});

describe('a command', () => {
  test.each(['', "it's", '$HOME `x` "y" \\', 'two\nlines', '-n', '*', 'ü'])(
    'keeps the argument %j as it is',
    (word) => {
      const back = execFileSync('sh', ['-c', `printf %s ${quoteShell(word)}`]);
      expect(back.toString()).toBe(word);
    },
  );

  test('is a script that becomes it', () => {
    expect(renderCommand(['fsnoop', '-c', 'cat /etc/hostname'], { TERM: 'xterm' }, [])).toBe(
      ['export TERM=xterm', "exec fsnoop -c 'cat /etc/hostname'", ''].join('\n'),
    );
  });

  test('starts when all modules are loaded', () => {
    expect(renderCommand(['lsmod'], {}, ['cdrom', 'isofs'])).toBe(
      [
        'insmod /usr/lib/modules/cdrom.ko || exit 125',
        'insmod /usr/lib/modules/isofs.ko || exit 125',
        'exec lsmod',
        '',
      ].join('\n'),
    );
  });

  test('learns of the terminal that its output ends up on', () => {
    const terminal = { isTTY: true, columns: 120 };
    expect(chooseEnvironment({ TERM: 'xterm', LANG: 'de_DE' }, terminal)).toEqual({
      TERM: 'xterm',
      COLUMNS: '120',
      FORCE_COLOR: '1',
    });
    expect(chooseEnvironment({ NO_COLOR: '1' }, terminal)).toEqual({
      COLUMNS: '120',
      NO_COLOR: '1',
    });
    expect(chooseEnvironment({ TERM: 'xterm' }, {})).toEqual({ TERM: 'xterm' });
  });
});

describe('kernels of Debian', () => {
  const names = `
linux-image-6.1.0-9-cloud-amd64
linux-image-6.1.0-50-cloud-amd64
linux-image-6.1.0-50-cloud-amd64-dbg
linux-image-6.1.0-50-cloud-amd64-unsigned
linux-image-6.12.107+deb13-cloud-amd64
linux-image-6.12.107+deb13-amd64
linux-image-6.19.14+deb14-cloud-amd64
linux-binary-6.19.14+deb14-cloud-amd64
linux-image-7.2.9+deb14-cloud-amd64
linux-binary-7.2.9+deb14-cloud-amd64
linux-binary-7.2.13+deb14-cloud-amd64
linux-modules-7.2.9+deb14-cloud-amd64
linux-modules-7.2.13+deb14-cloud-amd64
linux-base-7.2.13+deb14-cloud-amd64
linux-image-7.2.13+deb14-cloud-amd64
linux-binary-7.2~rc7-cloud-amd64
linux-binary-7.3-cloud-amd64
linux-binary-7.4~rc2-cloud-amd64
linux-image-cloud-amd64
linux-headers-7.2.13+deb14-cloud-amd64`.split('\n');

  test.each([
    ['6.1', ['linux-image-6.1.0-50-cloud-amd64']],
    ['6.12', ['linux-image-6.12.107+deb13-cloud-amd64']],
    ['6.19', ['linux-image-6.19.14+deb14-cloud-amd64', 'linux-binary-6.19.14+deb14-cloud-amd64']],
    [
      '7.2',
      ['image', 'binary', 'base', 'modules'].map(
        (part) => `linux-${part}-7.2.13+deb14-cloud-amd64`,
      ),
    ],
    ['7.3', ['linux-binary-7.3-cloud-amd64']],
    ['7.4', ['linux-binary-7.4~rc2-cloud-amd64']],
    ['5.10', undefined],
    ['7', undefined],
  ])('of series %s: %s', (series, packages) => {
    expect(chooseKernelPackages(names, series, 'x64')).toEqual(packages);
  });

  test('of arm64 are apart from others of the same series', () => {
    const both = [...names, 'linux-binary-7.2.9+deb14-cloud-arm64', 'linux-image-cloud-arm64'];
    expect(chooseKernelPackages(both, '7.2', 'arm64')).toEqual([
      'linux-binary-7.2.9+deb14-cloud-arm64',
    ]);
    expect(chooseKernelPackages(both, '7.3', 'arm64')).toBeUndefined();
    expect(listSeries(both, 'arm64')).toEqual(['7.2']);
  });

  test('are offered by series, oldest first', () => {
    expect(listSeries(names, 'x64')).toEqual(['6.1', '6.12', '6.19', '7.2', '7.3', '7.4']);
  });
});

describe('kernels in the cache', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fsnoop-kernels-test-'));
    vi.stubEnv('XDG_CACHE_HOME', folder);
    const series = join(folder, 'fsnoop/kernels/7.2');
    await mkdir(join(series, 'modules-7.2.9+deb14'), { recursive: true });
    for (const version of ['7.2.6', '7.2.9', '7.2.13'])
      await writeFile(join(series, `vmlinuz-${version}+deb14`), '');
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  const offline = {
    architecture: 'x64' as const,
    report: (progress: string) => {
      throw new Error(progress);
    },
  };

  test('are the newest, or with modules the newest that has them', async () => {
    const image = await loadKernel('7.2', offline);
    const kernel = await loadKernelWithModules('7.2', offline);
    expect(relative(folder, image)).toBe('fsnoop/kernels/7.2/vmlinuz-7.2.13+deb14');
    expect(relative(folder, kernel.image)).toBe('fsnoop/kernels/7.2/vmlinuz-7.2.9+deb14');
    expect(relative(folder, kernel.modules)).toBe('fsnoop/kernels/7.2/modules-7.2.9+deb14');
  });

  test('are found together, and fetched together if one of them is missing', async () => {
    const found = await loadKernels(['7.2'], offline);
    expect([...found]).toEqual([['7.2', await loadKernel('7.2', offline)]]);
    await expect(loadKernels(['6.1', '7.2'], offline)).rejects.toThrow(
      "fetching Debian's package lists for kernels 6.1, 7.2",
    );
  });

  test('of arm64 are in a folder of their own', async () => {
    const arm64 = { ...offline, architecture: 'arm64' as const };
    await expect(loadKernel('7.2', arm64)).rejects.toThrow(
      "fetching Debian's package lists for a 7.2 kernel",
    );
    await mkdir(join(folder, 'fsnoop/kernels/arm64/7.2'), { recursive: true });
    await writeFile(join(folder, 'fsnoop/kernels/arm64/7.2/vmlinuz-7.2.9'), '');
    expect(relative(folder, await loadKernel('7.2', arm64))).toBe(
      'fsnoop/kernels/arm64/7.2/vmlinuz-7.2.9',
    );
  });

  test('are fetched again when none has modules', async () => {
    await rm(join(folder, 'fsnoop/kernels/7.2/modules-7.2.9+deb14'), { recursive: true });
    expect(await loadKernel('7.2', offline)).toContain('7.2.13');
    await expect(loadKernelWithModules('7.2', offline)).rejects.toThrow(
      "fetching Debian's package lists for a 7.2 kernel",
    );
  });
});

describe('modules', () => {
  let folder: string;

  // as in /lib/modules/VERSION: a few strings where modules have machine code
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fsnoop-modules-test-'));
    const kept: readonly [string, string][] = [
      ['kernel/drivers/md/dm-snapshot.ko', moduleOf('dm-bufio,dm-mod')],
      ['kernel/drivers/md/dm-bufio.ko', moduleOf('dm-mod')],
      ['kernel/drivers/md/dm-mod.ko', moduleOf('')],
      ['kernel/drivers/block/loop.ko', moduleOf('')],
      ['modules.builtin', 'kernel/fs/ext4/ext4.ko\nkernel/lib/crc-t10dif.ko\n'],
    ];
    for (const [path, contents] of kept) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), contents);
    }
  });

  afterAll(() => rm(folder, { recursive: true }));

  const moduleOf = (depends: string): string =>
    `\x7fELF\xff\0license=GPL\0depends=${depends}\0name=x\0`;

  test('are named again and again, or by commas', () => {
    expect(parseModuleNames([])).toEqual([]);
    expect(parseModuleNames(['loop', 'btrfs, dm-mod'])).toEqual(['loop', 'btrfs', 'dm-mod']);
    expect(() => parseModuleNames(['loop,'])).toThrow("--module 'loop,' has an empty name.");
  });

  test.each([
    ['dm-snapshot', 'dm_snapshot'],
    ['kernel/drivers/md/dm-mod.ko.xz', 'dm_mod'],
    ['kernel/lib/crc-t10dif.ko', 'crc_t10dif'],
  ])('of %s: the kernel says %s', (path, name) => {
    expect(moduleName(path)).toBe(name);
  });

  test('say what they need', () => {
    expect(parseDepends(Buffer.from(moduleOf('dm-bufio,dm_mod'), 'latin1'))).toEqual([
      'dm-bufio',
      'dm_mod',
    ]);
    expect(parseDepends(Buffer.from(moduleOf(''), 'latin1'))).toEqual([]);
    expect(parseDepends(Buffer.from('no module'))).toEqual([]);
  });

  test('that are built in are told by their paths', () => {
    expect(parseBuiltIn('kernel/fs/ext4/ext4.ko\nkernel/lib/crc-t10dif.ko\n')).toEqual([
      'ext4',
      'crc_t10dif',
    ]);
  });

  test.each([
    [
      ['dm-snapshot', 'loop'],
      ['dm_mod', 'dm_bufio', 'dm_snapshot', 'loop'],
    ],
    [['loop', 'loop', 'ext4'], ['loop']],
    [['crc_t10dif'], []],
  ])('%s: loaded are %s', async (wanted, names) => {
    const modules = await loadModules(folder, wanted);
    expect(modules.map(({ name }) => name)).toEqual(names);
  });

  test('that do not exist: what they may have been', async () => {
    await expect(loadModules(folder, ['loop', 'dm-snapshit'])).rejects.toMatchObject({
      message: 'This kernel has no module dm-snapshit.',
      suggestions: ['--module dm_snapshot'],
      oclif: { exit: 2 },
    });
  });

  test('are not those of a kernel that somebody built', async () => {
    const kernel = join(folder, 'modules.builtin');
    const loading = loadKernelWithModules(kernel, {
      architecture: 'x64',
      report: () => undefined,
    });
    await expect(loading).rejects.toMatchObject({
      message: `'${kernel}' is a kernel image alone; modules come with a series of Debian kernels.`,
      suggestions: ['name a series: --kernel 7.2'],
      oclif: { exit: 2 },
    });
  });
});

describe('QEMU', () => {
  const machine = {
    architecture: 'x64',
    kernel: '/k',
    cpus: 4,
    memoryBytes: 2 ** 31,
    icount: false,
  } as const;
  const after = (args: readonly string[], flag: string): string | undefined =>
    args[args.indexOf(flag) + 1];

  test('gets what the machine is to have', () => {
    const args = renderArgs(machine, 'tcg');
    expect(after(args, '-accel')).toBe('tcg,thread=single');
    expect(after(args, '-smp')).toBe('4');
    expect(after(args, '-m')).toBe('2048M');
    expect(after(args, '-kernel')).toBe('/k');
  });

  test('is another machine for arm64, with one serial line', () => {
    const args = renderArgs({ ...machine, architecture: 'arm64' }, 'tcg');
    expect(after(args, '-machine')).toBe('virt,gic-version=max');
    expect(after(args, '-cpu')).toBe('cortex-a76');
    expect(after(args, '-append')).toMatch(/^console=ttyAMA0 /);
    expect(args.filter((arg) => arg === '-serial')).toHaveLength(1);
    expect(renderArgs(machine, 'tcg').filter((arg) => arg === '-serial')).toHaveLength(4);
  });

  test('counts instructions on one CPU, without KVM', () => {
    const args = renderArgs({ ...machine, icount: true }, 'kvm');
    expect(after(args, '-accel')).toBe('tcg');
    expect(after(args, '-icount')).toBe('shift=0');
    expect(after(args, '-smp')).toBe('1');
  });
});

test('guests are what the machine is, if there are guests of that kind', () => {
  expect(findOwnArchitecture('arm64')).toBe('arm64');
  expect(() => findOwnArchitecture('riscv64')).toThrow(
    'This machine is riscv64, and guests are x64 or arm64.',
  );
});

test('files come as PATH or PATH:GUESTPATH', () => {
  expect(parseGuestFile('/usr/sbin/bpftool')).toEqual({ path: '/usr/sbin/bpftool' });
  expect(parseGuestFile('x:/usr/bin/y')).toEqual({ path: 'x', guestPath: '/usr/bin/y' });
});

test.each([
  ['/lib/x86_64-linux-gnu/libc.so.6', 'usr/lib/x86_64-linux-gnu/libc.so.6'],
  ['/lib64/ld-linux-x86-64.so.2', 'usr/lib64/ld-linux-x86-64.so.2'],
  ['/usr/sbin/bpftool', 'usr/bin/bpftool'],
  ['/bin/x', 'usr/bin/x'],
  ['/usr/local/bin/x', 'usr/local/bin/x'],
  ['/root/lib/x', 'root/lib/x'],
])('%s goes to %s in the guest', (path, guestPath) => {
  expect(cpioPath(path)).toBe(guestPath);
});

describe('the end of a run', () => {
  const run = { outcome: 'exited', status: 0, kernelLog: [], splats: [], lastWords: [] } as const;

  test('is silent when all went well', () => {
    expect(renderRunEnd(run, 300_000)).toEqual([]);
  });

  test('shows splats', () => {
    expect(renderRunEnd({ ...run, splats: ['[ 1.0] WARNING: x'] }, 300_000)).toEqual([
      "fsnoop vm: the guest's kernel complained:",
      '[ 1.0] WARNING: x',
    ]);
  });

  test('shows the last words of a crash', () => {
    const crashed = {
      ...run,
      outcome: 'crashed',
      status: 125,
      lastWords: ['[ 1.0] Kernel panic'],
    } as const;
    expect(renderRunEnd(crashed, 300_000)).toEqual([
      'fsnoop vm: the guest crashed or could not start. Its last words:',
      '[ 1.0] Kernel panic',
    ]);
  });

  test('tells the time that was not enough', () => {
    expect(renderRunEnd({ ...run, outcome: 'timed out', status: 124 }, 5000)).toEqual([
      'fsnoop vm: timed out after 5 s',
    ]);
  });
});
