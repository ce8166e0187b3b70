/** The public surface of the command line, and what is said to wrong usage. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Parser, type Errors } from '@oclif/core';
import { captureOutput } from '@oclif/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spellOut } from '../src/cli/tracing-flags.js';
import Diff from '../src/commands/diff.js';
import Doctor from '../src/commands/doctor.js';
import Export from '../src/commands/export.js';
import List from '../src/commands/list.js';
import RecordCalls from '../src/commands/record.js';
import Report from '../src/commands/report.js';
import Stat from '../src/commands/stat.js';
import Trace from '../src/commands/trace.js';
import Tree from '../src/commands/tree.js';
import Types from '../src/commands/types.js';
import Vm from '../src/commands/vm.js';
import { mixed } from './fixtures/reads.js';
import { bare, record } from './fixtures/recordings.js';

const commands = {
  ...{ diff: Diff, doctor: Doctor, export: Export, list: List, record: RecordCalls },
  ...{ report: Report, stat: Stat, trace: Trace, tree: Tree, types: Types, vm: Vm },
};
type Name = keyof typeof commands;

interface AnyFlag {
  readonly type: string;
  readonly char?: string;
  readonly options?: readonly string[];
  readonly default?: unknown;
  readonly multiple?: boolean;
  readonly required?: boolean;
  readonly allowNo?: boolean;
  readonly exclusive?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}

/** One line a flag: all that a script may rely on. */
function drawFlags(command: Name): string {
  const flags: Readonly<Record<string, AnyFlag>> = commands[command].flags;
  return Object.entries(flags)
    .map(([name, flag]) => {
      const { char, min, max } = flag;
      return [
        `\n${char === undefined ? '  ' : `-${char}`} --${flag.allowNo === true ? '[no-]' : ''}${name}`,
        flag.type === 'boolean' ? '' : ` ${flag.options?.join('|') ?? 'VALUE'}`,
        flag.multiple === true ? '…' : '',
        flag.required === true ? ', required' : '',
        min === undefined ? '' : `, ${min} to ${max ?? 'any'}`,
        flag.default === undefined ? '' : `, default ${JSON.stringify(flag.default)}`,
        flag.exclusive === undefined ? '' : `, not with ${flag.exclusive.join()}`,
      ].join('');
    })
    .join('');
}

/** The flags that only one of two commands has, or that differ: `-` as the other has them. */
function drawDifference(command: Name, other: Name): string {
  const [own, its] = [command, other].map((name) => drawFlags(name).split('\n'));
  const less = (its ?? []).filter((line) => own?.includes(line) === false);
  const more = (own ?? []).filter((line) => its?.includes(line) === false);
  return [...less.map((line) => `\n- ${line}`), ...more.map((line) => `\n+ ${line}`)].join('');
}

/** What is said and the exit status, without the line that refers to the help. */
async function complaint(command: Name, ...argv: string[]): Promise<string> {
  const { error, stdout } = await captureOutput(() =>
    commands[command].run(argv, import.meta.dirname),
  );
  expect(stdout).toBe('');
  const { message, oclif } = error as Errors.CLIError;
  return `\n${message.replace('\nSee more help with --help', '')}\nexit ${oclif.exit ?? 'missing'}`;
}

describe('the flags', () => {
  test('of fsnoop diff', () => {
    expect(drawFlags('diff')).toMatchInlineSnapshot(`
      "
         --fail-on VALUE…
         --tolerance VALUE, default "50%"
         --steady
         --all
         --sort change|calls|errors|total|self|mean|min|max|p50|p90|p99|name, default "change"
         --top VALUE, 1 to any
         --json
      -o --output VALUE
         --[no-]color"
    `);
  });

  test('of fsnoop doctor', () => {
    expect(drawFlags('doctor')).toMatchInlineSnapshot(`
      "
         --json"
    `);
  });

  test('of fsnoop export', () => {
    expect(drawFlags('export')).toMatchInlineSnapshot(`
      "
         --to chrome|perfetto|speedscope|folded|off-cpu|csv|html|json|otlp, required
      -o --output VALUE
         --endpoint VALUE
         --header VALUE…
         --service VALUE"
    `);
  });

  test('of fsnoop list', () => {
    expect(drawFlags('list')).toMatchInlineSnapshot(`
      "
         --traceable, not with refused
         --refused
         --tracepoints, not with traceable,refused,count
         --proto
         --count, not with proto
         --format text|json, default "text""
    `);
  });

  test('of fsnoop record, beside those of fsnoop trace', () => {
    expect(drawDifference('record', 'trace')).toMatchInlineSnapshot(`
      "
      -    --fgraph-proto
      -    --format text|json, default "text"
      -    --style tree|ftrace|arrows
      - -o --output VALUE
      -    --[no-]color
      - -m --mode VALUE…
      -    --show-func-proto
      - -C --show-type-proto VALUE…
      + -o --output VALUE, required"
    `);
  });

  test('of fsnoop report', () => {
    expect(drawFlags('report')).toMatchInlineSnapshot(`
      "
         --sort total|self|calls|min|mean|max|p50|p90|p99|errors|name|off-cpu, default "total"
         --top VALUE, 1 to any
         --callers
         --callees
         --graph, not with callers,callees,sort
         --json
      -o --output VALUE
         --[no-]color"
    `);
  });

  test('of fsnoop stat, beside those of fsnoop trace', () => {
    expect(drawDifference('stat', 'trace')).toMatchInlineSnapshot(`
      "
      -    --fgraph-max-depth VALUE, 1 to 500, default 5
      - -t --tracepoint VALUE…
      -    --cpu-time, not with live
      -    --args off|compact|full, default "compact"
      -    --output-arg VALUE…
      -    --output-stack
      -    --limit-events VALUE, 1 to any
      -    --max-rate VALUE, default "5M"
      -    --buffer VALUE, default "16M"
      -    --fgraph-proto
      -    --format text|json, default "text"
      -    --style tree|ftrace|arrows
      -    --live
      - -m --mode VALUE…
      -    --show-func-proto
      - -C --show-type-proto VALUE…
      +    --fgraph-max-depth VALUE, 1 to 62, default 5
      +    --by comm|pid|cpu|cgroup|retval
      +    --sort total|self|calls|min|mean|max|p50|p90|p99|errors|name, default "total"
      +    --top VALUE, 1 to any
      +    --hist, not with json
      +    --interval VALUE
      +    --prometheus VALUE
      +    --record VALUE
      +    --buffer VALUE
      +    --max-rate VALUE
      +    --json"
    `);
  });

  test('of fsnoop trace', () => {
    expect(drawFlags('trace')).toMatchInlineSnapshot(`
      "
      -k --kfunc VALUE…
      -p --prog VALUE…
         --kfunc-kmods VALUE…, not with kfunc-all-kmods
         --kfunc-all-kmods
      -c --command VALUE, not with filter-pid
      -g --output-fgraph
         --fgraph-include VALUE…
         --fgraph-exclude VALUE…
         --fgraph-extra VALUE…
         --fgraph-learn VALUE
         --fgraph-save VALUE
         --fgraph-load VALUE, not with fgraph-learn,fgraph-include
         --fgraph-max-depth VALUE, 1 to 500, default 5
         --fgraph-all-paths
         --filter-pid VALUE…
         --filter-arg VALUE…
         --errors
         --errno VALUE…
         --comm VALUE
         --cgroup VALUE
         --min-duration VALUE
         --duration VALUE
         --watchdog VALUE, default "30s"
         --strict
         --method auto|fsession.multi|fsession|fentry+fexit|kprobe.session|kprobe.multi, default "auto"
         --ready-file VALUE
      -v --verbose
         --dry-run
      -t --tracepoint VALUE…
         --cpu-time, not with live
         --args off|compact|full, default "compact"
         --output-arg VALUE…
         --output-stack
         --limit-events VALUE, 1 to any
         --max-rate VALUE, default "5M"
         --buffer VALUE, default "16M"
         --fgraph-proto
         --format text|json, default "text"
         --style tree|ftrace|arrows
         --live
      -o --output VALUE
         --[no-]color
      -m --mode VALUE…
         --show-func-proto
      -C --show-type-proto VALUE…"
    `);
  });

  test('of fsnoop tree', () => {
    expect(drawFlags('tree')).toMatchInlineSnapshot(`
      "
         --fgraph-proto
         --format text|json, default "text"
         --style tree|ftrace|arrows
         --live
      -o --output VALUE
         --[no-]color
         --limit-events VALUE, 1 to any
      -v --verbose"
    `);
  });

  test('of fsnoop types', () => {
    expect(drawFlags('types')).toMatchInlineSnapshot(`
      "
         --all
         --format text|json, default "text""
    `);
  });

  test('of fsnoop vm', () => {
    expect(drawFlags('vm')).toMatchInlineSnapshot(`
      "
         --arch x64|arm64
         --kernel VALUE, default "7.2"
         --icount, not with smp
         --smp VALUE, 1 to 64, default 2
         --memory VALUE, default "2G"
         --timeout VALUE, default "300"
         --file VALUE…
         --module VALUE…"
    `);
  });
});

describe('examples', () => {
  const lines = (Object.keys(commands) as Name[]).flatMap((name) =>
    commands[name].examples.flatMap((example) => example.split('\n').slice(1)),
  );
  const ofFsnoop = lines.filter((line) => line.startsWith('  $ fsnoop '));

  test.each(ofFsnoop)('%s has words that there are', async (line) => {
    const [first = '', ...rest] = splitAsShell(line.slice('  $ fsnoop '.length));
    const [name, argv] = first.startsWith('-')
      ? (['trace', [first, ...rest]] as const)
      : ([first as Name, rest] as const);
    const { flags, args } = commands[name] as unknown as Pick<typeof Trace, 'flags' | 'args'>;
    const isTracing = ['trace', 'record', 'stat'].includes(name);
    await Parser.parse(isTracing ? spellOut(argv) : [...argv], { flags, args, '--': true });
  });
});

/** The words of the first command. */
function splitAsShell(line: string): string[] {
  const script = `words() { printf '%s\\0' "$@" >&2; }; words ${line.replace(/ (>\w|\| ).*/, '')}`;
  const { stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: tmpdir() });
  return stderr.split('\0').slice(0, -1);
}

describe('wrong usage', () => {
  test.each<[Name, string[], string]>([
    [
      'trace',
      [],
      'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    ],
    [
      'trace',
      ['-g'],
      'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    ],
    [
      'trace',
      ['--show-func-proto'],
      'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    ],
    ['trace', ['-k', 'x:'], "-k 'x:' has neither the name of an argument nor a type"],
    ['trace', ['-k', 'x', 'stray'], 'Unexpected argument: stray'],
    [
      'trace',
      ['-k', 'x', '--', 'head', '-n1', 'a file'],
      "Unexpected arguments: head -n1 'a file'",
    ],
    ['trace', ['-k', 'x', '--nonsense'], 'Nonexistent flag: --nonsense'],
    ['trace', ['-k', 'x', '-c', 'ls', '--filter-pid', '3'], 'cannot also be provided'],
    ['trace', ['-k', 'x', '--fgraph-max-depth', '0'], 'greater than or equal to 1'],
    ['trace', ['-k', 'x', '--fgraph-max-depth', '501'], 'less than or equal to 500'],
    ['trace', ['-k', 'x', '--fgraph-max-depth', 'deep'], 'an integer but received: deep'],
    ['trace', ['-k', 'x', '--limit-events', '0'], 'greater than or equal to 1'],
    ['trace', ['-k', 'x', '--style', 'dots'], 'one of: tree, ftrace, arrows'],
    ['trace', ['-k', 'x', '--live', '--style', 'tree'], '--live shows calls as they come'],
    ['trace', ['-k', 'x', '--filter-pid', 'cat'], "--filter-pid 'cat' is not a process id."],
    ['trace', ['-k', 'x', '--comm', ''], '--comm is empty.'],
    ['trace', ['-k', 'x', '--cgroup', ''], '--cgroup is empty.'],
    ['trace', ['-k', 'x', '--buffer', '1G', '--dry-run'], '--buffer can be 256M at most.'],
    [
      'trace',
      ['-k', 'x', '-m', 'entry', '--format', 'json'],
      '-m entry shows entries with arrows, which JSON has not.',
    ],
    ['trace', ['-k', 'x', '-c', ' '], 'The command is empty.'],
    ['trace', ['-k', 'x', '--duration', 'soon'], "--duration 'soon' is not a time"],
    ['trace', ['-k', 'x', '--min-duration', '10'], "--min-duration '10' is not a time"],
    ['trace', ['-k', 'x', '--buffer', 'big'], "--buffer 'big' is not a size"],
    ['trace', ['-k', 'x', '--mode', 'both'], "--mode 'both' is neither entry nor exit."],
    ['trace', ['-t', 'sched:sched_switch'], 'tracepoints have no system before their name here.'],
    ['trace', ['-k', 'x', '--output-arg', '-count'], '--output-arg expects an expression.'],
    [
      'trace',
      ['-k', 'x', '--output-arg=-count +'],
      '--output-arg: Expected a value, but the expression ends.\n    -count +\n',
    ],
    ['stat', ['-k', 'x', '--filter-arg=-$retval >'], 'Expected a value, but the expression ends.'],
    ['stat', [], 'There is nothing to trace without -k'],
    ['stat', ['-k', 'x', '--', 'true'], 'Unexpected arguments: true'],
    ['stat', ['-k', 'x', '--interval', '0s'], "--interval '0s' is not a time, such as 300, 5m."],
    [
      'stat',
      ['-k', 'x', '--by', 'tid'],
      'Expected --by=tid to be one of: comm, pid, cpu, cgroup, retval',
    ],
    ['stat', ['-k', 'x', '--hist', '--json'], '--json'],
    [
      'stat',
      ['-k', 'x', '--prometheus', '9435'],
      "--prometheus '9435' is no address to listen on.",
    ],
    ['stat', ['-k', 'x', '--record', '-'], 'Counts and --record would both go to standard output.'],
    ['stat', ['-k', 'x', '--record', 'a', '-o', 'a'], 'Counts and --record would both go to a.'],
    ['stat', ['-k', 'x', '--buffer', '1M'], 'must be provided when using --buffer: --record'],
    ['stat', ['-k', 'x', '--record', 'a', '--buffer', '1T'], '--buffer'],
    ['stat', ['--prometheus', ':9435'], 'There is nothing to trace without -k'],
    ['stat', ['-k', 'x', '-g', '--fgraph-max-depth', '63'], 'less than or equal to 62'],
    ['trace', ['-t', 'a b'], "-t 'a b' is neither the name of a tracepoint nor a glob of names"],
    ['trace', ['-k', 'x', '-d', '-B', '9'], 'yet; fsnoop list --proto shows what functions take'],
    ['trace', ['-k', 'x', '-d', '-B', '9'], "\nbpfsnoop's -B goes with --disasm."],
    ['trace', ['-p', 'size:3'], "-p 'size:3' names no BPF program."],
    ['trace', ['-k', 'x', '--kfunc-kmods', 'ext4,'], "--kfunc-kmods '' is no name of a module."],
    ['diff', ['x'], 'Missing 1 required arg'],
    ['diff', ['/nonesuch', '/etc/hostname'], '/nonesuch could not be read (ENOENT).'],
    ['diff', ['/etc/hostname', 'x'], '/etc/hostname is neither a recording of fsnoop nor what'],
    ['diff', ['x', 'y', '--tolerance', '5'], "--tolerance '5' is not a part, such as 5%, 0.5%."],
    [
      'diff',
      ['x', 'y', '--fail-on', 'p98 > +10%'],
      "--fail-on: 'p98' is nothing that is measured.",
    ],
    ['diff', ['--fail-on', 'p99 > 10%', 'x', 'y'], 'A change behind > begins with +.'],
    ['diff', ['-', '-'], 'Standard input can be one of the two only.'],
    ['doctor', ['vfs_read'], 'Unexpected argument: vfs_read'],
    ['list', ['--traceable', '--refused'], 'cannot also be provided'],
    ['list', ['--format', 'xml'], 'one of: text, json'],
    ['list', ['--count', '--proto'], 'cannot also be provided'],
    ['list', [''], 'fsnoop list has an empty pattern.'],
    ['record', ['-k', 'x'], 'Missing required flag output'],
    [
      'record',
      ['-o', 'x'],
      'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    ],
    ['record', ['-k', 'x', '-o', 'x', '--style', 'tree'], 'Nonexistent flag: --style'],
    ['record', ['-k', 'x', '-o', 'x', '-B', '9'], "bpfsnoop's -B goes with --disasm."],
    ['export', ['x'], '--to is missing, which says the format: chrome, perfetto, speedscope,'],
    ['export', ['/nonesuch', '--to', 'csv'], '/nonesuch could not be read (ENOENT).'],
    ['export', ['x', '--to', 'svg'], 'one of: chrome, perfetto, speedscope'],
    ['export', ['x', '--to', 'otlp'], '--to otlp needs to know where the collector is.'],
    [
      'export',
      ['x', '--to', 'otlp', '--endpoint', 'localhost:4318'],
      "--endpoint 'localhost:4318' is no URL of a collector.",
    ],
    [
      'export',
      ['x', '--to', 'otlp', '--endpoint', 'http://localhost', '--header', 'secret'],
      '--header has no name and value that HTTP could carry.',
    ],
    [
      'export',
      ['x', '--to', 'otlp', '--endpoint', 'http://localhost', '-o', 'y'],
      '--to otlp sends spans, and writes no file.',
    ],
    [
      'export',
      ['/nonesuch', '--to', 'otlp', '--endpoint', 'http://localhost'],
      '/nonesuch could not be read (ENOENT).',
    ],
    ['export', ['x', '--to', 'csv', '--service', 'y'], '--service is for what is sent'],
    ['report', [], 'Missing 1 required arg'],
    ['report', ['/nonesuch'], '/nonesuch could not be read (ENOENT).'],
    ['report', ['x', '--graph', '--callers'], 'cannot also be provided'],
    ['report', ['x', '--top', '0'], 'greater than or equal to 1'],
    ['tree', [], 'Missing 1 required arg'],
    ['tree', ['/nonesuch'], '/nonesuch could not be read (ENOENT).'],
    ['tree', ['/etc/hostname'], '/etc/hostname is no recording of fsnoop.'],
    ['tree', ['x', '--live', '--style', 'tree'], '--live shows calls as they come'],
    ['types', [], 'There is no type to show.'],
    ['vm', [], 'There is no command to run.'],
    ['vm', ['--smp', '0', '--', 'true'], 'greater than or equal to 1'],
    ['vm', ['--smp', '2', '--icount', '--', 'true'], 'cannot also be provided'],
    ['vm', ['--memory', 'much', '--', 'true'], "--memory 'much' is not a size"],
    ['vm', ['--module', 'loop,,btrfs', '--', 'true'], "--module 'loop,,btrfs' has an empty name."],
    ['vm', ['--timeout', '0', '--', 'true'], "--timeout '0' is not a time"],
  ])('%s %j', async (command, argv, said) => {
    const text = await complaint(command, ...argv);
    expect(text).toContain(said);
    expect(text).toMatch(/\nexit 2$/);
  });
});

describe('what is read is not written over, whatever it is called', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fsnoop-commands-'));
  const path = join(folder, 'read');
  const linked = join(folder, 'linked');
  const pointed = join(folder, 'pointed');
  const bytes = record(bare, mixed);

  beforeAll(() => {
    writeFileSync(path, bytes);
    linkSync(path, linked);
    symlinkSync(path, pointed);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  test.each<[Name, string[], string]>([
    ['tree', [path], path],
    ['report', [path], linked],
    ['export', [linked, '--to', 'chrome'], pointed],
    ['export', [path, '--to', 'json'], pointed],
    ['diff', ['/etc/hostname', path], linked],
  ])('%s', async (command, argv, output) => {
    expect(await complaint(command, ...argv, '-o', output)).toBe(`
${output} is the file that is read, and would be overwritten.
exit 2`);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe('bin/run.js', () => {
  const bin = fileURLToPath(new URL('../bin/run.js', import.meta.url));
  const run = (...argv: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...argv], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

  test.each([
    [['-k', 'x', '--json'], '--format json'],
    [['report', 'x', '--format', 'json'], '--json'],
    [['-k', 'x', '--filer-pid', '3'], '--filter-pid'],
    [['-k', 'x', '--fgraph-depth', '3'], '--fgraph-max-depth'],
    [['-k', 'x', '--arg', 'off'], '--args\nTry this: --filter-arg'],
    [['vm', '--kernle', '7.2', '--', 'true'], '--kernel'],
  ])('says which flag %j may have meant', (argv, meant) => {
    const { status, stderr } = run(...argv);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^Error: Nonexistent flag: --\w/);
    expect(stderr).toContain(`\nTry this: ${meant}\nTry this: Its flags: --help\n`);
  });

  test('takes bare flags for those of trace, and tells wrong usage before what the kernel lacks', () => {
    expect(run('-k', '')).toEqual({
      status: 2,
      stdout: '',
      stderr: `\
Error: -k has an empty pattern.
Try this: Name functions, or use a glob: -k 'vfs_read,ext4_*'
`,
    });
  });

  test('shows the help of fsnoop, not of trace, for --help alone', () => {
    expect(run('--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('COMMANDS') as string,
    });
  });

  test.each([['-h'], ['help']])('%s is --help', (word) => {
    const { stdout } = run('--help');
    expect(run(word)).toEqual({ status: 0, stdout, stderr: '' });
    const ofTree = run('tree', '--help');
    expect(ofTree.stdout).not.toContain('--dry-run');
    expect(run(...(word === 'help' ? [word, 'tree'] : ['tree', word]))).toEqual(ofTree);
  });

  test('of check, names the budget and the command', () => {
    expect(run('check', '--help').stdout).toMatch(
      /^ARGUMENTS\n {2}BUDGET +A file in YAML\.\n {2}\[COMMAND\.\.\.\] /m,
    );
  });

  test('shows examples whole, each line a command', () => {
    expect(run('record', '--help').stdout).toContain(`
  Each read of a command, with what it calls, and then the trees
    $ fsnoop record -k vfs_read -g -o reads.fsnoop -c 'cat /etc/hostname'
    $ fsnoop tree reads.fsnoop

`);
  });

  test.each([['--version'], ['--help'], ['list', '--help']])(
    '%s %s that can not be written is no bug',
    (...argv) => {
      const full = openSync('/dev/full', 'w');
      const { status, stderr } = spawnSync(process.execPath, [bin, ...argv], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      closeSync(full);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `\
Error: standard output could not be written: no space left on device (ENOSPC).
Try this: Make room, or write elsewhere: --output /another/place
`,
      });
    },
  );

  test('tells who gives the command as others take it how it is given here', () => {
    expect(run('-k', 'vfs_read', '--', 'head', '-n1', '/etc/passwd').stderr).toBe(`\
Error: Unexpected arguments: head -n1 /etc/passwd
Try this: A command is given with -c: -c 'head -n1 /etc/passwd'
`);
  });

  test('says what is wrong with a guest as everything else', () => {
    expect(run('vm')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'Error: There is no command to run.\nTry this: fsnoop vm -- uname -r\n',
    });
  });

  test.each([
    [['tracee'], 'tracee', 'Did you mean: trace, tree'],
    [['help', 'exprot'], 'exprot', 'Did you mean: export'],
    [['vfs_read'], 'vfs_read', 'A function is traced with -k: fsnoop -k vfs_read'],
  ])('says so when there is no such command: %j', (argv, name, advice) => {
    expect(run(...argv)).toEqual({
      status: 2,
      stdout: '',
      stderr: `\
Error: There is no command ${name}.
Try this: ${advice}
Try this: All commands: fsnoop --help
`,
    });
  });
});
