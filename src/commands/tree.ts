/** `fsnoop tree`: a recording, as `trace` would have printed it. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { parsePrinting, printingFlags } from '../cli/printing-flags.js';
import { replay } from '../recorded/replay.js';

export default class Tree extends Command {
  static override summary = 'Print a recording as trace would have printed it.';
  static override description = `It needs neither privileges nor the kernel that was recorded. FILE is of fsnoop record; - is standard input.
What was lost is told of all that was recorded: with --limit-events FILE is read to its end, but not standard input.`;
  static override examples = [
    example('What was recorded, to page through', 'fsnoop tree reads.fsnoop --color | less -R'),
    example(
      'For programs, as trace --format json writes it',
      'fsnoop tree reads.fsnoop --format json',
    ),
  ];
  static override args = {
    file: Args.string({ required: true, ignoreStdin: true, description: 'A recording.' }),
  };
  static override flags = {
    ...printingFlags,
    'fgraph-proto': Flags.boolean({
      summary: 'Show functions with their types.',
      helpGroup: 'GRAPH',
    }),
    'limit-events': Flags.integer({
      summary: 'Print no more trees, or calls of a recording without -g.',
      helpValue: 'N',
      min: 1,
      helpGroup: 'OUTPUT',
    }),
    verbose: Flags.boolean({
      char: 'v',
      summary: 'Name the functions that made most records, on stderr.',
      helpGroup: 'OUTPUT',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Tree);
    const status = await replay({
      ...parsePrinting(flags, 'tree'),
      path: args.file,
      limitEvents: flags['limit-events'] ?? null,
      verbose: flags.verbose,
    });
    this.exit(status);
  }
}
