/** `fsnoop vm` with a real QEMU and a real kernel. */
import { execFile, execFileSync } from 'node:child_process';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runInGuest, type GuestRun } from '../src/vm/guest.js';
import { guestSession, keepOutput, type GuestSession, type KeptOutput } from './guest.js';

interface Outcome extends GuestRun {
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;
}

async function run(
  command: readonly string[],
  options: Partial<Parameters<typeof runInGuest>[0]> = {},
): Promise<Outcome> {
  const stdout = keepOutput();
  const stderr = keepOutput();
  const result = await runInGuest({
    kernel: '7.2',
    command,
    stdout: stdout.sink,
    stderr: stderr.sink,
    ...options,
  });
  return { ...result, stdout, stderr };
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fsnoop-vm-test-'));
});

afterAll(() => rm(folder, { recursive: true }));

const oddArguments = [
  '',
  "it's",
  '$HOME',
  '`x`',
  '"',
  '\\',
  'two\nlines',
  ' ',
  '*',
  '--',
  '-n',
  'ü',
];

test('the command gets its arguments as they are, and its status comes back', async () => {
  const script = 'console.log(JSON.stringify(process.argv.slice(1))); process.exitCode = 42';
  const result = await run(['node', '-e', script, '--', ...oddArguments]);
  expect(JSON.parse(result.stdout.text())).toEqual(oddArguments);
  expect(result).toMatchObject({ outcome: 'exited', status: 42, splats: [], lastWords: [] });
});

test('stdout and stderr come apart, byte for byte, with whatever a slow reader leaves waiting', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
  await writeFile(join(folder, 'all-bytes'), bytes);
  const script = 'cat all-bytes; head -c 2000000 /dev/zero; printf end; printf "err\\r\\n" >&2';
  const { sink, bytes: received } = keepOutput();
  const { stderr } = await run(['sh', '-c', script], {
    files: [{ path: join(folder, 'all-bytes') }],
    stdout: async (chunk) => {
      await setTimeout(20);
      await sink(chunk);
    },
  });
  expect(received()).toEqual(Buffer.concat([bytes, Buffer.alloc(2_000_000), Buffer.from('end')]));
  expect(stderr.text()).toBe('err\r\n');
});

test('a command that takes too long is cut off with 124, its output kept', async () => {
  const result = await run(['sh', '-c', 'echo early; sleep 1000'], { timeoutMs: 20_000 });
  expect(result).toMatchObject({ outcome: 'timed out', status: 124 });
  expect(result.stdout.text()).toBe('early\n');
});

test('a crash of the kernel is 125 with its last words', async () => {
  const result = await run([
    'sh',
    '-c',
    'echo before; sleep 1; echo c >/proc/sysrq-trigger; sleep 1000',
  ]);
  expect(result).toMatchObject({ outcome: 'crashed', status: 125 });
  expect(result.lastWords.join('\n')).toMatch(
    /Kernel panic - not syncing: sysrq triggered crash[^]*Call Trace/,
  );
  expect(result.splats.length).toBeGreaterThan(0);
  expect(result.stdout.text()).toBe('before\n');
});

test('a guest that cannot start is 125 with what QEMU says', async () => {
  await writeFile(join(folder, 'no-kernel'), 'x'.repeat(4096));
  const result = await run(['true'], { kernel: join(folder, 'no-kernel') });
  expect(result).toMatchObject({ outcome: 'crashed', status: 125 });
  expect(result.lastWords.join('\n')).toMatch(/qemu/);
});

test('an interrupted guest is gone', async () => {
  const interruption = new AbortController();
  const result = await run(['sleep', '1000'], {
    signal: interruption.signal,
    report: (progress) => {
      if (progress === 'running sleep') interruption.abort();
    },
  });
  expect(result).toMatchObject({ outcome: 'interrupted', status: 130 });
  expect(await findQemus()).toEqual([]);
});

describe('in one guest', () => {
  let session: GuestSession<keyof typeof steps>;
  const steps = {
    system: 'uname -r; cat /etc/hostname; pwd; echo $HOME; nproc',
    mounts: 'cut -d" " -f2 /proc/mounts',
    fsnoop: 'fsnoop vm --help',
    program: 'bpftool version | head -1',
    elsewhere: 'cat /opt/data/inner/text; /opt/data/program',
    loopback: 'ping -c 1 127.0.0.1',
    binary: 'printf "\\0\\377"; exit 3',
    hanging: 'echo started; sleep 100',
    'left behind': 'sleep 100 & echo done',
    descriptors: 'ls /proc/self/fd; echo x >/dev/stderr',
    modules: 'cut -d" " -f1 /proc/modules',
    loop: `
truncate -s 8M image
mke2fs -F image >/dev/null
mkdir /mnt
mount -t ext4 -o loop image /mnt
echo kept >/mnt/file
umount /mnt
losetup /dev/loop3 image
mount -t ext4 /dev/loop3 /mnt
cat /mnt/file`,
  };

  beforeAll(async () => {
    await mkdir(join(folder, 'data/inner'), { recursive: true });
    await writeFile(join(folder, 'data/inner/text'), 'text\n');
    await writeFile(join(folder, 'data/program'), '#!/bin/sh\necho ran\n');
    await chmod(join(folder, 'data/program'), 0o755);
    session = await guestSession({
      files: [
        { path: '/usr/sbin/bpftool' },
        { path: join(folder, 'data'), guestPath: '/opt/data' },
      ],
      modules: ['loop', 'dm-snapshot', 'ext4'],
      smp: 1,
      stepTimeoutMs: 10_000,
      steps,
    });
  });

  test('nothing is wrong with the kernel', () => {
    expect(session.splats).toEqual([]);
  });

  test('the system is as promised', () => {
    expect(session.steps.system.stdout).toMatch(/^7\.2\..*\nfsnoop-guest\n\/root\n\/root\n1\n$/);
    expect(session.steps.mounts.stdout.split('\n')).toEqual(
      expect.arrayContaining([
        ...['/proc', '/sys', '/dev', '/dev/pts', '/dev/shm', '/sys/fs/bpf', '/sys/fs/cgroup'],
        ...['/sys/kernel/tracing', '/sys/kernel/debug'],
      ]),
    );
    expect(session.steps.loopback.status).toBe(0);
  });

  test('fsnoop is on PATH', () => {
    expect(session.steps.fsnoop).toMatchObject({ status: 0, stderr: '' });
    expect(session.steps.fsnoop.stdout).toContain('--icount');
  });

  test('programs come with their libraries, folders as they are', () => {
    expect(session.steps.program.stdout).toMatch(/^bpftool v/);
    expect(session.steps.elsewhere.stdout).toBe('text\nran\n');
  });

  test('modules are loaded behind those that they need; ext4 is built in', () => {
    expect(session.steps.modules.stdout).toBe('dm_snapshot\ndm_bufio\ndm_mod\nloop\n');
    expect(session.steps.loop).toMatchObject({ status: 0, stdout: 'kept\n', stderr: '' });
  });

  test('each step has its own result', () => {
    expect(session.steps.binary).toMatchObject({ status: 3, stdoutBytes: Buffer.from([0, 255]) });
    expect(session.steps.hanging).toMatchObject({ status: 143, stdout: 'started\n' });
    expect(session.steps['left behind']).toMatchObject({ status: 0, stdout: 'done\n' });
    expect(session.steps.descriptors.stdout.trim().split('\n')).toEqual(['0', '1', '2', '3']);
    expect(session.steps.descriptors.stderr).toBe('x\n');
  });
});

test('modules of 6.1, which are not packed, are loaded too', async () => {
  const result = await run(['cut', '-d ', '-f1', '/proc/modules'], {
    kernel: '6.1',
    modules: ['isofs'],
  });
  expect(result.stdout.text()).toBe('isofs\ncdrom\n');
  expect(result).toMatchObject({ outcome: 'exited', status: 0, splats: [] });
});

describe('the command line', () => {
  test('passes on the command with its arguments, its status, and says nothing of its own', async () => {
    // one is there twice, and one is what a flag has
    const given = ['b', 'a', '7.2', 'b', '--kernel'];
    const script = 'echo "$*"; echo err >&2; exit 7';
    const result = await vm(['--kernel', '7.2', '--', 'sh', '-c', script, 'sh', ...given]);
    expect(result).toEqual({ status: 7, stdout: 'b a 7.2 b --kernel\n', stderr: 'err\n' });
  });

  test('goes without KVM where that is there and cannot run a kernel', async () => {
    const real = execFileSync('which', ['qemu-system-x86_64'], { encoding: 'utf8' }).trim();
    const bin = join(folder, 'bin');
    const brokenKvm = `#!/bin/sh
case "$*" in
*'-accel kvm'*-S*) exit 0 ;;
*'-accel kvm'*) touch ${folder}/tried; echo 'KVM internal error.' >&2; exec sleep 1000 ;;
esac
exec ${real} "$@"
`;
    await mkdir(bin);
    await writeFile(join(bin, 'qemu-system-x86_64'), brokenKvm, { mode: 0o755 });
    const result = await vm(['--', 'echo', 'here'], undefined, {
      PATH: `${bin}:${process.env['PATH']}`,
      FSNOOP_ACCEL: '',
    });
    expect(result).toEqual({ status: 0, stdout: 'here\n', stderr: '' });
    await access(join(folder, 'tried'));
  });

  test('ends with 143 on SIGTERM and leaves no QEMU', async () => {
    const result = await vm(['--', 'sh', '-c', 'echo up; sleep 1000'], (child) => child.kill());
    expect(result).toEqual({ status: 143, stdout: 'up\n', stderr: '' });
    expect(await findQemus()).toEqual([]);
  });

  test('leaves no QEMU when it is killed', async () => {
    await vm(['--', 'sh', '-c', 'echo up; sleep 1000'], (child) => child.kill('SIGKILL'));
    await expect.poll(findQemus).toEqual([]);
  });

  test('ends quietly when nobody reads on', async () => {
    const result = await vm(['--', 'yes'], (child) => child.stdout?.destroy());
    expect(result).toMatchObject({ status: 141, stderr: '' });
    expect(await findQemus()).toEqual([]);
  });

  test.each([
    [['--kernel', '/nowhere'], 2, /'\/nowhere' is neither a kernel series nor a kernel image/],
    [['--file', '/nowhere'], 2, /--file \/nowhere: there is no such file/],
    [['--module', 'btrfs,loopp'], 2, /This kernel has no module loopp\.\n.*--module loop$/m],
    [['--kernel', '/etc/hosts', '--module', 'loop'], 2, /'\/etc\/hosts' is a kernel image alone/],
    [['--memory', '2X'], 2, /'2X' is not a size/],
    [['--timeout', 'soon'], 2, /'soon' is not a time/],
    [['--smp', '0'], 2, /greater than or equal to 1/],
  ])('says what is wrong with %j', async (flags, status, message) => {
    const result = await vm([...flags, '--', 'true']);
    expect(result).toMatchObject({ status, stdout: '' });
    expect(result.stderr).toMatch(message);
  });

  test('asks for a command', async () => {
    const result = await vm([]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('There is no command to run.');
  });
});

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `fsnoop vm`; `onOutput` is called at its first output. */
function vm(
  args: readonly string[],
  onOutput?: (child: ReturnType<typeof execFile>) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['bin/run.js', 'vm', ...args],
      { env: { ...process.env, ...env } },
      (_error, stdout, stderr) => {
        resolve({ status: child.exitCode, stdout, stderr });
      },
    );
    if (onOutput !== undefined)
      child.stdout?.once('data', () => {
        onOutput(child);
      });
  });
}

const marker = `vm-${process.pid}`;
process.env['FSNOOP_TEST'] = marker;

/** The process ids of QEMUs that this test started. */
async function findQemus(): Promise<readonly string[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      const [environ, cmdline] = await Promise.all(
        ['environ', 'cmdline'].map((name) =>
          readFile(`/proc/${id}/${name}`, 'latin1').catch(() => ''),
        ),
      );
      const isOurs =
        environ?.includes(marker) === true && cmdline?.includes('qemu-system') === true;
      return isOurs ? [id] : [];
    }),
  );
  return found.flat();
}
