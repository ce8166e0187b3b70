/** The flags that say what is traced, which `trace`, `record` and `stat` share, and what they mean. */
import * as Flags from '@oclif/core/flags';
import type { InferredFlags } from '@oclif/core/interfaces';
import type { CommandOutput } from '../attach/command.js';
import { exitStatus, Failure } from '../failure.js';
import { adviceOn } from '../plan/bpfsnoop.js';
import { deepestOfAll, methods } from '../plan/method.js';
import {
  argsChoices,
  companions,
  defaultWords,
  exclusives,
  parseRequest,
} from '../tracing/request.js';
import type { TraceRequest } from '../tracing/trace.js';
import { quoteShell } from '../words/shell.js';
import { showProgress } from './terminal.js';

/** May be given again and again. */
export const list = { multiple: true as const, multipleNonGreedy: true };

export const depthFlag = (deepest: number) =>
  Flags.integer({
    summary: 'Levels below the root.',
    helpValue: 'N',
    min: 1,
    max: deepest,
    default: defaultWords['fgraph-max-depth'],
    helpGroup: 'GRAPH',
  });

/** Which functions, and which of their calls. */
export const callFlags = {
  kfunc: Flags.string({
    multiple: true,
    multipleNonGreedy: true,
    char: 'k',
    summary:
      "Functions to trace: names or globs, by commas, with an argument ('*:(struct sock *)sk'); '(g)vfs_read' stands for -g too.",
    helpValue: 'PATTERN',
  }),
  prog: Flags.string({
    ...list,
    char: 'p',
    summary:
      "BPF programs to trace: id:12, name:xdp_pass, tag:, pinned:/path, pid:4321 or '*'; with another colon a function of it.",
    helpValue: 'PROGRAM',
  }),
  'kfunc-kmods': Flags.string({
    ...list,
    summary: 'Globs are of functions in these modules too; names are found in any.',
    helpValue: 'MODULE',
    exclusive: exclusives['kfunc-kmods'],
  }),
  'kfunc-all-kmods': Flags.boolean({ summary: 'Globs are of functions in all modules too.' }),
  command: Flags.string({
    char: 'c',
    summary: 'Run it, trace it and its children, end with it and with its exit status.',
    helpValue: 'COMMAND',
    exclusive: exclusives.command,
  }),
  'output-fgraph': Flags.boolean({
    char: 'g',
    summary: 'Show the tree of calls below each call.',
    helpGroup: 'GRAPH',
  }),
  'fgraph-include': Flags.string({
    ...list,
    summary: 'Show only these below, also where only indirect calls lead to them.',
    helpValue: 'PATTERN',
    helpGroup: 'GRAPH',
  }),
  'fgraph-exclude': Flags.string({
    ...list,
    summary: 'Leave these out below, with what only they call.',
    helpValue: 'PATTERN',
    helpGroup: 'GRAPH',
  }),
  'fgraph-extra': Flags.string({
    ...list,
    summary: 'Show these below in any case; without an include, with what they call.',
    helpValue: 'PATTERN',
    helpGroup: 'GRAPH',
  }),
  'fgraph-learn': Flags.string({
    summary:
      'See what is called below, indirectly too, with everything attached: while the command runs once, or in the first N calls.',
    helpValue: '[N]',
    helpGroup: 'GRAPH',
  }),
  'fgraph-save': Flags.string({
    summary: 'Keep in a file what --fgraph-learn saw.',
    helpValue: 'FILE',
    helpGroup: 'GRAPH',
    dependsOn: companions['fgraph-save'],
  }),
  'fgraph-load': Flags.string({
    summary: 'Show what was seen then.',
    helpValue: 'FILE',
    helpGroup: 'GRAPH',
    exclusive: exclusives['fgraph-load'],
  }),
  'fgraph-max-depth': depthFlag(deepestOfAll),
  'fgraph-all-paths': Flags.boolean({
    summary: 'Follow unlikely paths too: warnings, logging, panics, tracepoints.',
    helpGroup: 'GRAPH',
  }),
  'filter-pid': Flags.string({
    ...list,
    summary: 'Only these processes.',
    helpValue: 'PID',
    helpGroup: 'FILTER',
  }),
  'filter-arg': Flags.string({
    ...list,
    summary: "Only calls for which this holds, in C: 'count == 4096', '$retval < 0'; all must.",
    helpValue: 'EXPR',
    helpGroup: 'FILTER',
  }),
  errors: Flags.boolean({
    summary: 'Only calls, with their trees, that return an error.',
    helpGroup: 'FILTER',
  }),
  errno: Flags.string({
    ...list,
    summary: 'Only those that return one of these: ENOENT,EACCES.',
    helpValue: 'NAME',
    helpGroup: 'FILTER',
  }),
  comm: Flags.string({
    aliases: ['filter-comm'],
    summary: 'Only tasks of this name (up to 15 bytes).',
    helpValue: 'NAME',
    helpGroup: 'FILTER',
  }),
  cgroup: Flags.string({
    summary: 'Only tasks in this cgroup, or below it: system.slice/ssh.service.',
    helpValue: 'PATH',
    helpGroup: 'FILTER',
  }),
  'min-duration': Flags.string({
    aliases: ['duration-threshold'],
    summary: 'Drop shorter calls, in the kernel: 500ns, 10us, 1ms.',
    helpValue: 'TIME',
    helpGroup: 'FILTER',
  }),
  duration: Flags.string({
    summary: 'End after this time, in seconds or as 5m.',
    helpValue: 'TIME',
    helpGroup: 'RUN',
  }),
  watchdog: Flags.string({
    summary: 'Kill fsnoop when it hangs, or is stopped, for so long; 0: never.',
    helpValue: 'TIME',
    default: defaultWords.watchdog,
    helpGroup: 'RUN',
  }),
  strict: Flags.boolean({ summary: 'Exit with 4 when anything was lost.', helpGroup: 'RUN' }),
  method: Flags.option({
    options: ['auto', ...methods] as const,
    summary: 'How to attach; auto: as the kernel can, and as is best for so many functions.',
    default: defaultWords.method,
    helpGroup: 'RUN',
  })(),
  'ready-file': Flags.string({
    summary: 'Write it when all is attached.',
    helpValue: 'FILE',
    helpGroup: 'RUN',
  }),
  verbose: Flags.boolean({
    char: 'v',
    summary: 'Tell the plan and how attaching went, on stderr.',
    helpGroup: 'RUN',
  }),
  'dry-run': Flags.boolean({ summary: 'Print the plan and attach nothing.', helpGroup: 'RUN' }),
};

/** How calls are recorded: flags, but for what they are without one. */
export const maxRate = {
  summary: 'End when more records a second are made: 500K, 10M; 0: never.',
  helpValue: 'N',
  helpGroup: 'RUN',
};
export const buffer = {
  summary: 'Room for records on their way out of the kernel, up to 256M.',
  helpValue: 'SIZE',
  helpGroup: 'RUN',
};

export const tracingFlags = {
  ...callFlags,
  tracepoint: Flags.string({
    ...list,
    char: 't',
    summary:
      'Tracepoints to show: marks in the trees of -k and -p; without those each hit, one a line.',
    helpValue: 'NAME',
  }),
  'cpu-time': Flags.boolean({
    summary: 'Show of each call how long the task was off the CPU.',
    helpGroup: 'OUTPUT',
    exclusive: exclusives['cpu-time'],
  }),
  args: Flags.option({
    options: argsChoices,
    summary: 'Arguments: none, one line, or with what the structs have that they point at.',
    default: defaultWords.args,
    helpGroup: 'OUTPUT',
  })(),
  'output-arg': Flags.string({
    ...list,
    summary: "Show this too, in C: 'file->f_inode->i_size', 'str(name)', '*skb', 'hist(count)'.",
    helpValue: 'EXPR',
    helpGroup: 'OUTPUT',
  }),
  'output-stack': Flags.boolean({
    summary: 'Show the kernel stack of each root.',
    helpGroup: 'OUTPUT',
  }),
  'limit-events': Flags.integer({
    summary: 'End after so many trees, or calls without -g.',
    helpValue: 'N',
    min: 1,
    helpGroup: 'RUN',
  }),
  'max-rate': Flags.string({ ...maxRate, default: defaultWords['max-rate'] }),
  buffer: Flags.string({ ...buffer, default: defaultWords.buffer }),
};

/** What of a request they say. */
type Traced = Omit<
  TraceRequest,
  'format' | 'prototypes' | 'color' | 'output' | 'commandOutput' | 'onNote'
>;

/** JSON has standard output to itself: what the command prints goes to standard error then. */
export const commandOutputBeside = ({
  format,
  output,
}: Pick<TraceRequest, 'format' | 'output'>): CommandOutput =>
  format === 'json' && output === null ? 2 : 1;

/**
 * @param live write a record at each entry too
 * @throws {Failure} when they make no sense
 */
export function parseTracing(
  flags: Omit<InferredFlags<typeof tracingFlags>, 'json'>,
  live: boolean,
): Traced {
  return {
    ...parseRequest(flags, live),
    dryRun: flags['dry-run'],
    readyFile: flags['ready-file'] ?? null,
    strict: flags.strict,
    endBy: 'signals',
    heapOwner: 'fsnoop',
    onProgress: showProgress,
    verbose: flags.verbose,
  };
}

/** An unknown flag may be one of bpfsnoop's: then this says what comes closest. A value may look like a flag. */
export function adviseOn(error: Error): Error {
  const [, flag] = /^Flag --((?:output|filter)-arg) expects a value/.exec(error.message) ?? [];
  if (flag !== undefined) return noExpression(flag);
  const unknown = 'flags' in error ? (error.flags as readonly string[]) : [];
  const advice = unknown.flatMap((flag) => adviceOn(flag) ?? []);
  return advice.length === 0 ? error : new Failure(exitStatus.usage, advice.join('\n'));
}

/**
 * What oclif does not have: a flag whose value can be left out, and a value that begins as a flag does.
 * @throws {Failure} where a command follows `--`, as other tracers have it
 */
export function spellOut(argv: readonly string[]): string[] {
  const at = argv.indexOf('--');
  if (at >= 0 && at < argv.length - 1) throw strayCommand(argv.slice(at + 1));
  return argv.map((arg) =>
    arg === '--fgraph-learn' ? `${arg}=` : arg.replace(/^(--(?:output|filter)-arg=)-/, '$1 -'),
  );
}

function strayCommand(command: readonly string[]): Failure {
  const spelt = command.map(quoteShell).join(' ');
  return new Failure(
    exitStatus.usage,
    `Unexpected arguments: ${spelt}`,
    `A command is given with -c: -c ${quoteShell(spelt)}`,
  );
}

const noExpression = (flag: string): Failure =>
  new Failure(
    exitStatus.usage,
    `--${flag} expects an expression.`,
    `One that begins with - follows an equals sign: --${flag}='-count'`,
  );
