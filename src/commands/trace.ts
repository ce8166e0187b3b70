/** `fsnoop trace`, and `fsnoop` with bare flags. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { parsePrinting, printingFlags } from '../cli/printing-flags.js';
import {
  adviseOn,
  commandOutputBeside,
  list,
  parseTracing,
  spellOut,
  tracingFlags,
} from '../cli/tracing-flags.js';
import { exitStatus, Failure } from '../failure.js';
import { hasEntryMode } from '../plan/bpfsnoop.js';
import { parsePatterns } from '../plan/pattern.js';
import { parseTracepoints } from '../plan/tracepoints.js';
import { Printer } from '../tracing/printer.js';
import { trace } from '../tracing/trace.js';

export default class Trace extends Command {
  static override summary = 'Trace calls of kernel functions, and with -g the tree of calls below.';
  static override description = `Without a command, flags mean this one: fsnoop -k vfs_read.
It ends with its command (-c), after --duration or --limit-events, or on Ctrl-C, and detaches.
Exit status: the command's own; 1 failed; 2 wrong usage; 4 lost records and --strict; 5 this kernel or user cannot trace; 130 or 143 after SIGINT or SIGTERM.`;
  static override examples = [
    example(
      'Each call of a function while a command runs, one a line',
      `fsnoop -k vfs_read -c 'cat /etc/hostname'`,
    ),
    example(
      'The tree of calls below it, as far as its machine code tells',
      `fsnoop -k vfs_read -g -c 'cat /etc/hostname'`,
    ),
    example(
      'With what is called indirectly, too',
      `fsnoop -k vfs_read -g --fgraph-extra ext4_file_read_iter -c 'cat /var/log/dmesg'`,
    ),
    example(
      'With all that it is seen to call, which is kept for the next time',
      `fsnoop -k vfs_read -g --fgraph-learn --fgraph-save reads -c 'cat /var/log/dmesg'`,
    ),
    example(
      'With some functions alone',
      `fsnoop -k ksys_read -g --fgraph-include 'vfs_read,rw_verify_area,security_*' -c 'cat /etc/hostname'`,
    ),
    example(
      'What it calls, with prototypes, without tracing',
      'fsnoop -k vfs_read -g --fgraph-proto --dry-run',
    ),
    example(
      'Slow calls of one process, for ten seconds, as JSON lines',
      `fsnoop -k 'ext4_*' --filter-pid 4321 --min-duration 1ms --duration 10s --format json`,
    ),
    example(
      'Which files are opened, and which of them are not there',
      `fsnoop -k do_sys_openat2 --output-arg 'str(filename)' --errno ENOENT`,
    ),
    example(
      'Reads of 4096 bytes, with the name of the file',
      `fsnoop -k vfs_read --filter-arg 'count == 4096' --output-arg 'file->f_path.dentry->d_name.name'`,
    ),
    example(
      'Where its tasks leave the CPU, with the time that they are off it',
      `fsnoop -k do_fsync -g -t sched_switch --cpu-time -c 'dd if=/dev/zero of=file bs=1M count=1 conv=fsync'`,
    ),
    example(
      'Each hit of a tracepoint, with its arguments',
      `fsnoop -t sched_wakeup --output-arg 'str(p->comm)' --duration 1s`,
    ),
    example('What would be traced, and what can not', `fsnoop -k 'tcp_*' --dry-run`),
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
    ...tracingFlags,
    ...printingFlags,
    mode: Flags.string({
      ...list,
      char: 'm',
      summary: 'A line for each return (exit), or for each entry too (entry,exit: --style arrows).',
      helpValue: 'MODE',
      helpGroup: 'OUTPUT',
    }),
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
    throw adviseOn(error);
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Trace, spellOut(this.argv));
    const hasEntries = hasEntryMode(flags.mode ?? []);
    if (hasEntries && flags.format === 'json') throw noEntriesInJson();
    const printing = parsePrinting(flags, hasEntries ? 'arrows' : 'tree');
    const { format, color, output, onNote } = printing;
    const shown = { format, color, output, onNote };
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
    const points = flags.tracepoint ?? [];
    if (flags['show-func-proto'] && named.length + points.length > 0) {
      const { showFunctions, showTracepoints } = await show();
      const patterns = parsePatterns('-k', named);
      const globs = parseTracepoints(points);
      if (patterns.length > 0)
        await showFunctions({ ...shown, patterns, only: null, show: 'prototypes' });
      if (globs.length > 0) await showTracepoints({ ...shown, globs, show: 'prototypes' });
      return;
    }
    if (args.pattern !== undefined) throw strayArgument(args.pattern, 'fgraph-learn' in flags);
    const request = {
      ...parseTracing(flags, flags.live),
      ...printing,
      commandOutput: commandOutputBeside(printing),
    };
    const { status } = await trace(request, (parts) => new Printer(parts, request));
    this.exit(status);
  }
}

const noEntriesInJson = (): Failure =>
  new Failure(
    exitStatus.usage,
    '-m entry shows entries with arrows, which JSON has not.',
    'Entries as lines of their own: --live --format json',
  );

function strayArgument(text: string, learns: boolean): Failure {
  return new Failure(
    exitStatus.usage,
    `Unexpected argument: ${text}`,
    learns && /^\d+$/.test(text)
      ? `The number of calls follows an equals sign: --fgraph-learn=${text}`
      : `Functions are named with -k: fsnoop -k '${text}'`,
  );
}
