/** `--fgraph-learn` on real kernels: it finds what ftrace's function_graph sees, wherever calls lead. */
import { beforeAll, describe, expect, test } from 'vitest';
import { countEach, fromJson, listWays, project, shapeOf } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { isMatrixWhole } from './matrix.js';
import { nothingAttached } from './safety.js';

const roots = [
  ...['vfs_read', 'icmp_rcv', '__x64_sys_openat', 'do_sys_openat2', 'tcp_v4_connect'],
  '__x64_sys_execve',
];

/**
 * Files on tmpfs and ext4, programs, packets, often enough that each function is seen: the kernel skips the
 * program where another task is preempted in it, and that is often one that just woke this one up.
 */
const work = `
cat /root/file /mnt/file >/dev/null
dd if=/mnt/file of=/dev/null bs=512 count=8 2>/dev/null
/bin/true
ping -c 10 -i 0.1 127.0.0.1 >/dev/null
for n in 1 2 3 4 5 6 7 8 9 10; do echo | nc 127.0.0.1 7000 >/dev/null; done`;

const prepare = `
ifconfig lo 127.0.0.1 up
truncate -s 8M /root/image; mke2fs -F /root/image >/dev/null
mkdir /mnt; mount -t ext4 -o loop /root/image /mnt || exit 9
head -c 4096 /dev/zero >/root/file; cp /root/file /mnt/file
cat >/root/work.sh <<'END'
${work}
END
nc -ll -p 7000 127.0.0.1 -e /bin/cat </dev/null >/dev/null 2>&1 &
sleep 1; sh /root/work.sh`;

/** As deep as fsnoop; of hardware interrupts nothing is shown. */
const functionGraph = `
cd /sys/kernel/tracing
echo 0 >tracing_on
echo 20000 >buffer_size_kb
echo 0 >options/funcgraph-irqs; echo 1 >options/funcgraph-proc; echo 1 >options/function-fork
echo 6 >max_graph_depth
for root in ${roots.join(' ')}; do echo $root >>set_graph_function; done
echo function_graph >current_tracer
sh -c 'echo $$ >set_ftrace_pid; echo 1 >tracing_on; exec sh /root/work.sh'
echo 0 >tracing_on
cat trace
echo nop >current_tracer
echo >set_graph_function; echo >set_ftrace_pid; echo >trace`;

const graph = `-k ${roots.join(',')} -g --args off`;
const storm = 'dd if=/dev/zero of=/dev/null bs=1 count=5000';
const few = '--fgraph-include rw_verify_area,security_file_permission,apparmor_file_permission';

/** Quick ones, as few functions are attached. */
const small = {
  excluded: `fsnoop -k vfs_read -g --fgraph-learn ${few} --fgraph-exclude security_file_permission --format json -c '${storm}'`,
  'few calls': `fsnoop -k vfs_read -g --fgraph-learn=2 ${few} -o /tmp/few -c '${storm}'`,
  'a deeper one': `fsnoop -k vfs_read -g --fgraph-load /tmp/learnt --fgraph-max-depth 7 --dry-run`,
  'a function is gone': `sed 's/rw_verify_area/rw_nowhere/' /tmp/learnt >/tmp/gone
    fsnoop -k vfs_read -g --fgraph-load /tmp/gone --dry-run`,
  interrupted: `fsnoop -k vfs_read -g --fgraph-learn ${few} --fgraph-save /tmp/cut -c 'dd if=/dev/zero of=/dev/null bs=1' & tracer=$!
    while [ -z "$(bpftool link)" ]; do sleep 0.2; done
    sleep 2; kill -INT $tracer; wait $tracer`,
  'nothing after the interrupt': nothingAttached,
  'too many records': `fsnoop -k vfs_read -g --fgraph-learn ${few} --max-rate 1K -c 'dd if=/dev/zero of=/dev/null bs=1'`,
  'nothing after the rate': nothingAttached,
  'another kernel': `sed 's/"kernel":"[0-9.]*/"kernel":"6.6.6/' /tmp/learnt >/tmp/other
    fsnoop -k vfs_read -g --fgraph-load /tmp/other -c true`,
  'other roots': `fsnoop -k vfs_read,vfs_write -g --fgraph-load /tmp/learnt -c true`,
  'no such file': `fsnoop -k vfs_read -g --fgraph-load /nowhere -c true`,
  'something else': `fsnoop -k vfs_read -g --fgraph-load /etc/hostname -c true`,
  'a dry run': `fsnoop -k vfs_read -g --fgraph-learn --dry-run`,
  'no calls': `fsnoop -k vfs_read -g --fgraph-learn=0 -c true`,
  'a number without its sign': `fsnoop -k vfs_read -g --fgraph-learn 5 -c true`,
  'no graph': `fsnoop -k vfs_read --fgraph-learn -c true`,
  'an excluded root': `fsnoop -k vfs_read -g --fgraph-learn --fgraph-exclude 'vfs_*' -c true`,
  'saved without learning': `fsnoop -k vfs_read -g --fgraph-save /tmp/none -c true`,
  'loaded and learnt': `fsnoop -k vfs_read -g --fgraph-learn --fgraph-load /tmp/learnt -c true`,
  'nowhere to save': `fsnoop -k vfs_read -g --fgraph-learn --fgraph-save /nowhere/learnt -c true`,
  'a root that is not called': `fsnoop -k vfs_fallocate -g --fgraph-learn ${few} -c true`,
} as const;

const steps = {
  prepare,
  first: functionGraph,
  second: functionGraph,
  third: functionGraph,
  learn: `fsnoop ${graph} --fgraph-learn --fgraph-save /tmp/learnt --format json -c 'sh /root/work.sh'`,
  'what was learnt': 'cat /tmp/learnt',
  nothing: nothingAttached,
  traceable: `fsnoop list --traceable`,
  load: `cd /mnt; fsnoop -k vfs_read -g --fgraph-load /tmp/learnt --format json -c 'dd if=/mnt/file of=/dev/null bs=512 count=3'`,
} as const;

/** Called when an interrupt ends, of which function_graph shows the rest. */
const ofInterrupts = [
  ...['irq_enter_rcu', 'irq_exit_rcu', '__hrtimer_rearm_deferred', 'preempt_schedule_irq'],
  ...['raw_irqentry_exit_cond_resched', 'idle_cpu'],
];

function isOfInterrupt(way: readonly string[]): boolean {
  return way.some(
    (name, at) =>
      ofInterrupts.includes(name) ||
      (name === 'handle_softirqs' && !['do_softirq', '__do_softirq'].includes(way[at - 1] ?? '')),
  );
}

/** How often each function was called below a root. */
function countCalls(functionGraphText: string): Record<string, number> {
  const ways = listWays(functionGraphText).filter(([root = '']) => roots.includes(root));
  return countEach(ways.filter((way) => !isOfInterrupt(way)).flatMap((way) => way.slice(-1)));
}

describe.each(isMatrixWhole ? ['7.2', '7.3'] : ['7.2'])('on %s', (kernel) => {
  let guest: GuestSession<keyof typeof steps | keyof typeof small>;
  const step = (name: keyof typeof steps | keyof typeof small) => guest.steps[name];
  const said = (name: keyof typeof small) => {
    const { status, stdout, stderr } = step(name);
    return { status, stdout, stderr: stderr.replaceAll('\n', ' ') };
  };

  beforeAll(async () => {
    guest = await guestSession({
      kernel,
      steps: { ...steps, ...small },
      modules: ['loop'],
      files: [{ path: '/usr/sbin/bpftool' }],
      memoryBytes: 4 * 2 ** 30,
      timeoutMs: 1_200_000,
      stepTimeoutMs: 600_000,
    });
  }, 1_300_000);

  test('nothing is wrong with the kernel, and no step ends with a stack of JavaScript', () => {
    expect(guest.splats).toEqual([]);
    expect(step('prepare')).toMatchObject({ status: 0 });
    for (const { stderr } of Object.values(guest.steps)) expect(stderr).not.toMatch(/^ +at |bug/m);
  });

  test('it misses nothing that function_graph sees and that can be traced', () => {
    const [first = {}, ...others] = (['first', 'second', 'third'] as const).map((name) =>
      countCalls(step(name).stdout),
    );
    // what is not called as often in each run is of the state that a run found, or of the scheduler
    const seen = Object.keys(first).filter(
      (name) => (first[name] ?? 0) >= 3 && others.every((counts) => counts[name] === first[name]),
    );
    expect(Object.keys(first)).toEqual(expect.arrayContaining(roots));
    expect(seen.length).toBeGreaterThan(250);
    const { functions } = onlyLineOf(step('what was learnt').stdout, 'learnt');
    const learnt = new Set([...functions, ...roots]);
    const missed = seen.filter((name) => !learnt.has(name));
    const traceable = new Set(step('traceable').stdout.split('\n'));
    expect(missed.filter((name) => traceable.has(name))).toEqual([]);
  });

  test('it finds what only indirect calls lead to', () => {
    const { functions } = onlyLineOf(step('what was learnt').stdout, 'learnt');
    expect(functions).toEqual(
      expect.arrayContaining([
        ...['ext4_file_read_iter', 'shmem_file_read_iter', 'apparmor_file_permission'],
        ...['icmp_echo', 'ip_output'],
      ]),
    );
    expect(functions).not.toContain('__sysvec_apic_timer_interrupt');
  });

  test('what was learnt is told, saved, and then attached', () => {
    const { status, stdout, stderr } = step('learn');
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /^Learning while the command runs, .* with [34]\d,\d{3} functions attached/m,
    );
    expect(stderr).toMatch(/^Learnt \d{3} functions below .* from \d+ calls; attaching took /m);
    expect(stdout.startsWith(step('what was learnt').stdout)).toBe(true);
    const learnt = onlyLineOf(step('what was learnt').stdout, 'learnt');
    expect(learnt).toMatchObject({ type: 'learnt', roots: [...roots].sort(), maxDepth: 5 });
    expect(learnt.kernel.startsWith(`${kernel}.`)).toBe(true);
    expect(learnt.calls).toBeGreaterThan(20);
    const [start] = linesOf(stdout, 'start');
    expect(start?.functions).toBe(learnt.functions.length + roots.length);
    expect(linesOf(stdout, 'tree').length).toBeGreaterThan(20);
    expect(step('nothing').status).toBe(0);
  });

  test('a file of it shows the file system below a read', () => {
    const trees = linesOf(step('load').stdout, 'tree').map(({ root }) =>
      shapeOf(project(fromJson(root), ['rw_verify_area', 'ext4_file_read_iter', 'touch_atime'])),
    );
    expect(trees.slice(-3)).toEqual(
      Array.from({ length: 3 }, () => 'vfs_read(rw_verify_area,ext4_file_read_iter(touch_atime))'),
    );
  });

  test('what only excluded functions call is left out', () => {
    const [learnt] = linesOf(step('excluded').stdout, 'learnt');
    expect(learnt?.functions).toEqual(['rw_verify_area']);
  });

  test('so many calls are followed; then the command is ended, and runs for the trace', () => {
    const { status, stderr } = said('few calls');
    expect(status).toBe(0);
    expect(stderr).toMatch(/Learning from 2 calls while the command runs, .* with 4 functions/);
    expect(stderr).toMatch(/Learnt 3 functions below vfs_read from 2 calls/);
    expect(stderr).toMatch(/5000\+0 records in/);
  });

  test('a file of less than is asked for says so', () => {
    expect(said('a deeper one').stderr).toMatch(/^Only 5 levels were learnt: .* down to 7/);
    expect(said('a function is gone').stderr).toMatch(/does not have 1 function .*rw_nowhere\./);
  });

  test('an end while it learns is the end', () => {
    expect(said('interrupted')).toMatchObject({ status: 130, stdout: '' });
    expect(said('interrupted').stderr).toContain(
      'Learning was cut short: nothing is learnt, and /tmp/cut is not written.',
    );
    expect(said('too many records')).toMatchObject({ status: 1, stdout: '' });
    expect(said('too many records').stderr).toMatch(/Stopped: .* records a second, .*1,000/);
    expect(step('nothing after the interrupt').status).toBe(0);
    expect(step('nothing after the rate').status).toBe(0);
  });

  test.each([
    [
      'another kernel',
      2,
      /\/tmp\/other was learnt of Linux 6\.6\.6.*; this is 7\..*--fgraph-learn --fgraph-save/,
    ],
    ['other roots', 2, /\/tmp\/learnt was learnt below .*, not below vfs_write\./],
    ['no such file', 2, /\/nowhere could not be read \(ENOENT\)\..*--fgraph-save/],
    ['something else', 2, /\/etc\/hostname is not what --fgraph-save writes\./],
    ['a dry run', 2, /--dry-run attaches nothing, which --fgraph-learn has to\..*--fgraph-load/],
    ['no calls', 2, /--fgraph-learn '0' is no number of calls\..*--fgraph-learn=10/],
    ['a number without its sign', 2, /Unexpected argument: 5.*--fgraph-learn=5/],
    ['no graph', 2, /--fgraph flags .* needs? -g/],
    ['an excluded root', 2, /--fgraph-exclude 'vfs_\*' leaves out vfs_read/],
    ['saved without learning', 2, /fgraph-learn/],
    ['loaded and learnt', 2, /fgraph-learn/],
    ['nowhere to save', 1, /\/nowhere\/learnt could not be written: .*ENOENT/],
    ['a root that is not called', 1, /nothing to learn: vfs_fallocate was not called\..*-c/],
  ] as const)('%s is told, and what to do', (name, status, message) => {
    expect(said(name)).toMatchObject({ status, stdout: '' });
    expect(said(name).stderr).toMatch(message);
  });
});
