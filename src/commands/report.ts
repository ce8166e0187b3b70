/** `fsnoop report`: which functions of a recording were called, how often, and how long that took. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { outputFlags, parseOutput } from '../cli/printing-flags.js';
import { report } from '../recorded/report.js';
import { treeSortKeys } from '../tree/sort.js';

export default class Report extends Command {
  static override summary = 'Count what a recording has of each function.';
  static override description = `SELF is the time less that of recorded calls below. P50, P90 and P99 are within 1.6 % of the true ones.
OFF-CPU is how much of TOTAL the tasks were asleep, waiting or preempted: of fsnoop record --cpu-time.
Calls that did not return are not counted. FILE is of fsnoop record; - is standard input.`;
  static override examples = [
    example('Where the time went', 'fsnoop report reads.fsnoop --sort self --top 20'),
    example(
      'Who waits: of a recording with --cpu-time',
      'fsnoop report reads.fsnoop --sort off-cpu',
    ),
    example(
      'Who called each function, and what it called',
      'fsnoop report reads.fsnoop --callers --callees',
    ),
    example('All trees in one', 'fsnoop report reads.fsnoop --graph'),
    example('For programs, an object a line', 'fsnoop report reads.fsnoop --json'),
  ];
  static override args = {
    file: Args.string({ required: true, ignoreStdin: true, description: 'A recording.' }),
  };
  static override flags = {
    sort: Flags.option({
      options: treeSortKeys,
      summary: 'What the order is by: the most first.',
      default: 'total' as const,
    })(),
    top: Flags.integer({
      summary: 'Show no more functions than so many; of a graph, calls below each.',
      helpValue: 'N',
      min: 1,
    }),
    callers: Flags.boolean({ summary: 'Show who called each function.' }),
    callees: Flags.boolean({ summary: 'Show what each function called.' }),
    graph: Flags.boolean({
      summary: 'Show all trees in one: calls with the same callers are one line.',
      exclusive: ['callers', 'callees', 'sort'],
    }),
    json: Flags.boolean({ summary: 'JSON, one object a line.' }),
    ...outputFlags,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Report);
    const { output, terminal, color } = parseOutput(flags);
    const edges = (['callers', 'callees'] as const).filter((name) => flags[name]);
    const status = await report({
      path: args.file,
      format: flags.json ? 'json' : 'text',
      show: flags.graph ? 'graph' : 'functions',
      edges: new Set(edges),
      sort: flags.sort,
      top: flags.top ?? null,
      output,
      width: terminal?.columns ?? null,
      color,
      onNote: (text) => process.stderr.write(text),
    });
    this.exit(status);
  }
}
