/** `fsnoop record`: what `trace` would print, into a file. */
import { isatty } from 'node:tty';
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { parseOutput } from '../cli/printing-flags.js';
import { adviseOn, parseTracing, spellOut, tracingFlags } from '../cli/tracing-flags.js';
import { exitStatus, Failure } from '../failure.js';
import { Recorder } from '../tracing/recorder.js';
import { trace } from '../tracing/trace.js';

export default class RecordCalls extends Command {
  static override summary =
    'Record calls into a file, to be printed, counted or exported elsewhere.';
  static override description = `What trace would print of the same flags, fsnoop tree prints of the file, on any machine and without privileges; fsnoop report counts, fsnoop export hands on to other programs.
It ends as trace does, with the same exit status. On Ctrl-C the file is whole; when fsnoop is killed, all but its last second can be read.`;
  static override examples = [
    example(
      'Each read of a command, with what it calls, and then the trees',
      `fsnoop record -k vfs_read -g -o reads.fsnoop -c 'cat /etc/hostname'`,
      'fsnoop tree reads.fsnoop',
    ),
    example(
      'Ten seconds of one process, and which functions took the time',
      `fsnoop record -k 'ext4_*' --filter-pid 4321 --duration 10 -o ext4.fsnoop`,
      'fsnoop report ext4.fsnoop',
    ),
    example(
      'From a machine without room for files',
      'ssh box fsnoop record -k tcp_sendmsg -g --duration 5 -o - | fsnoop tree -',
    ),
  ];
  static override usage = '<%= command.id %> -k PATTERN... -o FILE [FLAGS]';
  static override flags = {
    ...tracingFlags,
    live: Flags.boolean({
      summary: 'Record entries of calls too, which fsnoop tree --live shows.',
      helpGroup: 'OUTPUT',
    }),
    output: Flags.string({
      char: 'o',
      summary: 'The recording; - is standard output.',
      helpValue: 'FILE',
      required: true,
      helpGroup: 'OUTPUT',
    }),
  };

  protected override catch(error: Error): never {
    throw adviseOn(error);
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(RecordCalls, spellOut(this.argv));
    const tracing = parseTracing(flags, flags.live);
    const { output } = parseOutput(flags);
    const isPiped = output === null;
    if (isPiped && isatty(1) && !tracing.dryRun) throw notForTerminals();
    const onNote = (text: string) => process.stderr.write(text);
    const { status } = await trace(
      {
        ...tracing,
        format: 'text',
        color: false,
        commandOutput: isPiped ? 2 : 1,
        // a plan is for people, and no recording
        output: tracing.dryRun ? null : output,
        onNote,
      },
      (parts) => new Recorder(parts, { name: output ?? 'standard output', onNote }),
    );
    this.exit(status);
  }
}

function notForTerminals(): Failure {
  return new Failure(
    exitStatus.usage,
    'A recording is not for terminals.',
    'Write it to a file: -o FILE',
    'Or read it at once: fsnoop record … -o - | fsnoop tree -',
  );
}
