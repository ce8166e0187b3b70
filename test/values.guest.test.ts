/** Values, filters and stacks on a real kernel, against what a program knows of its own calls. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, buildProgram, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';
import { parseJsonLines } from './json-lines.js';

const none = { ring: 0, entry: 0, user: 0 };

/** A read as the program that made it tells of it: test/programs/values.c. */
interface Read {
  readonly name: string;
  readonly count: number;
  readonly offset: number;
  readonly result: number;
  readonly ino: number;
  readonly size: number;
  readonly flags: number;
  readonly mode: number;
  readonly pid: number;
  readonly tid: number;
  readonly buffer: string;
  readonly first: string;
}

interface Argument {
  readonly name: string;
  readonly type: string;
  readonly value: unknown;
  readonly address?: string;
  readonly cut?: boolean;
  readonly target?: Readonly<Record<string, unknown>>;
}

interface Output {
  readonly expression: string;
  readonly type: string;
  readonly value: unknown;
  readonly fault?: boolean;
  readonly lost?: boolean;
  readonly cut?: boolean;
  readonly symbol?: string;
}

interface ValuedCall {
  readonly function: string;
  readonly comm: string;
  readonly retval: number | string | null;
  readonly errno: string | null;
  readonly durationNs: number | null;
  readonly cpu: number;
  readonly args: readonly Argument[];
  readonly outputs: readonly Output[];
  readonly children: readonly ValuedCall[];
}

const known = [
  ...['file->f_inode->i_ino', 'file->f_inode->i_size', 'file->f_pos', '*pos', 'file->f_flags'],
  ...['file->f_inode->i_mode', 'pid', 'tid', 'cpu', 'file->f_path.dentry->d_name.name'],
  ...['file->f_path.dentry->d_name.len', 'file->f_path.dentry->d_name.hash_len >> 32'],
  ...['file->f_inode->i_write_hint', 'file->f_op->read_iter', 'count / (count - 4096)'],
  ...['*(int *)0', '$retval * 2', 'str(buf)', '*file'],
];
const outputs = (expressions: readonly string[]) =>
  expressions.map((text) => `--output-arg '${text}'`).join(' ');
const reads = "-c 'values reads'";
const open = '-k do_sys_openat2 -g --fgraph-include path_openat,vfs_open';
const aggregates = outputs(['hist(count)', 'tdigest(count)', 'tdigest($duration)']);

const steps = {
  'opens as text': `echo name >/etc/hostname
    fsnoop ${open} ${outputs(['str(filename)'])} -c 'busybox cat /etc/hostname /nope'`,
  'opens as JSON': `fsnoop ${open} ${outputs(['str(filename)'])} --format json -o /tmp/out -c 'busybox cat /etc/hostname /nope' >&2
    cat /tmp/out`,
  'known reads': `fsnoop -k vfs_read ${outputs(known)} --format json ${reads}`,
  'addresses of symbols': `grep -E ' [tT] ([a-z]+_file_read_iter|read_iter_zero)$' /proc/kallsyms`,
  'reads of 4096 bytes': `fsnoop -k vfs_read --filter-arg 'count == 4096 && file->f_inode->i_size > 100' ${outputs(['file->f_path.dentry->d_name.name'])} --format json ${reads}`,
  'many filters': `fsnoop -k vfs_read --filter-arg 'count > 3' --filter-arg 'count < 5000 && file->f_inode->i_size' --filter-arg '$retval < 4096' --filter-arg 'comm == "values"' --filter-arg 'pid == tid && cpu < 2' --filter-arg '$retval != 10' --format json ${reads}`,
  'another name': `fsnoop -k vfs_read --filter-arg 'comm == "value"' --format json ${reads}`,
  'a filter that faults': `fsnoop -k vfs_read --filter-arg '(count == 4096 ? *(int *)8 : 1) != 12345' --format json ${reads}`,
  'dropped at return': `fsnoop -k ksys_read,vfs_read -g --fgraph-include rw_verify_area --filter-arg '$retval == 4095 || $retval == 1808' ${outputs(['count'])} --format json ${reads}`,
  'errors below': `fsnoop -k ksys_read,ksys_write,do_sys_openat2 -g --fgraph-include vfs_read,vfs_write --errors --format json -c 'calls mixed'`,
  'one errno': `fsnoop -k ksys_read,do_sys_openat2 --errno ENOENT,EISDIR --format json -c 'calls mixed'`,
  'without arguments': `fsnoop -k vfs_read --args off --format json ${reads}`,
  'strings and structs': `fsnoop -k do_sys_openat2 --args full ${outputs(['str(filename, 128)'])} --format json -c 'values paths'`,
  'strings as text': `fsnoop -k do_sys_openat2 -c 'values paths'`,
  'a struct by value': `fsnoop -k sk_setsockopt ${outputs(['optval.user', 'optval.is_kernel', '*(int *)optval.user', 'optval'])} --format json -c 'values options'`,
  'counted, as text': `fsnoop -k vfs_read ${aggregates} --output-stack ${reads}`,
  'counted, as JSON': `fsnoop -k vfs_read ${aggregates} --output-stack --format json ${reads}`,
  'so many calls': `fsnoop -k vfs_read ${outputs(['*file'])} --output-stack --limit-events 2 ${reads}`,
  'so many calls of trees': `fsnoop -k ksys_read,vfs_read --args full --limit-events 3 ${reads}`,
  'stacks, and what ftrace has for them': `ip link set lo up; cd /sys/kernel/tracing
    echo 'p:seen icmp_rcv' >kprobe_events
    echo 1 >options/stacktrace; echo 1 >options/sym-offset; echo 1 >events/kprobes/seen/enable
    fsnoop -k icmp_rcv --output-stack --format json -o /tmp/out -c 'ping -c 1 127.0.0.1' >&2
    status=$?; echo 0 >events/kprobes/seen/enable; echo 0 >options/stacktrace
    cat /tmp/out; cat trace >&2; echo >kprobe_events; exit $status`,
  packets: `ip link set lo up
    fsnoop -k icmp_rcv ${outputs(['skb->len', 'ip4(skb->head + skb->network_header + 12)', 'skb->dev->name', 'skb->pkt_type', 'skb->protocol', '*skb'])} --format json -o /tmp/out -c 'ping -c 1 127.0.0.1' >&2
    cat /tmp/out`,
  live: `fsnoop -k vfs_read --live ${outputs(['*pos', '$retval + count'])} ${reads}`,
  'never returned': `fsnoop -k anon_pipe_read --duration 1s ${outputs(['iocb->ki_flags', 'to->count', '$retval'])} --format json -c 'values blocked'`,
  recursive: `fsnoop -k ep_loop_check_proc -g --fgraph-include ep_loop_check_proc ${outputs(['depth', 'ep', '$retval * 10'])} --format json -c 'calls nest 4'`,
  'only long': `fsnoop -k hrtimer_nanosleep --min-duration 100ms ${outputs(['rqtp', '$retval'])} --format json -c 'calls sleep 3 200'`,
};

const storm = (
  buffer: string,
) => `i=0; while [ $i -lt 20 ]; do cat /etc/services.1k; i=$((i + 1)); done >/tmp/letters
  fsnoop -k vfs_read ${buffer} --comm dd --filter-arg 'count == 1' ${outputs(['*pos', '*pos - $retval', 'count + 1', 'file->f_pos'])} --format json -o /tmp/out -c 'dd if=/tmp/letters of=/dev/null bs=1 count=20000'
  status=$?; cat /tmp/out; exit $status`;

const stormSteps = {
  prepare: `head -c 1000 /dev/zero | tr '\\0' x >/etc/services.1k`,
  storm: storm(''),
  'storm in a small buffer': storm('--buffer 4096'),
};

type Step = keyof typeof steps | keyof typeof stormSteps;

let calls: BuiltProgram;
let values: BuiltProgram;
let run: GuestSession<Step>;

beforeAll(async () => {
  calls = await buildCalls();
  values = await buildProgram('values');
  run = await guestSession({
    files: [{ path: calls.path }, { path: values.path }],
    timeoutMs: 900_000,
    steps: { ...steps, ...stormSteps },
  });
}, 1_000_000);

afterAll(async () => {
  await calls[Symbol.asyncDispose]();
  await values[Symbol.asyncDispose]();
});

const jsonOf = (name: Step): Readonly<Record<string, unknown>>[] =>
  parseJsonLines(run.steps[name].stdout) as never;

const callsOf = (name: Step): ValuedCall[] =>
  jsonOf(name).filter(({ type }) => type === 'call') as never;

const rootsOf = (name: Step): ValuedCall[] =>
  jsonOf(name).flatMap(({ type, root }) => (type === 'tree' ? [root as ValuedCall] : []));

const lineOf = (name: Step, type: string): Readonly<Record<string, unknown>> => {
  const found = jsonOf(name).filter((line) => line['type'] === type);
  expect(found.length).toBe(1);
  return found[0] ?? {};
};

/** What the program told of its calls. */
const truthOf = <Truth>(name: Step): Truth[] => {
  const lines = run.steps[name].stderr.split('\n').filter((line) => line.startsWith('{'));
  expect(lines.length).toBeGreaterThan(0);
  return lines.map((line) => JSON.parse(line) as Truth);
};

const readsOf = (name: Step): Read[] => {
  const made = truthOf<Read>(name);
  expect(made.length).toBe(15);
  return made;
};

const argument = (call: ValuedCall | undefined, name: string): Argument | undefined =>
  call?.args.find((one) => one.name === name);

const output = (call: ValuedCall | undefined, expression: string): Output | undefined =>
  call?.outputs.find((one) => one.expression === expression);

const valueOf = (call: ValuedCall | undefined, expression: string) =>
  output(call, expression)?.value;

/** Lines of text but for their durations. */
const linesOf = (text: string) =>
  text.split('\n').filter((line) => line !== '' && !line.includes('DURATION'));

test('nothing is wrong with the kernel', () => {
  expect(run.splats).toEqual([]);
});

describe('opens', () => {
  test('are shown with their paths and errors', () => {
    const { status, stdout } = run.steps['opens as text'];
    expect(status).toBe(1);
    const timeWidth = 24;
    const shown = linesOf(stdout).map((line) =>
      line.replace(/0x[0-9a-f]{8,}/g, '0x…').slice(timeWidth),
    );
    expect(shown.filter((line) => line.includes('('))).toEqual([
      'do_sys_openat2(dfd=-100, filename="/etc/hostname", how=0x…) = 3 · str(filename) = "/etc/hostname"',
      '└─ path_openat(nd=0x…, op=0x…, flags=257) = 0x…',
      '   └─ vfs_open(path=0x…, file=0x…) = 0',
      'do_sys_openat2(dfd=-100, filename="/nope", how=0x…) = -ENOENT · str(filename) = "/nope"',
      '└─ path_openat(nd=0x…, op=0x…, flags=257) = -ENOENT',
    ]);
  });

  test('are JSON with the types of their arguments', () => {
    const [hostname, nope, ...more] = rootsOf('opens as JSON');
    expect(more).toEqual([]);
    expect(hostname).toMatchObject({ retval: 3, errno: null });
    expect(nope).toMatchObject({ retval: -2, errno: 'ENOENT' });
    expect(hostname?.args).toEqual([
      { name: 'dfd', type: 'int', value: -100 },
      {
        name: 'filename',
        type: 'const char *',
        value: '/etc/hostname',
        address: expect.stringMatching(/^0x7ff/) as unknown,
      },
      {
        name: 'how',
        type: 'struct open_how *',
        value: expect.stringMatching(/^0xff/) as unknown,
      },
    ]);
    expect(nope?.outputs).toEqual([
      { expression: 'str(filename)', type: 'const char *', value: '/nope' },
    ]);
    expect(hostname?.children[0]?.children[0]).toMatchObject({ function: 'vfs_open', retval: 0 });
    expect(nope?.children[0]).toMatchObject({ function: 'path_openat', errno: 'ENOENT' });
    expect(nope?.children[0]?.children).toEqual([]);
  });
});

describe('values of reads', () => {
  test('are what the program knows of its files, and of itself', () => {
    const made = readsOf('known reads');
    const traced = callsOf('known reads');
    expect(
      traced.map((call) => ({
        name: valueOf(call, 'file->f_path.dentry->d_name.name'),
        count: argument(call, 'count')?.value,
        offset: valueOf(call, '*pos'),
        result: call.retval,
        ino: valueOf(call, 'file->f_inode->i_ino'),
        size: valueOf(call, 'file->f_inode->i_size'),
        flags: valueOf(call, 'file->f_flags'),
        mode: valueOf(call, 'file->f_inode->i_mode'),
        pid: valueOf(call, 'pid'),
        tid: valueOf(call, 'tid'),
        buffer: argument(call, 'buf')?.address,
        first: (argument(call, 'buf')?.value as string).slice(0, 8),
      })),
    ).toEqual(made);
    for (const [at, { name, offset, result, size, flags }] of made.entries()) {
      const call = traced[at];
      expect(valueOf(call, 'file->f_pos')).toBe(offset);
      expect(valueOf(call, 'file->f_path.dentry->d_name.len')).toBe(name.length);
      expect(valueOf(call, 'file->f_path.dentry->d_name.hash_len >> 32')).toBe(name.length);
      expect(valueOf(call, '$retval * 2')).toBe(2 * result);
      expect(valueOf(call, 'cpu')).toBe(call?.cpu);
      expect(valueOf(call, '*file')).toMatchObject({ f_pos: offset, f_flags: flags });
      expect(size === 0).toBe(name === 'zero');
    }
  });

  test('a value that cannot be had is a fault, and leaves the others alone', () => {
    for (const call of callsOf('known reads')) {
      const count = argument(call, 'count')?.value as number;
      expect(output(call, '*(int *)0')).toMatchObject({ value: null, fault: true });
      const quotient = output(call, 'count / (count - 4096)');
      if (count === 4096) expect(quotient).toMatchObject({ value: null, fault: true });
      else
        expect(BigInt(quotient?.value as number)).toBe(
          BigInt(count) / BigInt.asUintN(64, BigInt(count - 4096)),
        );
      expect(output(call, 'str(buf)')?.fault).toBeUndefined();
    }
  });

  test('an enum has its name, and a function its symbol', () => {
    const symbols = new Map(
      run.steps['addresses of symbols'].stdout
        .trim()
        .split('\n')
        .map((line) => [`0x${line.split(' ')[0] ?? ''}`, line.split(' ')[2]]),
    );
    for (const call of callsOf('known reads')) {
      const name = valueOf(call, 'file->f_path.dentry->d_name.name');
      expect(valueOf(call, 'file->f_inode->i_write_hint')).toBe(
        name === 'page' ? 'WRITE_LIFE_SHORT' : 'WRITE_LIFE_NOT_SET',
      );
      const pointer = output(call, 'file->f_op->read_iter');
      expect(pointer?.symbol).toMatch(name === 'zero' ? /^read_iter_zero$/ : /_file_read_iter$/);
      expect(symbols.get(pointer?.value as string)).toBe(pointer?.symbol);
    }
  });

  test('--args off leaves the arguments out', () => {
    const traced = callsOf('without arguments');
    expect(traced.length).toBe(15);
    expect(traced.every(({ args }) => args.length === 0)).toBe(true);
  });

  test('--live shows those of the entry when a call begins, and the others when it returns', () => {
    const made = readsOf('live');
    const shown = linesOf(run.steps.live.stdout).map((line) => line.replace(/.* · /, ''));
    expect(shown).toEqual(
      made.flatMap(({ offset, count, result }) => [
        `*pos = ${offset}`,
        `$retval + count = ${count + result}`,
      ]),
    );
  });
});

describe('strings and structs', () => {
  const path = `/tmp/${'x'.repeat(100)}`;

  test('a long string is cut, and says so', () => {
    const [long] = callsOf('strings and structs');
    expect(argument(long, 'filename')).toMatchObject({ value: path.slice(0, 64), cut: true });
    expect(output(long, 'str(filename, 128)')).toEqual({
      expression: 'str(filename, 128)',
      type: 'const char *',
      value: path,
    });
    expect(run.steps['strings as text'].stdout).toContain(`filename="${path.slice(0, 64)}"…,`);
  });

  test('letters that would break a line are escaped', () => {
    expect(run.steps['strings as text'].stdout).toContain(String.raw`filename="/tmp/\"\\\t\xff"`);
    const [, odd] = callsOf('strings and structs');
    expect(argument(odd, 'filename')?.value).toBe('/tmp/"\\\t\ufffd');
  });

  test('where there is no string, there is the pointer', () => {
    expect(run.steps['strings as text'].stdout).toContain('filename=NULL');
    const [, , no] = callsOf('strings and structs');
    expect(no).toMatchObject({ errno: 'EFAULT' });
    expect(argument(no, 'filename')?.value).toBe('0x0');
    expect(output(no, 'str(filename, 128)')).toMatchObject({ value: null, fault: true });
  });

  test('--args full shows what a struct has that is pointed at', () => {
    const opens = callsOf('strings and structs');
    expect(opens.length).toBe(3);
    const largefile = 0o100000;
    for (const call of opens) expect(argument(call, 'how')?.target).toEqual({ flags: largefile });
  });

  test('a struct by value has members', () => {
    const [truth] = truthOf<{ value: string; bytes: number }>('a struct by value');
    const [call, ...more] = callsOf('a struct by value');
    expect(more).toEqual([]);
    expect(argument(call, 'optval')).toMatchObject({
      type: 'sockptr_t',
      value: { kernel: truth?.value, user: truth?.value, is_kernel: expect.anything() as unknown },
    });
    expect(argument(call, 'optlen')?.value).toBe(truth?.bytes);
    const [user, isKernel, bytes, whole] = call?.outputs ?? [];
    expect(user?.value).toBe(truth?.value);
    expect(isKernel?.value).toBe(false);
    expect(bytes?.value).toBe(12345);
    expect(whole?.value).toEqual(argument(call, 'optval')?.value);
    expect(output(call, 'optval')?.type).toBe('sockptr_t');
  });
});

describe('filters', () => {
  const kept = (name: Step) =>
    callsOf(name).map((call) => [argument(call, 'count')?.value, call.retval]);
  const wanted = (name: Step, want: (read: Read) => boolean) => {
    const all = readsOf(name);
    const some = all.filter(want);
    expect(some.length).toBeGreaterThan(0);
    expect(some.length).toBeLessThan(all.length);
    return some.map(({ count, result }) => [count, result]);
  };

  test('keep exactly the calls for which they hold', () => {
    const name = 'reads of 4096 bytes';
    expect(kept(name)).toEqual(wanted(name, ({ count, size }) => count === 4096 && size > 100));
    expect(callsOf(name).map(({ outputs: [file] }) => file?.value)).toEqual([
      ...['big-one', 'big-one', 'big-one', 'big-one', 'page'],
    ]);
    expect(lineOf(name, 'summary')).toMatchObject({ calls: 5, lost: none });
  });

  test('must all hold', () => {
    const name = 'many filters';
    expect(kept(name)).toEqual(
      wanted(
        name,
        ({ count, size, result }) =>
          count > 3 && count < 5000 && size > 0 && result < 4096 && result !== 10,
      ),
    );
  });

  test('compare whole names', () => {
    expect(callsOf('another name')).toEqual([]);
    expect(readsOf('another name').length).toBe(15);
    expect(lineOf('another name', 'summary')).toMatchObject({ trees: 0, calls: 0, lost: none });
  });

  test('drop a call for which they cannot be computed', () => {
    const name = 'a filter that faults';
    expect(kept(name)).toEqual(wanted(name, ({ count }) => count !== 4096));
  });

  test('that look at the return drop whole trees, which are neither counted nor lost', () => {
    const roots = rootsOf('dropped at return');
    expect(roots.map((root) => [root.function, root.retval])).toEqual([
      ['ksys_read', 1808],
      ['ksys_read', 4095],
    ]);
    for (const root of roots) {
      expect(root.children).toMatchObject([
        { function: 'vfs_read', retval: root.retval, children: [{ function: 'rw_verify_area' }] },
      ]);
      const count = valueOf(root, 'count');
      expect(count).toBe(argument(root, 'count')?.value);
      expect(valueOf(root.children[0], 'count')).toBe(count);
    }
    expect(lineOf('dropped at return', 'summary')).toMatchObject({
      trees: 2,
      calls: 6,
      unfinished: 0,
      lost: none,
    });
  });

  test('--errors keeps the trees whose root failed', () => {
    expect(
      rootsOf('errors below').map((root) => [
        root.function,
        root.errno,
        ...root.children.map((child) => child.function),
      ]),
    ).toEqual([
      ['do_sys_openat2', 'ENOENT'],
      ['do_sys_openat2', 'ENOTDIR'],
      ['ksys_read', 'EBADF', 'vfs_read'],
      ['ksys_read', 'EISDIR', 'vfs_read'],
      ['ksys_read', 'EFAULT', 'vfs_read'],
      ['ksys_write', 'ENOSPC', 'vfs_write'],
      ['ksys_write', 'EBADF'],
    ]);
    expect(lineOf('errors below', 'summary')).toMatchObject({ trees: 7, calls: 11, lost: none });
  });

  test('--errno keeps those of these errors', () => {
    expect(callsOf('one errno').map(({ errno }) => errno)).toEqual(['ENOENT', 'EISDIR']);
  });

  test('--min-duration drops a short call with the values of its entry', () => {
    const traced = callsOf('only long');
    expect(traced.length).toBe(3);
    for (const call of traced) {
      expect(output(call, 'rqtp')?.lost).toBeUndefined();
      expect(valueOf(call, '$retval')).toBe(0);
      expect(Number(valueOf(call, 'rqtp'))).toBeGreaterThanOrEqual(0);
    }
    expect(lineOf('only long', 'summary')).toMatchObject({
      trees: 3,
      calls: 3,
      unfinished: 0,
      lost: none,
    });
  });
});

describe('counted values', () => {
  const buckets = [
    [0, 1],
    [1, 1],
    [4, 1],
    [64, 1],
    [2048, 1],
    [4096, 9],
    [8192, 1],
  ];

  test('are in the buckets and quantiles where the known reads are', () => {
    const counts = readsOf('counted, as JSON').map(({ count }) => count);
    const hist = lineOf('counted, as JSON', 'hist');
    expect(hist).toMatchObject({ label: 'vfs_read', expr: 'count', count: counts.length });
    const filled = (hist['buckets'] as { from: number; to: number; count: number }[]).filter(
      ({ count }) => count > 0,
    );
    expect(filled.map(({ from, count }) => [from, count])).toEqual(buckets);
    for (const { from, to, count } of filled)
      expect(counts.filter((one) => one >= from && one < to).length).toBe(count);
    const [digest, durations] = jsonOf('counted, as JSON').filter(({ type }) => type === 'tdigest');
    expect(digest).toMatchObject({ expr: 'count', count: 15, min: 0, p50: 4096, max: 8192 });
    expect(durations).toMatchObject({ expr: '$duration', unit: 'ns', count: 15 });
    const { min, p50, max } = durations as { min: number; p50: number; max: number };
    expect([0, min, p50, max]).toEqual([0, min, p50, max].sort((a, b) => a - b));
    expect(min).toBeGreaterThan(0);
  });

  test('are a picture in text', () => {
    const { stdout } = run.steps['counted, as text'];
    expect(stdout).toContain('vfs_read: hist(count), 15 values\n');
    expect(stdout).toMatch(/\[4K, 8K\) +9 |4096.* 9 /);
    expect(stdout).toMatch(/^tdigest\(count\)\n +COUNT +MIN +P50 .*\nvfs_read +15 +0 +4096 /m);
  });

  test('stacks are what ftrace has for the same calls, frame by frame', () => {
    const name = 'stacks, and what ftrace has for them';
    expect(run.steps[name].status).toBe(0);
    const stacks = jsonOf(name).flatMap(({ type, stack }) =>
      type === 'call' ? [stack as string[]] : [],
    );
    expect(stacks.map(({ length }) => length > 10)).toEqual([true, true]);
    const [, ...traced] = run.steps[name].stderr.split('<stack trace>\n');
    const frames = traced.map((text): string[] => text.match(/(?<==> )\S+(?=\/0x)/g) ?? []);
    // ftrace's begin with the function itself, and the trampoline that it was called by
    expect(frames.map((all, at) => all.slice(all.indexOf(stacks[at]?.[0] ?? 'nothing')))).toEqual(
      stacks,
    );
  });

  test('stacks are folded, and lead from the caller to the system call', () => {
    const stacks = jsonOf('counted, as JSON').filter(({ type }) => type === 'stack');
    expect(stacks.length).toBe(1);
    expect(stacks[0]?.['count']).toBe(15);
    const frames = (stacks[0]?.['frames'] as string[]).map((frame) => frame.replace(/\+.*/, ''));
    expect(
      frames.filter((frame) => frame !== '__x64_sys_read' && frame !== 'x64_sys_call'),
    ).toEqual(['ksys_read', 'do_syscall_64', 'entry_SYSCALL_64_after_hwframe']);
    expect(run.steps['counted, as text'].stdout).toMatch(
      /^15 of 15 \(100\.0%\)\n {2}ksys_read\+0x[0-9a-f]+\n/m,
    );
  });
});

test('--limit-events counts calls, not the lines of their values', () => {
  const { stdout } = run.steps['so many calls'];
  expect(stdout.match(/ vfs_read\(/g)?.length).toBe(2);
  expect(stdout.match(/^ +f_pos=\d+,$/gm)?.map((line) => line.trim())).toEqual([
    'f_pos=0,',
    'f_pos=4096,',
  ]);
  expect(stdout).toContain('2 of 2 (100.0%)\n');
});

test('--limit-events ends between two calls of one tree, and not within a value', () => {
  const { stdout } = run.steps['so many calls of trees'];
  expect(stdout.match(/(?<= )(?:vfs|ksys)_read(?=\()/g)).toEqual([
    ...['vfs_read', 'ksys_read', 'vfs_read'],
  ]);
  expect(stdout.match(/^ +\*file = \{$/gm)?.length).toBe(2);
  expect(stdout).toMatch(/^ +\}\n$/m);
  expect(stdout.trimEnd().endsWith('}')).toBe(true);
});

describe('calls of other kinds', () => {
  test('packets on loopback have their length, source, device and bit fields', () => {
    const packets = callsOf('packets');
    expect(packets.length).toBe(2);
    const bigEndianIp = 0x0008;
    for (const { outputs: shown } of packets) {
      expect(shown.slice(0, 5).map(({ value }) => value)).toEqual([
        ...[64, '127.0.0.1', 'lo', 0, bigEndianIp],
      ]);
      expect(shown[5]?.value).toMatchObject({ len: 64, pkt_type: 0, protocol: bigEndianIp });
    }
  });

  test('a call that has not returned has what its entry had', () => {
    const [call, ...more] = callsOf('never returned');
    expect(more).toEqual([]);
    expect(call).toMatchObject({ durationNs: null, retval: null });
    expect(call?.args.map(({ name }) => name)).toEqual(['iocb', 'to']);
    expect(call?.outputs).toMatchObject([
      { expression: 'iocb->ki_flags', value: 0 },
      { expression: 'to->count', value: 1 },
    ]);
    expect(lineOf('never returned', 'summary')).toMatchObject({ unfinished: 1, lost: none });
  });

  test('a function that calls itself has its own values at each level', () => {
    const roots = rootsOf('recursive');
    expect(roots.map(depthsOf)).toEqual([[0], [0, 1], [0, 1, 2]]);
    for (const root of roots)
      for (let call: ValuedCall | undefined = root; call; call = call.children[0]) {
        expect(valueOf(call, 'ep')).toBe(argument(call, 'ep')?.value);
        expect(valueOf(call, '$retval * 10')).toBe(10 * Number(call.retval));
      }
  });

  const depthsOf = (call: ValuedCall): unknown[] => [
    valueOf(call, 'depth'),
    ...call.children.flatMap(depthsOf),
  ];
});

describe('20,000 calls', () => {
  const letters = 20_000;

  test('have each its own values', () => {
    const traced = callsOf('storm');
    expect(traced.length).toBe(letters);
    const wrong = traced.filter(
      (call, at) =>
        valueOf(call, '*pos') !== at ||
        valueOf(call, 'file->f_pos') !== at ||
        valueOf(call, '*pos - $retval') !== at ||
        valueOf(call, 'count + 1') !== 2,
    );
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(lineOf('storm', 'summary')).toMatchObject({ calls: letters, unfinished: 0, lost: none });
  });

  test('in a small buffer lose records, say so, and keep their own values', () => {
    const name = 'storm in a small buffer';
    const { ring } = lineOf(name, 'summary')['lost'] as { ring: number };
    expect(ring).toBeGreaterThan(0);
    const traced = callsOf(name);
    expect(traced.length).toBeGreaterThan(0);
    let last = -1;
    let shown = 0;
    for (const call of traced) {
      const before = output(call, '*pos');
      const after = output(call, '*pos - $retval');
      if (before?.lost === true) expect(before.value).toBe(null);
      else if (after !== undefined) {
        expect(before?.value).toBe(after.value);
        shown++;
      }
      const at = Number(after?.value ?? before?.value);
      expect(at).toBeGreaterThan(last);
      last = at;
    }
    expect(shown).toBeGreaterThan(0);
  });
});
