/** `fsnoop list`: functions, and why some of them can't be traced. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { parsePatterns } from '../plan/pattern.js';
import { parseTracepoints } from '../plan/tracepoints.js';
import { showFunctions, showTracepoints } from '../show.js';

export default class List extends Command {
  static override summary =
    'List kernel functions, with the reason for those that can not be traced, or tracepoints.';
  static override description = `PATTERN is a name or a glob: *, ?, [a-z], [!a]. Without one, all functions are listed.
Behind a colon it may have an argument, by its name or its type: 'vfs_*:count', '*:(struct sk_buff *)skb', '*:(struct sock *)'.`;
  static override examples = [
    example('What there is to trace in ext4', `fsnoop list --traceable 'ext4_*'`),
    example('Why a function is refused', 'fsnoop list _printk'),
    example('How many functions this kernel lets us trace', 'fsnoop list --count'),
    example(
      'Which functions take a packet, and what else they take',
      `fsnoop list --proto '*:(struct sk_buff *)'`,
    ),
    example(
      'Which tracepoints the scheduler has, and with which arguments',
      `fsnoop list --tracepoints --proto 'sched_*'`,
    ),
    example('For programs', `fsnoop list --format json 'vfs_*'`),
  ];
  static override usage = '<%= command.id %> [PATTERN...] [FLAGS]';
  static override args = {
    pattern: Args.string({
      multiple: true,
      ignoreStdin: true,
      description: 'A name or a glob; all without one.',
    }),
  };
  static override flags = {
    traceable: Flags.boolean({
      summary: 'Only functions that can be traced.',
      exclusive: ['refused'],
    }),
    refused: Flags.boolean({ summary: 'Only functions that can not be traced.' }),
    tracepoints: Flags.boolean({
      summary: 'Tracepoints instead of functions.',
      exclusive: ['traceable', 'refused', 'count'],
    }),
    proto: Flags.boolean({ summary: 'Show prototypes.' }),
    count: Flags.boolean({ summary: 'Count them by reason.', exclusive: ['proto'] }),
    format: Flags.option({
      options: ['text', 'json'] as const,
      summary: 'Text, or JSON, one object a line.',
      default: 'text' as const,
    })(),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(List);
    const shown = {
      format: flags.format,
      color: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
      output: null,
    };
    const named = args.pattern ?? ['*'];
    if (flags.tracepoints) {
      await showTracepoints({
        globs: parseTracepoints(named),
        show: flags.proto ? 'prototypes' : 'names',
        ...shown,
      });
      return;
    }
    await showFunctions({
      patterns: parsePatterns('fsnoop list', named),
      only: flags.traceable ? 'traceable' : flags.refused ? 'refused' : null,
      show: flags.count ? 'counts' : flags.proto ? 'prototypes' : 'names',
      ...shown,
    });
  }
}
