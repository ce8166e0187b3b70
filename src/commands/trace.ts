/** `fsnoop trace`, and `fsnoop` with bare flags. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { parseWatchdogMs } from '../attach/watchdog.js';
import { exitStatus, Failure } from '../failure.js';
import { adviceOn, hasEntryMode } from '../plan/bpfsnoop.js';
import type { Lesson } from '../plan/learnt.js';
import { parseCommand } from '../plan/command.js';
import { parseExpressions } from '../plan/expressions.js';
import { chooseErrnos, parseComm, parsePids } from '../plan/filters.js';
import { deepestOfAll, methods } from '../plan/method.js';
import { parseModules, parsePatterns } from '../plan/pattern.js';
import { parsePrograms } from '../plan/programs.js';
import { parseBytes, parseCount, parseDurationNs } from '../quantities.js';
import { trace } from '../trace.js';

/** May be given again and again. */
const list = { multiple: true as const, multipleNonGreedy: true };

export default class Trace extends Command {
  static override summary = 'Trace calls of kernel functions, and with -g the tree of calls below.';
  static override description = `Without a command, flags mean this one: fsnoop -k vfs_read.
It ends with its command (-c), after --duration or --limit-events, or on Ctrl-C, and detaches.
Exit status: the command's own; 1 failed; 2 wrong usage; 4 lost records and --strict; 5 this kernel or user cannot trace; 130 or 143 after SIGINT or SIGTERM.`;
  static override examples = [
    {
      description: 'Each call of a function while a command runs, one a line',
      command: `<%= config.bin %> -k vfs_read -c 'cat /etc/hostname'`,
    },
    {
      description: 'The tree of calls below it, as far as its machine code tells',
      command: `<%= config.bin %> -k vfs_read -g -c 'cat /etc/hostname'`,
    },
    {
      description: 'With what is called indirectly, too',
      command: `<%= config.bin %> -k vfs_read -g --fgraph-extra ext4_file_read_iter -c 'cat /var/log/dmesg'`,
    },
    {
      description: 'With all that it is seen to call, which is kept for the next time',
      command: `<%= config.bin %> -k vfs_read -g --fgraph-learn --fgraph-save reads -c 'cat /var/log/dmesg'`,
    },
    {
      description: 'With some functions alone',
      command: `<%= config.bin %> -k ksys_read -g --fgraph-include 'vfs_read,rw_verify_area,security_*' -c 'cat /etc/hostname'`,
    },
    {
      description: 'What it calls, with prototypes, without tracing',
      command: `<%= config.bin %> -k vfs_read -g --fgraph-proto --dry-run`,
    },
    {
      description: 'Slow calls of one process, for ten seconds, as JSON lines',
      command: `<%= config.bin %> -k 'ext4_*' --filter-pid 4321 --min-duration 1ms --duration 10s --format json`,
    },
    {
      description: 'Which files are opened, and which of them are not there',
      command: `<%= config.bin %> -k do_sys_openat2 --output-arg 'str(filename)' --errno ENOENT`,
    },
    {
      description: 'Reads of 4096 bytes, with the name of the file',
      command: `<%= config.bin %> -k vfs_read --filter-arg 'count == 4096' --output-arg 'file->f_path.dentry->d_name.name'`,
    },
    {
      description: 'What would be traced, and what can not',
      command: `<%= config.bin %> -k 'tcp_*' --dry-run`,
    },
  ];
  static override usage = '<%= command.id %> -k PATTERN... [FLAGS]';
  static override args = {
    pattern: Args.string({
      hidden: true,
      ignoreStdin: true,
      description: 'With --show-func-proto, as -k.',
    }),
  };
  static override flags = {
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
      exclusive: ['kfunc-all-kmods'],
    }),
    'kfunc-all-kmods': Flags.boolean({ summary: 'Globs are of functions in all modules too.' }),
    command: Flags.string({
      char: 'c',
      summary: 'Run it, trace it and its children, end with it and with its exit status.',
      helpValue: 'COMMAND',
      exclusive: ['filter-pid'],
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
    'fgraph-proto': Flags.boolean({
      summary: 'Show functions with their types; with --dry-run the tree of what they call.',
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
      dependsOn: ['fgraph-learn'],
    }),
    'fgraph-load': Flags.string({
      summary: 'Show what was seen then.',
      helpValue: 'FILE',
      helpGroup: 'GRAPH',
      exclusive: ['fgraph-learn', 'fgraph-include'],
    }),
    'fgraph-max-depth': Flags.integer({
      summary: 'Levels below the root.',
      helpValue: 'N',
      min: 1,
      max: deepestOfAll,
      default: 5,
      helpGroup: 'GRAPH',
    }),
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
    'min-duration': Flags.string({
      aliases: ['duration-threshold'],
      summary: 'Drop shorter calls, in the kernel: 500ns, 10us, 1ms.',
      helpValue: 'TIME',
      helpGroup: 'FILTER',
    }),
    args: Flags.option({
      options: ['off', 'compact', 'full'] as const,
      summary: 'Arguments: none, one line, or with what the structs have that they point at.',
      default: 'compact' as const,
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
    format: Flags.option({
      options: ['text', 'json'] as const,
      summary: 'Text, or JSON, one object a line.',
      default: 'text' as const,
      helpGroup: 'OUTPUT',
    })(),
    style: Flags.option({
      options: ['tree', 'ftrace', 'arrows'] as const,
      summary: 'How text looks. [default: tree; with --live arrows]',
      helpGroup: 'OUTPUT',
    })(),
    mode: Flags.string({
      ...list,
      char: 'm',
      summary: 'A line for each return (exit), or for each entry too (entry,exit: --style arrows).',
      helpValue: 'MODE',
      helpGroup: 'OUTPUT',
    }),
    live: Flags.boolean({
      summary: 'Show calls as they begin and return, not when their tree is complete.',
      helpGroup: 'OUTPUT',
    }),
    output: Flags.string({
      char: 'o',
      summary: 'Write to a file.',
      helpValue: 'FILE',
      helpGroup: 'OUTPUT',
    }),
    color: Flags.boolean({
      summary: 'Colours. [default: on a terminal]',
      allowNo: true,
      helpGroup: 'OUTPUT',
    }),
    'limit-events': Flags.integer({
      summary: 'End after so many trees, or calls without -g.',
      helpValue: 'N',
      min: 1,
      helpGroup: 'RUN',
    }),
    duration: Flags.string({
      summary: 'End after this time, in seconds or as 5m.',
      helpValue: 'TIME',
      helpGroup: 'RUN',
    }),
    'max-rate': Flags.string({
      summary: 'End when more records a second are made: 500K, 10M; 0: never.',
      helpValue: 'N',
      default: '5M',
      helpGroup: 'RUN',
    }),
    watchdog: Flags.string({
      summary: 'Kill fsnoop when it hangs, or is stopped, for so long; 0: never.',
      helpValue: 'TIME',
      default: '30s',
      helpGroup: 'RUN',
    }),
    buffer: Flags.string({
      summary: 'Room for records on their way out of the kernel, up to 256M.',
      helpValue: 'SIZE',
      default: '16M',
      helpGroup: 'RUN',
    }),
    strict: Flags.boolean({ summary: 'Exit with 4 when anything was lost.', helpGroup: 'RUN' }),
    method: Flags.option({
      options: ['auto', ...methods] as const,
      summary: 'How to attach; auto: as the kernel can, and as is best for so many functions.',
      default: 'auto' as const,
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
    'show-func-proto': Flags.boolean({
      charAliases: ['S'],
      summary: 'Show prototypes of the functions and attach nothing: fsnoop list --proto.',
      helpGroup: 'SHOW',
    }),
    'show-type-proto': Flags.string({
      ...list,
      char: 'C',
      summary: 'Show types as C and attach nothing; needs no -k: fsnoop types.',
      helpValue: 'TYPE',
      helpGroup: 'SHOW',
    }),
  };

  /** An unknown flag may be one of bpfsnoop's: then say what comes closest. */
  protected override catch(error: Error): never {
    const unknown = 'flags' in error ? (error.flags as readonly string[]) : [];
    const advice = unknown.flatMap((flag) => adviceOn(flag) ?? []);
    if (advice.length === 0) throw error;
    throw new Failure(exitStatus.usage, advice.join('\n'));
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Trace, this.argv.map(spellOut));
    const { live, format, output } = flags;
    const terminal = output === undefined ? findTerminal() : null;
    const color = 'color' in flags ? flags.color : terminal !== null && !process.env['NO_COLOR'];
    const onNote = (text: string) => process.stderr.write(text);
    const shown = { format, color, output: output ?? null, onNote };
    const types = flags['show-type-proto'] ?? [];
    // loaded where it is asked for: a trace starts without it
    const show = () => import('../show.js');
    if (types.length > 0) {
      const { showTypes } = await show();
      const names = types.flatMap((text) => text.split(','));
      await showTypes({ ...shown, names, show: 'names of many' });
      return;
    }
    const named = [...(flags.kfunc ?? []), ...(args.pattern === undefined ? [] : [args.pattern])];
    if (flags['show-func-proto'] && named.length > 0) {
      const { showFunctions } = await show();
      const patterns = parsePatterns('-k', named);
      await showFunctions({ ...shown, patterns, only: null, show: 'prototypes' });
      return;
    }
    if (args.pattern !== undefined) throw strayArgument(args.pattern, 'fgraph-learn' in flags);
    if (flags.kfunc === undefined && flags.prog === undefined) throw nothingToTrace();
    const status = await trace({
      wishes: {
        roots: parsePatterns('-k', flags.kfunc ?? []),
        programs: parsePrograms(flags.prog ?? []),
        modules: flags['kfunc-all-kmods']
          ? 'all modules'
          : parseModules(flags['kfunc-kmods'] ?? []),
        graph: flags['output-fgraph'],
        include: parsePatterns('--fgraph-include', flags['fgraph-include'] ?? []),
        exclude: parsePatterns('--fgraph-exclude', flags['fgraph-exclude'] ?? []),
        extra: parsePatterns('--fgraph-extra', flags['fgraph-extra'] ?? []),
        maxDepth: flags['fgraph-max-depth'],
        paths: flags['fgraph-all-paths'] ? 'all' : 'likely',
        lesson: chooseLesson(flags),
        minDurationNs:
          parseOptional(flags['min-duration'], (text) => parseDurationNs('--min-duration', text)) ??
          0,
        pids: flags['filter-pid']?.flatMap(parsePids) ?? [],
        comm: parseOptional(flags.comm, parseComm),
        command: parseOptional(flags.command, parseCommand),
        bufferBytes: parseBytes('--buffer', flags.buffer),
        live,
        args: flags.args,
        outputs: parseExpressions('--output-arg', flags['output-arg'] ?? []),
        filters: parseExpressions('--filter-arg', flags['filter-arg'] ?? []),
        errnos: chooseErrnos(flags.errors, flags.errno ?? []),
        stack: flags['output-stack'],
      },
      method: flags.method,
      dryRun: flags['dry-run'],
      style: chooseStyle(
        flags.style,
        live || hasEntryMode(flags.mode ?? []) ? 'arrows' : 'tree',
        live,
      ),
      prototypes: flags['fgraph-proto'],
      width: terminal?.columns ?? null,
      ...shown,
      limitEvents: flags['limit-events'] ?? null,
      durationMs: parseOptional(
        flags.duration,
        (text) => parseDurationNs('--duration', text, 's') / 1e6,
      ),
      maxRate: parseCount('--max-rate', flags['max-rate']),
      watchdogMs: parseWatchdogMs(flags.watchdog),
      readyFile: flags['ready-file'] ?? null,
      strict: flags.strict,
      onProgress: showProgress,
      verbose: flags.verbose,
    });
    this.exit(status);
  }
}

function nothingToTrace(): Failure {
  return new Failure(
    exitStatus.usage,
    'There is nothing to trace without -k (--kfunc) or -p (--prog).',
    'Name functions: fsnoop -k vfs_read',
    "Find some with: fsnoop list '*read*'",
  );
}

function strayArgument(text: string, learns: boolean): Failure {
  return new Failure(
    exitStatus.usage,
    `Unexpected argument: ${text}`,
    learns && /^\d+$/.test(text)
      ? `The number of calls follows an equals sign: --fgraph-learn=${text}`
      : `Functions are named with -k: fsnoop -k '${text}'`,
  );
}

function parseOptional<Value>(
  text: string | undefined,
  parse: (text: string) => Value,
): Value | null {
  return text === undefined ? null : parse(text);
}

/** A flag whose value can be left out, which oclif does not have. */
function spellOut(arg: string): string {
  return arg === '--fgraph-learn' ? `${arg}=` : arg;
}

interface LessonFlags {
  readonly 'fgraph-learn'?: string | undefined;
  readonly 'fgraph-save'?: string | undefined;
  readonly 'fgraph-load'?: string | undefined;
  readonly 'dry-run': boolean;
}

function chooseLesson(flags: LessonFlags): Lesson | null {
  const { 'fgraph-learn': calls, 'fgraph-save': saveTo = null, 'fgraph-load': path } = flags;
  if (path !== undefined) return { type: 'load', path };
  if (calls === undefined) return null;
  if (flags['dry-run']) {
    throw new Failure(
      exitStatus.usage,
      '--dry-run attaches nothing, which --fgraph-learn has to.',
      'Keep what it sees with --fgraph-save FILE, then: --fgraph-load FILE --dry-run',
    );
  }
  return { type: 'learn', calls: calls === '' ? null : parseCalls(calls), saveTo };
}

function parseCalls(text: string): number {
  const calls = /^\d+$/.test(text) ? Number(text) : 0;
  if (calls > 0) return calls;
  throw new Failure(
    exitStatus.usage,
    `--fgraph-learn '${text}' is no number of calls.`,
    'Say how many calls of the roots to follow: --fgraph-learn=10',
  );
}

type Style = 'tree' | 'ftrace' | 'arrows';

function chooseStyle(style: Style | undefined, otherwise: Style, live: boolean): Style {
  if (live && style !== undefined && style !== 'arrows') {
    throw new Failure(
      exitStatus.usage,
      `--style ${style} shows whole trees; --live shows calls as they come.`,
      'Leave one of them out, or use --live --style arrows',
    );
  }
  return style ?? otherwise;
}

/**
 * The terminal that standard output ends up on: it is one, or FORCE_COLOR says that it leads to one,
 * as in the guest of `fsnoop vm`. Null where there is none.
 */
function findTerminal(): { readonly columns: number | null } | null {
  const { FORCE_COLOR: force = '0', COLUMNS } = process.env;
  const { isTTY } = process.stdout;
  if (!isTTY && (force === '0' || force === '')) return null;
  const columns = isTTY ? process.stdout.columns : Number(COLUMNS);
  return { columns: columns > 0 ? columns : null };
}

/** One line on a terminal, which the next one takes the place of. */
function showProgress(text: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(text === '' ? '\r\u001b[K' : `\r\u001b[Kfsnoop: ${text} …`);
}
