/** `fsnoop stat`: how often functions are called, how long that takes, and how it fails. */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { outputFlags, parseOutput } from '../cli/printing-flags.js';
import {
  adviseOn,
  buffer,
  callFlags,
  commandOutputBeside,
  depthFlag,
  maxRate,
  parseTracing,
  spellOut,
} from '../cli/tracing-flags.js';
import { exitStatus, Failure } from '../failure.js';
import { parseListenAddress } from '../words/listen-address.js';
import { serveMetrics } from '../tracing/metrics-server.js';
import { keyKinds } from '../plan/counting.js';
import { deepestCounted } from '../plan/method.js';
import { countingCompanions, countingWords, parseIntervalMs } from '../tracing/request.js';
import { makeCounter } from '../tracing/counter.js';
import { trace } from '../tracing/trace.js';
import { sortKeys } from '../tree/sort.js';

export default class Stat extends Command {
  static override summary = 'Count calls of kernel functions: how often, how long, which errors.';
  static override description = `Calls are counted in the kernel, of thousands of functions at once, and none is lost on its way.
SELF is the time less that of counted calls below. P50, P90 and P99 are within 1.6 % of the true ones.
Filters hold for each call of a function that -k names, whether or not it is in another one's.
With --record the same program counts each call and records it: fsnoop report of that says the same as this.
Exit status: as fsnoop trace has it.`;
  static override examples = [
    example(
      'What a command does in the file system, the longest first',
      `fsnoop stat -k 'ext4_*' -c 'cp -r /etc /tmp/etc'`,
    ),
    example(
      'How the time of reads spreads, for ten seconds',
      'fsnoop stat -k vfs_read --hist --duration 10',
    ),
    example(
      'What is below a function, where its own time goes',
      `fsnoop stat -k vfs_read -g --sort self --top 20 -c 'cat /var/log/dmesg'`,
    ),
    example(
      'Who opens files, and what goes wrong, as it happens',
      'fsnoop stat -k do_sys_openat2 --by comm --sort calls --interval 1s',
    ),
    example(
      'The same calls counted and recorded, and then who called whom',
      `fsnoop stat -k 'ext4_*' --record ext4.fsnoop -c 'cp -r /etc /tmp/etc'`,
      'fsnoop report ext4.fsnoop --callers',
    ),
    example('For Prometheus to scrape, until Ctrl-C', `fsnoop stat -k 'ext4_*' --prometheus :9435`),
    example(
      'Failed calls alone, for programs',
      `fsnoop stat -k 'vfs_*' --errors --json -c 'make test'`,
    ),
  ];
  static override usage = '<%= command.id %> -k PATTERN... [FLAGS]';
  static override flags = {
    ...callFlags,
    'output-fgraph': Flags.boolean({
      char: 'g',
      summary: 'Count what is called below each call, too.',
      helpGroup: 'GRAPH',
    }),
    'fgraph-max-depth': depthFlag(deepestCounted),
    errors: Flags.boolean({
      summary: 'Only calls that return an error.',
      helpGroup: 'FILTER',
    }),
    by: Flags.option({
      options: keyKinds,
      summary: 'A line for each task name, process, CPU, cgroup or return value.',
      helpGroup: 'OUTPUT',
    })(),
    sort: Flags.option({
      options: sortKeys,
      summary: 'What the order is by: the most first.',
      default: 'total' as const,
      helpGroup: 'OUTPUT',
    })(),
    top: Flags.integer({
      summary: 'Show no more than so many lines.',
      helpValue: 'N',
      min: 1,
      helpGroup: 'OUTPUT',
    }),
    hist: Flags.boolean({
      summary: 'Draw how the times spread.',
      helpGroup: 'OUTPUT',
      exclusive: ['json'],
    }),
    interval: Flags.string({
      summary: 'Show what was counted so far, again and again: 1s, 500ms.',
      helpValue: 'TIME',
      helpGroup: 'OUTPUT',
    }),
    prometheus: Flags.string({
      summary: 'Serve what was counted so far to Prometheus; without an address on loopback.',
      helpValue: '[ADDRESS]:PORT',
      helpGroup: 'OUTPUT',
    }),
    record: Flags.string({
      summary: 'Record what is counted, too: for fsnoop report, tree, export, diff.',
      helpValue: 'FILE',
      helpGroup: 'OUTPUT',
    }),
    buffer: Flags.string({ ...buffer, dependsOn: countingCompanions.buffer }),
    'max-rate': Flags.string({ ...maxRate, dependsOn: countingCompanions['max-rate'] }),
    json: Flags.boolean({ summary: 'JSON, one object a line.', helpGroup: 'OUTPUT' }),
    ...outputFlags,
  };

  protected override catch(error: Error): never {
    throw adviseOn(error);
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Stat, spellOut(this.argv));
    const { output, terminal, color } = parseOutput(flags);
    const { record } = flags;
    if (record !== undefined) checkRecording(record, output);
    const shown = {
      format: flags.json ? ('json' as const) : ('text' as const),
      color,
      onNote: (text: string) => process.stderr.write(text),
    };
    const request = {
      ...parseTracing({ ...flags, ...countingWords(flags) }, false),
      ...shown,
      prototypes: false,
      output,
      secondOutput: record,
      commandOutput: commandOutputBeside({ ...shown, output }),
    };
    const address =
      flags.prometheus === undefined ? null : parseListenAddress('--prometheus', flags.prometheus);
    const options = {
      ...shown,
      width: terminal?.columns ?? null,
      height: terminal?.rows ?? null,
      by: flags.by ?? null,
      sort: flags.sort,
      top: flags.top ?? null,
      histograms: flags.hist,
      intervalMs: parseIntervalMs(flags.interval),
      record: record ?? null,
    };
    const { version } = this.config;
    await using server = address === null || request.dryRun ? null : await serveMetrics(address);
    const metrics = server && { server, version };
    const { status } = await trace(request, (parts) => makeCounter(parts, { ...options, metrics }));
    this.exit(status);
  }
}

/** Standard output is for the counts. */
function checkRecording(record: string, output: string | null): void {
  if (record !== '-' && record !== output) return;
  throw new Failure(
    exitStatus.usage,
    `Counts and --record would both go to ${output ?? 'standard output'}.`,
    'Give the recording a file of its own: --record calls.fsnoop',
  );
}
