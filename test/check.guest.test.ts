/** `fsnoop check` on a real kernel: budgets that hold, and each way to break one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { guestSession, type GuestSession } from './guest.js';
import { leftovers } from './safety.js';

interface Line {
  readonly type: string;
  readonly function: string;
  readonly line?: number;
  readonly held?: boolean;
  readonly value?: number | null;
  readonly values?: readonly (number | null)[];
  readonly unit?: string;
  readonly budget?: string;
  readonly worst?: { readonly root: object } | null;
}

const parseLines = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);

let calls: BuiltProgram;

beforeAll(async () => {
  calls = await buildCalls();
});

afterAll(() => calls[Symbol.asyncDispose]());

const reads = 'trace: {kfunc: ksys_read, comm: calls, include: [vfs_read, read_zero]}';
const mixed = 'trace: {kfunc: [ksys_read, do_sys_openat2], comm: calls, include: [vfs_read]}';

/** A budget file and what is done with it, in a shell. */
const withBudget = (text: string, script: string) => `cat >b.yaml <<'END'
${text}
END
${script}`;

const holding = `${reads}
command: calls read 100
budgets:
  - {function: ksys_read, calls: == 100, errors: 0, p99: < 10s, min: '> 1ns'}
  - {function: vfs_read, calls: ['>= 100', '<= 100'], total: < 10s, self: < 10s}
  - {function: 'keyctl_*', calls: 0}
  - {function: read_zero, share-of: ksys_read, max: 100%}
  - {function: vfs_read, never-calls: [schedule, ksys_read]}`;

const breaking = `${mixed}
command: calls mixed
budgets:
  - {function: ksys_read, calls: <= 5}
  - {function: ksys_read, p50: < 10ns}
  - {function: ksys_read, errors: 2}
  - {function: do_sys_openat2, errors: 1}
  - {function: ksys_read, never-calls: [vfs_read]}
  - {function: vfs_read, share-of: ksys_read, max: 0.1%}
  - {function: vfs_rename, p99: < 1s}
  - {function: vfs_read, calls: <= 6}`;

const oneOf = (budget: string) => `${reads}
command: calls read 3
budgets: [${budget}]`;

const steps = {
  holds: withBudget(holding, 'fsnoop check b.yaml --runs 3'),
  'holds as JSON': withBudget(holding, 'fsnoop check b.yaml --runs 5 --json'),
  breaks: withBudget(
    breaking,
    'fsnoop check b.yaml --json --junit junit.xml; echo $? >&2; cat junit.xml >&2',
  ),
  'breaks as text': withBudget(breaking, 'fsnoop check b.yaml'),
  'on GitHub': withBudget(
    breaking,
    'GITHUB_ACTIONS=true fsnoop check b.yaml -o /dev/null --junit -',
  ),
  'another command': withBudget(holding, 'fsnoop check b.yaml --json -- calls read 101'),
  'the command fails': withBudget(holding, `fsnoop check b.yaml -- sh -c 'exit 7'`),
  'the command fails on a signal': withBudget(
    holding,
    `fsnoop check b.yaml -- sh -c 'kill -TERM $$'`,
  ),
  'the command says interrupted': withBudget(holding, `fsnoop check b.yaml -- sh -c 'exit 130'`),
  'no such program': withBudget(holding, 'fsnoop check b.yaml -- /nosuch'),
  'nowhere for JUnit': withBudget(holding, 'fsnoop check b.yaml --junit /nosuch/x'),
  'two things to one place': withBudget(holding, 'fsnoop check b.yaml --json --junit -'),
  'no command': withBudget(reads, 'fsnoop check b.yaml'),
  'nothing to judge': withBudget(reads, 'fsnoop check b.yaml -- true'),
  'no such function': withBudget(oneOf('{function: vfs_raed, calls: 1}'), 'fsnoop check b.yaml'),
  'not traceable': withBudget(oneOf('{function: __fentry__, calls: 0}'), 'fsnoop check b.yaml'),
  'left out': withBudget(
    oneOf('{function: vfs_read, calls: 0}').replace('include', 'exclude: vfs_read, include'),
    'fsnoop check b.yaml',
  ),
  'instructions of a machine that has none': withBudget(
    oneOf('{function: vfs_read, p50: 100 instructions}'),
    'fsnoop check b.yaml',
  ),
  'wrong YAML': withBudget('trace: {kfunc: [vfs_read], run: 3}', 'fsnoop check b.yaml'),
  'no file': 'fsnoop check nowhere.yaml',
  lossy: withBudget(
    `trace: {kfunc: ksys_read, comm: calls, buffer: 4K}
budgets: [{function: ksys_read, calls: '>= 1'}]`,
    'fsnoop check b.yaml -- calls read 20000',
  ),
  interrupted: withBudget(
    `trace: {kfunc: ksys_read, comm: calls}\nbudgets: [{function: ksys_read, calls: 0}]`,
    'timeout -s INT 4 fsnoop check b.yaml -- calls forever',
  ),
  'no baseline yet': withBudget(
    `${reads}\nbaseline: base.json`,
    'fsnoop check b.yaml -- calls read 100',
  ),
  // dd reads and writes a byte ten times, and opens what it reads
  'not below kfunc': withBudget(
    `trace: {kfunc: read_zero, comm: dd}
command: dd if=/dev/zero of=/dev/null bs=1 count=10
budgets:
  - {function: ksys_write, calls: ['>= 10', '<= 1']}
  - {function: do_sys_openat2, calls: '>= 2'}
  - {function: read_zero, share-of: vfs_read, max: 100%}
  - {function: 'vfs_[r]ead', never-calls: [read_zero]}`,
    'fsnoop check b.yaml --json',
  ),
  'below what a filter lets through': withBudget(
    `trace: {kfunc: ksys_read, comm: calls, filter: fd < 0}
command: calls read 3
budgets: [{function: vfs_read, calls: 0}]`,
    'fsnoop check b.yaml',
  ),
  'no such glob': withBudget(
    oneOf("{function: vfs_read, calls: 9}, {function: 'nosuch_*', calls: 0}"),
    'fsnoop check b.yaml',
  ),
  'a filter for no root': withBudget(
    oneOf('{function: vfs_read, calls: 9}').replace('comm', 'filter: nothing > 1, comm'),
    'fsnoop check b.yaml',
  ),
  planned: withBudget(holding, 'fsnoop check b.yaml --dry-run'),
  left: leftovers,
};

describe('in a guest', () => {
  let run: GuestSession<keyof typeof steps>;
  const of = (name: keyof typeof steps) => run.steps[name];
  const budgetsOf = (name: keyof typeof steps) =>
    parseLines(of(name).stdout).filter(({ type }) => type === 'budget');

  beforeAll(async () => {
    run = await guestSession({
      files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
      steps,
      stepTimeoutMs: 180_000,
      timeoutMs: 580_000,
    });
  });

  test('a budget that holds is said to, with what was measured', () => {
    const { status, stdout, stderr } = of('holds');
    // a run that lost records was run again
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.not.stringContaining('They may have broken a budget') as string,
    });
    expect(stdout).toMatch(/^held +ksys_read +calls = 100 +100 +100 to 100 +b\.yaml:4$/m);
    expect(stdout).toMatch(/^held +vfs_read +never calls schedule, ksys_read +0 /m);
    expect(stdout.match(/^held/gm)).toHaveLength(11);
    expect(stdout).toMatch(/\n11 budgets: held\.\n$/);
  });

  test('each of five runs counts the same', () => {
    expect(of('holds as JSON').status).toBe(0);
    const counted = budgetsOf('holds as JSON').filter(({ unit }) => unit === 'calls');
    expect(counted.map(({ values }) => values)).toEqual([
      ...Array<number[]>(1).fill([100, 100, 100, 100, 100]),
      [0, 0, 0, 0, 0],
      ...Array<number[]>(2).fill([100, 100, 100, 100, 100]),
      ...Array<number[]>(2).fill([0, 0, 0, 0, 0]),
    ]);
    expect(parseLines(of('holds as JSON').stdout).at(-1)).toMatchObject({
      ...{ type: 'summary', runs: 5, held: 11, broken: 0 },
      lost: { ring: 0, recursion: 0, entry: 0, user: 0 },
    });
  });

  test('each kind of breach is found, in its line', () => {
    expect(of('breaks').stderr).toMatch(/^3$/m);
    const broken = budgetsOf('breaks').map(({ line, held, value, unit }) => ({
      ...{ line, held, unit },
      value: unit === 'calls' ? value : typeof value,
    }));
    expect(broken).toEqual([
      { line: 4, held: false, value: 6, unit: 'calls' },
      { line: 5, held: false, value: 'number', unit: 'ns' },
      { line: 6, held: false, value: 3, unit: 'calls' },
      { line: 7, held: false, value: 2, unit: 'calls' },
      { line: 8, held: false, value: 6, unit: 'calls' },
      { line: 9, held: false, value: 'number', unit: '%' },
      { line: 10, held: false, value: 'object', unit: 'ns' },
      { line: 11, held: true, value: 6, unit: 'calls' },
    ]);
  });

  test('with a tree that shows it', () => {
    const worst = budgetsOf('breaks').map(({ worst: tree = null }) => tree);
    expect(worst[0]?.root).toMatchObject({ function: 'ksys_read' });
    expect(worst[2]?.root).toMatchObject({ errno: expect.any(String) as string });
    expect(worst[3]?.root).toMatchObject({ function: 'do_sys_openat2', errno: 'ENOENT' });
    expect(worst[4]?.root).toMatchObject({ children: [{ function: 'vfs_read' }] });
    expect(worst.slice(6)).toEqual([null, null]);
    const { status, stdout } = of('breaks as text');
    expect(status).toBe(3);
    expect(stdout).toMatch(/^BROKEN +vfs_rename +p99 < 1\.00 +s +no call +b\.yaml:10$/m);
    expect(stdout).toMatch(/^Breaks do_sys_openat2 errors ≤ 1:\ndo_sys_openat2 · calls \d+:\d+/m);
    expect(stdout).toMatch(/\n7 of 8 budgets broken\.\n$/);
  });

  test('JUnit and GitHub are told', () => {
    const { stderr } = of('breaks');
    expect(stderr).toContain('<testsuite name="b.yaml" tests="8" failures="7">');
    expect(stderr).toContain('<failure message="2, budget errors ≤ 1">do_sys_openat2 · calls');
    expect(stderr).toContain(
      '<testcase classname="vfs_read" name="calls ≤ 6" file="b.yaml" line="11"/>',
    );
    expect(of('on GitHub').stdout).toMatch(
      /^<\?xml [^]*<testsuite name="b\.yaml" tests="8" [^]*<\/testsuites>\n$/,
    );
    expect(of('on GitHub').stderr).toContain(
      '::error file=b.yaml,line=7,title=do_sys_openat2%3A over budget::do_sys_openat2: 2, budget errors ≤ 1\n',
    );
  });

  test('a command after -- takes the place of the one in the file', () => {
    const { status } = of('another command');
    expect(status).toBe(3);
    const [first] = budgetsOf('another command');
    expect(first).toMatchObject({ held: false, value: 101, budget: 'calls = 100' });
  });

  test.each([
    ['the command fails', 1, 'The command ended with 7: nothing is judged.'],
    ['the command fails', 1, "See what it says: sh -c 'exit 7'"],
    ['the command fails on a signal', 1, 'The command ended with 143: nothing is judged.'],
    ['the command says interrupted', 1, 'The command ended with 130: nothing is judged.'],
    ['no such program', 2, 'Give a command as at a shell: cat /etc/hostname'],
    ['nowhere for JUnit', 1, '/nosuch/x could not be written: no such file'],
    ['two things to one place', 2, 'The verdict and --junit would both go to standard output.'],
    ['no command', 2, 'There is no command to run.'],
    ['nothing to judge', 2, 'b.yaml has no budgets to judge.'],
    ['no such function', 2, "b.yaml:3: 'vfs_raed' is no function of this kernel."],
    ['no such glob', 2, "b.yaml:3: 'nosuch_*' matches no function of this kernel."],
    ['not traceable', 5, "is on __fentry__, which can't be traced: "],
    ['left out', 2, 'is on vfs_read, which is not traced.'],
    ['instructions of a machine that has none', 2, 'no numbers of instructions'],
    ['wrong YAML', 2, "b.yaml:1:28: 'run' is nothing that trace has. Did you mean: runs?"],
    ['no baseline yet', 2, "The baseline base.json can't be read (ENOENT)."],
    ['no file', 2, 'nowhere.yaml could not be read (ENOENT).'],
  ] as const)('%s: %d', (name, status, message) => {
    expect(of(name)).toMatchObject({ status, stdout: '' });
    expect(of(name).stderr).toContain(message);
    expect(of(name).stderr).toContain('Try this: ');
  });

  test('a filter that means nothing for the roots is told in the words of the budget', () => {
    const { status, stderr } = of('a filter for no root');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^Error: filter: ksys_read has no parameter nothing\.$/m);
  });

  test('a limit is of all calls that the command makes, below kfunc or not', () => {
    expect(of('not below kfunc').status).toBe(3);
    const found = budgetsOf('not below kfunc').map(({ held, value, unit }) => ({
      held,
      value: unit === 'calls' ? value : typeof value,
    }));
    const [writes, few, opens, share, never] = found;
    expect(writes?.held, JSON.stringify(found)).toBe(true);
    expect(few).toEqual({ held: false, value: writes?.value });
    expect([opens?.held, share]).toEqual([true, { held: true, value: 'number' }]);
    expect(never).toEqual({ held: false, value: 10 });
  });

  test('with a filter only those below the calls that it chooses, which is said', () => {
    const { status, stderr } = of('below what a filter lets through');
    expect(status).toBe(0);
    expect(stderr).toContain('b.yaml: With filter, vfs_read counts only below ksys_read.\n');
  });

  test('what was lost makes it unsure', () => {
    const { status, stdout, stderr } = of('lossy');
    expect(status).toBe(4);
    expect(stdout).toContain('1 budget: held.');
    expect(stderr.match(/^Run 1: Lost .* It is run again\.$/gm)).toHaveLength(2);
    expect(stderr).toMatch(/Lost [\d,]+ records: ring .* They may have broken a budget\./);
  });

  test('interrupted, nothing is judged and nothing left', () => {
    expect(of('interrupted')).toMatchObject({ status: 130, stdout: '' });
    expect(of('left').stdout).toBe('');
  });

  test('the plan can be seen without it', () => {
    expect(of('planned')).toMatchObject({ status: 0 });
    expect(of('planned').stdout).toContain('ksys_read');
  });

  test('the kernel has nothing to say', () => {
    expect(run.splats).toEqual([]);
  });
});

describe('against a baseline', () => {
  const check = 'fsnoop check b.yaml';
  const baseline = `${reads}\nbaseline: kept/base.json`;
  const equal = withBudget(
    baseline,
    `mkdir kept
    ${check} --update-baseline -- calls read 2000 || exit 10
    for time in 1 2 3 4 5 6 7 8 9 10; do
      ${check} -- calls read 2000 || exit 11
    done
    ${check} --runs 3 -- calls read 2000
    ${check} --json -- calls read 4000`,
  );
  const asleep = withBudget(
    baseline,
    `${check} --update-baseline -- calls timer 1500 3 0 || exit 10
    ${check} --json -- calls timer 1500 3 3000`,
  );
  let run: GuestSession<'equal' | 'asleep'>;
  const brokenIn = (stdout: string) =>
    parseLines(stdout.slice(stdout.indexOf('{'))).filter(({ type }) => type === 'budget');

  beforeAll(async () => {
    run = await guestSession({
      files: [{ path: calls.path }],
      steps: { equal, asleep },
      stepTimeoutMs: 500_000,
      timeoutMs: 580_000,
    });
  }, 600_000);

  test('ten runs of the same are as they were, and twice the reads are found', () => {
    const { status, stdout, stderr } = run.steps.equal;
    const same = /^dearer than in kept\/base\.json: nothing\.$/gm;
    expect(stdout.match(same), stderr).toHaveLength(10);
    expect(stderr).toContain(
      "kept/base.json is of 1 run, and can't be compared with 3 runs in ns.",
    );
    expect(status).toBe(3);
    const broken = brokenIn(stdout).filter(({ unit }) => unit === 'calls');
    const byName = broken.toSorted((a, b) => (a.function < b.function ? -1 : 1));
    expect(byName).toMatchObject(
      ['ksys_read', 'read_zero', 'vfs_read'].map((name) => ({
        ...{ function: name, held: false, value: 4000, line: 2 },
      })),
    );
    expect(run.splats).toEqual([]);
  });

  test('a sleep in one path is found, and not in the other', () => {
    const { status, stdout, stderr } = run.steps.asleep;
    expect(status, stderr).toBe(3);
    const slower = (measure: string) =>
      brokenIn(stdout)
        .filter(({ budget = '' }) => budget.startsWith(`${measure} `))
        .map((one) => one.function);
    expect(slower('p99')).toEqual(expect.arrayContaining(['ksys_read', 'vfs_read']));
    // of what comes right after a sleep, a few calls do take longer
    expect(slower('p50')).toEqual([]);
  });
});

describe('where instructions are counted', () => {
  // so many that a tick more or less, of thousands of instructions, is far below 1 %
  const counted = {
    twice: withBudget(
      `${reads.replace('}', ', runs: 3}')}
command: calls read 20000
budgets:
  - {function: ksys_read, calls: 20000, p50: < 20000 instructions, total: < 500000000 instructions}
  - {function: vfs_read, p50: '> 10 instructions', mean: < 1ms}
  - {function: read_zero, share-of: ksys_read, max: 60%}`,
      'fsnoop check b.yaml --json && fsnoop check b.yaml --json',
    ),
  };

  test('a budget is in instructions, and two runs give the same within 1 %', async () => {
    const run = await guestSession({
      files: [{ path: calls.path }],
      steps: counted,
      icount: true,
      timeoutMs: 580_000,
      stepTimeoutMs: 300_000,
    });
    const { stdout, stderr, status } = run.steps.twice;
    expect(status, stderr).toBe(0);
    const budgets = parseLines(stdout).filter(({ type }) => type === 'budget');
    const [first, second] = [budgets.slice(0, 6), budgets.slice(6)];
    expect(first.map(({ unit }) => unit)).toEqual([
      'calls',
      ...Array<string>(4).fill('instructions'),
      '%',
    ]);
    const values = (some: readonly Line[]) => some.map(({ value }) => Number(value));
    const apart = values(first).map((value, at) =>
      Math.abs((values(second)[at] ?? NaN) / value - 1),
    );
    expect(Math.max(...apart), `${values(first).join()} ${values(second).join()}`).toBeLessThan(
      0.01,
    );
    expect(run.splats).toEqual([]);
  });
});
