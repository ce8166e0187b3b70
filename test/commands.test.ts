/** The public surface of the command line, and what is said to wrong usage. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Errors } from '@oclif/core';
import { captureOutput } from '@oclif/test';
import { describe, expect, test } from 'vitest';
import Doctor from '../src/commands/doctor.js';
import List from '../src/commands/list.js';
import Trace from '../src/commands/trace.js';
import Types from '../src/commands/types.js';
import Vm from '../src/commands/vm.js';

const commands = { doctor: Doctor, list: List, trace: Trace, types: Types, vm: Vm };
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
  return Object.entries(commands[command].flags)
    .map(([name, declared]) => {
      const flag: AnyFlag = declared;
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
  test('of fsnoop doctor', () => {
    expect(drawFlags('doctor')).toMatchInlineSnapshot(`
      "
         --json"
    `);
  });

  test('of fsnoop list', () => {
    expect(drawFlags('list')).toMatchInlineSnapshot(`
      "
         --traceable, not with refused
         --refused
         --proto
         --count, not with proto
         --format text|json, default "text""
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
         --fgraph-proto
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
         --min-duration VALUE
         --args off|compact|full, default "compact"
         --output-arg VALUE…
         --output-stack
         --format text|json, default "text"
         --style tree|ftrace|arrows
      -m --mode VALUE…
         --live
      -o --output VALUE
         --[no-]color
         --limit-events VALUE, 1 to any
         --duration VALUE
         --max-rate VALUE, default "5M"
         --watchdog VALUE, default "30s"
         --buffer VALUE, default "16M"
         --strict
         --method auto|fsession.multi|fsession|fentry+fexit|kprobe.session|kprobe.multi, default "auto"
         --ready-file VALUE
      -v --verbose
         --dry-run
         --show-func-proto
      -C --show-type-proto VALUE…"
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

describe('wrong usage', () => {
  test.each<[Name, string[], string]>([
    ['trace', [], 'There is nothing to trace without -k (--kfunc) or -p (--prog).'],
    ['trace', ['-g'], 'There is nothing to trace without -k (--kfunc) or -p (--prog).'],
    [
      'trace',
      ['--show-func-proto'],
      'There is nothing to trace without -k (--kfunc) or -p (--prog).',
    ],
    ['trace', ['-k', 'x:'], "-k 'x:' has neither the name of an argument nor a type"],
    ['trace', ['-k', 'x', 'stray'], 'Unexpected argument: stray'],
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
    ['trace', ['-k', 'x', '-c', ' '], 'The command is empty.'],
    ['trace', ['-k', 'x', '--duration', 'soon'], "--duration 'soon' is not a time"],
    ['trace', ['-k', 'x', '--min-duration', '10'], "--min-duration '10' is not a time"],
    ['trace', ['-k', 'x', '--buffer', 'big'], "--buffer 'big' is not a size"],
    ['trace', ['-k', 'x', '--mode', 'both'], "--mode 'both' is neither entry nor exit."],
    ['trace', ['-k', 'x', '-t', 'y'], "bpfsnoop's -t is not there yet"],
    ['trace', ['-k', 'x', '-d', '-B', '9'], 'yet; fsnoop list --proto shows what functions take'],
    ['trace', ['-k', 'x', '-d', '-B', '9'], "\nbpfsnoop's -B goes with --disasm."],
    ['trace', ['-p', 'size:3'], "-p 'size:3' names no BPF program."],
    ['trace', ['-k', 'x', '--kfunc-kmods', 'ext4,'], "--kfunc-kmods '' is no name of a module."],
    ['doctor', ['vfs_read'], 'Unexpected argument: vfs_read'],
    ['list', ['--traceable', '--refused'], 'cannot also be provided'],
    ['list', ['--format', 'xml'], 'one of: text, json'],
    ['list', ['--count', '--proto'], 'cannot also be provided'],
    ['list', [''], 'fsnoop list has an empty pattern.'],
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

describe('bin/run.js', () => {
  const run = (...argv: string[]) => {
    const path = fileURLToPath(new URL('../bin/run.js', import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...argv], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };

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

  test('says so when there is no such command', () => {
    const { status, stdout, stderr } = run('tracee');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain('tracee');
  });
});
