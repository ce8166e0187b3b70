/** `fsnoop export`: a recording, for other programs. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { outputFlags, parseOutput } from '../cli/printing-flags.js';
import { showProgress } from '../cli/terminal.js';
import { parseEndpoint, parseHeaders } from '../words/endpoint.js';
import { exportRecording, formats } from '../recorded/export.js';
import { exitStatus, Failure } from '../failure.js';

export default class Export extends Command {
  static override summary =
    'Turn a recording into a format of other programs, or a page that shows it.';
  static override description = `chrome: Trace Event JSON, for chrome://tracing and ui.perfetto.dev
perfetto: Protocol Buffers, for ui.perfetto.dev and trace_processor
speedscope: for https://www.speedscope.app, or its npm package
folded: stacks with the nanoseconds spent at their end, for flamegraph.pl and others
off-cpu: the same with the nanoseconds that tasks were off the CPU there, of record --cpu-time
csv: a row a call, or a tracepoint
html: one page that needs nothing else: timeline, flame chart, table of functions
json: lines, as trace --format json writes them
otlp: spans, sent to a collector of OpenTelemetry (--endpoint), a trace for each tree
FILE is of fsnoop record; - is standard input.`;
  static override examples = [
    example(
      'A page to look at, or to send to somebody',
      'fsnoop export reads.fsnoop --to html -o reads.html',
    ),
    example(
      'A flame graph of where the time went',
      'fsnoop export reads.fsnoop --to folded | flamegraph.pl >reads.svg',
    ),
    example(
      'Another of what it waited for',
      'fsnoop record -k ksys_read -g --cpu-time -o waits.fsnoop',
      'fsnoop export waits.fsnoop --to off-cpu | flamegraph.pl --color=io >waits.svg',
    ),
    example(
      'Into the traces that a collector of OpenTelemetry has of everything else',
      'fsnoop export reads.fsnoop --to otlp --endpoint http://localhost:4318',
    ),
    example(
      'For SQL',
      'fsnoop export reads.fsnoop --to csv -o reads.csv',
      `sqlite3 :memory: '.import --csv reads.csv calls' 'SELECT function, sum(self_ns) FROM calls GROUP BY 1'`,
    ),
  ];
  static override args = {
    file: Args.string({ required: true, ignoreStdin: true, description: 'A recording.' }),
  };
  static override flags = {
    to: Flags.option({
      options: [...formats, 'otlp'] as const,
      summary: 'The format.',
      required: true,
    })(),
    output: outputFlags.output,
    endpoint: Flags.string({
      summary: 'Where the collector takes OTLP over HTTP; /v1/traces is put behind.',
      helpValue: 'URL',
      helpGroup: 'OTLP',
    }),
    header: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      summary: 'Say this with each request: a token, a tenant.',
      helpValue: 'NAME=VALUE',
      helpGroup: 'OTLP',
    }),
    service: Flags.string({
      summary: 'What the spans are of: service.name. [default: fsnoop]',
      helpValue: 'NAME',
      helpGroup: 'OTLP',
    }),
  };

  protected override catch(error: Error): never {
    throw error.message.includes('Missing required flag to') ? noFormat() : error;
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Export);
    const path = args.file;
    const onNote = (text: string) => process.stderr.write(text);
    const { to, output, endpoint, header, service } = flags;
    if (to === 'otlp') {
      if (endpoint === undefined) throw nowhere(path);
      if (output !== undefined) throw notWritten();
      const request = {
        ...{ path, onNote, onProgress: showProgress, version: this.config.version },
        url: parseEndpoint('--endpoint', endpoint),
        headers: parseHeaders('--header', header ?? []),
        service: service ?? 'fsnoop',
      };
      // no other format needs what it is made of
      const { sendRecording } = await import('../recorded/send.js');
      this.exit(await sendRecording(request));
    }
    for (const [name, value] of Object.entries({ endpoint, header, service }))
      if (value !== undefined) throw notSent(name, to);
    this.exit(await exportRecording({ path, to, output: parseOutput(flags).output, onNote }));
  }
}

const noFormat = (): Failure =>
  new Failure(
    exitStatus.usage,
    `--to is missing, which says the format: ${[...formats, 'otlp'].join(', ')}.`,
    'fsnoop export FILE --to html -o page.html',
  );

const nowhere = (path: string): Failure =>
  new Failure(
    exitStatus.usage,
    '--to otlp needs to know where the collector is.',
    `fsnoop export ${path} --to otlp --endpoint http://localhost:4318`,
  );

const notWritten = (): Failure =>
  new Failure(
    exitStatus.usage,
    '--to otlp sends spans, and writes no file.',
    'Leave out --output',
    'Or write a format that is a file: --to perfetto --output FILE',
  );

const notSent = (flag: string, to: string): Failure =>
  new Failure(
    exitStatus.usage,
    `--${flag} is for what is sent; --to ${to} is written.`,
    'Send it: --to otlp --endpoint http://localhost:4318',
  );
