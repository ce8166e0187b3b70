/** `fsnoop stat --prometheus` in a guest: scraped by wget while it counts, against what a known program does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { fallen, parseExposition, valuesOf } from './exposition.js';
import { guestSession, type GuestSession } from './guest.js';
import { leftovers, patient } from './safety.js';
import { statOf } from './stat-lines.js';

const metrics = 'http://127.0.0.1:9435/metrics';
const scrape = `wget -q -O - ${metrics}`;

/** Counts while `work` is done, then is ended; what it writes is in /tmp/counted and /tmp/said. */
const counting = (flags: string, work: string) => `
rm -f /tmp/ready
fsnoop stat ${flags} ${patient} --ready-file /tmp/ready >/tmp/counted 2>/tmp/said & counter=$!
until [ -e /tmp/ready ]; do sleep 0.1; done
${work}
kill -TERM $counter; wait $counter; echo "ended with $?" >&2`;

const ofCalls = '-k ksys_read,ksys_write,vfs_read --comm calls --json';
const separator = 'and then';
const scrapesUnderLoad = 25;

const steps = {
  counted: counting(
    `${ofCalls} --prometheus :9435`,
    `calls read 1000; calls mixed; ${scrape}; sleep 0.5
    echo '${separator}'; cat /proc/net/tcp; echo '${separator}'`,
  ),
  table: 'cat /tmp/counted',
  said: 'cat /tmp/said',
  gone: scrape,
  OpenMetrics: counting(
    `${ofCalls} --prometheus 0.0.0.0:9435`,
    `calls read 10
    wget -q -O - --header 'Accept: application/openmetrics-text; version=1.0.0' ${metrics}
    wget -q -O - http://127.0.0.1:9435/ >&2`,
  ),
  'under load': counting(
    '-k ksys_read,vfs_read,rw_verify_area --comm calls --prometheus :9435',
    `calls forever & load=$!
    for n in $(seq ${scrapesUnderLoad}); do ${scrape}; echo '${separator}'; done
    kill $load`,
  ),
  'by name': counting(
    '-k ksys_read --by comm --prometheus :9435',
    `ln -s $(which calls) '/tmp/a"b\\c'; '/tmp/a"b\\c' read 20; ${scrape}`,
  ),
  'any port': `
    fsnoop stat -k ksys_read --prometheus :0 -c 'sleep 1' 2>&1 >/dev/null | grep Metrics`,
  'with a command': `
    fsnoop stat -k ksys_read --json --prometheus :9435 -c 'sh -c "calls read 30; ${scrape}"' 2>/tmp/both >/dev/null
    echo "ended with $?" >&2; grep fsnoop_call_duration_seconds_count /tmp/both`,
  'port in use': `
    nc -l -p 9435 >/dev/null & nc=$!; sleep 0.5
    fsnoop stat -k ksys_read --prometheus :9435 -c true; status=$?; kill $nc; exit $status`,
  killed: counting(`${ofCalls} --prometheus :9435`, `kill -KILL $counter; sleep 1; ${scrape}`),
  left: leftovers,
} as const;

let calls: BuiltProgram;
let run: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  calls = await buildCalls();
  run = await guestSession({
    files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
    steps,
    stepTimeoutMs: 150_000,
    timeoutMs: 580_000,
  });
});

afterAll(() => calls[Symbol.asyncDispose]());

const outOf = (name: keyof typeof steps) => run.steps[name].stdout;
const partsOf = (name: keyof typeof steps) => outOf(name).split(`${separator}\n`);

describe('what is scraped', () => {
  test('is what the program did, and what stat says of it in the end', () => {
    const samples = parseExposition(partsOf('counted')[0] ?? '');
    const of = (name: string, labels: Record<string, string>) =>
      valuesOf(samples, `fsnoop_${name}`, labels)[0];
    const [reads, writes] = [{ function: 'ksys_read' }, { function: 'ksys_write' }];
    expect(of('call_duration_seconds_count', reads)).toBe(1006);
    expect(of('call_duration_seconds_bucket', { ...reads, le: '+Inf' })).toBe(1006);
    expect(of('call_duration_seconds_count', writes)).toBe(4);
    expect(of('errors_total', { ...reads, errno: 'EISDIR' })).toBe(1);
    expect(of('errors_total', { ...writes, errno: 'ENOSPC' })).toBe(1);
    expect(of('functions', {})).toBe(3);
    for (const name of ['ksys_read', 'ksys_write', 'vfs_read']) {
      const { calls: counted, totalNs, selfNs } = statOf(outOf('table'), name);
      expect(of('call_duration_seconds_count', { function: name })).toBe(counted);
      expect(of('call_duration_seconds_sum', { function: name })).toBeCloseTo(totalNs / 1e9, 12);
      expect(of('self_seconds_total', { function: name })).toBeCloseTo(selfNs / 1e9, 12);
    }
    const [build] = samples.filter(({ name }) => name === 'fsnoop_build_info');
    expect(build?.labels).toMatchObject({ method: 'fsession.multi' });
    expect(build?.labels['kernel']).toMatch(/^7\.2\./);
  });

  test('has as many calls within a border as the quantiles say', () => {
    const samples = parseExposition(partsOf('counted')[0] ?? '');
    const { calls: counted, p50Ns, p99Ns, maxNs } = statOf(outOf('table'), 'vfs_read');
    const within = (ns: number) => {
      const border = samples.find(
        ({ name, labels }) =>
          name.endsWith('_bucket') &&
          labels['function'] === 'vfs_read' &&
          Number(labels['le']) * 1e9 >= ns,
      );
      return border?.value ?? 0;
    };
    expect(within(p50Ns)).toBeGreaterThanOrEqual(counted / 2);
    expect(within(p99Ns)).toBeGreaterThanOrEqual(0.99 * counted);
    expect(within(maxNs)).toBe(counted);
  });

  test('can be OpenMetrics', () => {
    const out = outOf('OpenMetrics');
    expect(out).toMatch(/\n# EOF\n$/);
    const counts = valuesOf(parseExposition(out), 'fsnoop_call_duration_seconds_count');
    expect(counts).toContain(10);
  });

  test('never goes back, and is never nonsense, while it counts', () => {
    const scrapes = partsOf('under load').slice(0, -1).map(parseExposition);
    expect(scrapes).toHaveLength(scrapesUnderLoad);
    for (const [place, samples] of scrapes.entries()) {
      expect(fallen(scrapes[place - 1] ?? [], samples)).toEqual([]);
      for (const name of ['ksys_read', 'vfs_read', 'rw_verify_area']) {
        const labels = { function: name };
        const buckets = valuesOf(samples, 'fsnoop_call_duration_seconds_bucket', labels);
        expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
        const [count] = valuesOf(samples, 'fsnoop_call_duration_seconds_count', labels);
        expect(buckets.at(-1)).toBe(count);
      }
    }
    const counts = scrapes.map(
      (samples) => valuesOf(samples, 'fsnoop_call_duration_seconds_count')[0] ?? 0,
    );
    expect(counts.at(-1)).toBeGreaterThan(counts[0] ?? Infinity);
  });

  test('has names of tasks as they are', () => {
    const samples = parseExposition(outOf('by name'));
    const labels = { function: 'ksys_read', comm: 'a"b\\c' };
    expect(valuesOf(samples, 'fsnoop_call_duration_seconds_count', labels)).toEqual([20]);
  });
});

describe('the server', () => {
  test('says where it is, on loopback unless told otherwise', () => {
    expect(outOf('said')).toContain(`Metrics are at ${metrics}\n`);
    expect(outOf('any port')).toMatch(/^Metrics are at http:\/\/127\.0\.0\.1:\d+\/metrics\n$/);
    const listening = partsOf('counted')[1]?.match(/^ *\d+: (\w+):24DB \w+:\w+ 0A/m)?.[1];
    expect(listening).toBe('0100007F'); // 127.0.0.1, port 9435
  });

  test('ends with what it serves', () => {
    expect(run.steps.counted.stderr).toContain('ended with 143');
    expect(run.steps.gone.status).not.toBe(0);
    expect(run.steps.killed.stdout).toBe('');
    expect(run.steps.killed.stderr).toContain('refused');
  });

  test('is there while a command runs', () => {
    expect(run.steps['with a command'].stderr).toContain('ended with 0');
    expect(outOf('with a command')).toMatch(/_count\{function="ksys_read"\} \d+\n$/);
  });

  test('says so where its port is taken, before anything is attached', () => {
    const { status, stderr } = run.steps['port in use'];
    expect(status).toBe(1);
    expect(stderr).toBe(
      [
        "Error: Metrics can't be served at 127.0.0.1:9435: another program listens there.",
        'Try this: Choose another port, or let the system pick one: --prometheus :0',
        'Try this: See which program it is: ss -ltnp',
        '',
      ].join('\n'),
    );
  });
});

test('nothing is left in the kernel, whose log is clean', () => {
  expect(outOf('left')).toBe('');
  expect(run.splats).toEqual([]);
});
