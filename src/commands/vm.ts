/** `fsnoop vm`: a command in a throw-away guest. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { exitStatus, Failure } from '../failure.js';
import { parseBytes, parseDurationNs } from '../words/quantities.js';
import { explainWriting, writeAll } from '../descriptor.js';
import { architectures } from '../vm/architecture.js';
import { chooseEnvironment } from '../vm/environment.js';
import { parseGuestFile } from '../vm/guest-files.js';
import { runInGuest, type GuestOptions } from '../vm/guest.js';
import { parseModuleNames } from '../vm/modules.js';
import { renderRunEnd } from '../vm/run-end.js';

export default class Vm extends Command {
  static override summary = 'Run a command in a throw-away guest with a kernel of your choice.';
  static override description = `The guest holds busybox, cat, node and fsnoop, which is on PATH; --file brings more. Output comes out byte for byte.
Exit status: the command's own; 124 timed out; 125 the guest crashed, could not start or could not load a module.
KVM is used where it works; FSNOOP_ACCEL=tcg or kvm decides instead. A guest of another machine than this one has
Debian's node, and the fsnoop that was built for it: npm run setup -- arm64.`;
  static override examples = [
    example(
      'Trace a kernel that this machine does not run',
      `fsnoop vm --kernel 7.2 -- fsnoop -k vfs_read -c 'cat /etc/hostname'`,
    ),
    example(
      'Bring a program and its libraries',
      'fsnoop vm --file /usr/sbin/bpftool -- bpftool prog',
    ),
    example(
      'Have modules of its kernel in it, with those that they need',
      'fsnoop vm --module loop,btrfs -- cat /proc/modules',
    ),
    example(
      'Trace on arm64, wherever you are',
      `fsnoop vm --arch arm64 -- fsnoop -k vfs_read -c 'cat /etc/hostname'`,
    ),
    example(
      'Try a kernel of your own',
      'fsnoop vm --kernel arch/x86/boot/bzImage -- fsnoop doctor',
    ),
  ];
  static override usage = '<%= command.id %> [FLAGS] -- COMMAND...';
  static override args = {
    command: Args.string({ multiple: true, ignoreStdin: true, description: 'What runs there.' }),
  };
  static override flags = {
    arch: Flags.option({
      summary: "Machine that the guest is; without it, this machine's own.",
      options: architectures,
    })(),
    kernel: Flags.string({
      summary: 'Series of Debian kernels, fetched once, or path of a kernel image.',
      helpValue: 'SERIES|PATH',
      default: '7.2',
    }),
    icount: Flags.boolean({
      summary: 'Let virtual time count instructions, so that measurements repeat; one CPU.',
      exclusive: ['smp'],
    }),
    smp: Flags.integer({ summary: 'CPUs.', helpValue: 'N', min: 1, max: 64, default: 2 }),
    memory: Flags.string({ summary: 'Memory.', helpValue: 'SIZE', default: '2G' }),
    timeout: Flags.string({
      summary: 'End the guest after this time, in seconds or as 5m.',
      helpValue: 'TIME',
      default: '300',
    }),
    file: Flags.string({
      summary: 'Bring a program to /usr/bin, anything else to /root, or to GUESTPATH.',
      helpValue: 'PATH[:GUESTPATH]',
      multiple: true,
      multipleNonGreedy: true,
    }),
    module: Flags.string({
      summary: 'Load modules of a SERIES before the command: names, by commas.',
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Vm);
    if (args.command === undefined) throw noCommand();
    this.exit(
      await this.runGuest({
        architecture: flags.arch,
        kernel: flags.kernel,
        command: args.command,
        icount: flags.icount,
        smp: flags.smp,
        memoryBytes: parseBytes('--memory', flags.memory),
        timeoutMs: parseDurationNs('--timeout', flags.timeout, 's') / 1e6,
        files: (flags.file ?? []).map(parseGuestFile),
        modules: parseModuleNames(flags.module ?? []),
        env: chooseEnvironment(process.env, process.stdout),
      }),
    );
  }

  /** Runs it on this process's streams and signals, and gives the exit status. */
  private async runGuest(
    options: Omit<GuestOptions, 'stdout' | 'stderr' | 'report' | 'signal'> & {
      readonly timeoutMs: number;
    },
  ): Promise<number> {
    const interruption = new AbortController();
    let status: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      status ??= signal === 'SIGINT' ? 130 : 143;
      interruption.abort();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      const run = await runInGuest({
        ...options,
        stdout: (bytes) => writeAll(1, bytes),
        stderr: (bytes) => writeAll(2, bytes),
        report: (progress, kind) => {
          if (kind === 'fetch' || process.stderr.isTTY) this.logToStderr(`fsnoop vm: ${progress}`);
        },
        signal: interruption.signal,
      });
      for (const line of renderRunEnd(run, options.timeoutMs)) this.logToStderr(line);
      return status ?? run.status;
    } catch (error) {
      if (error instanceof Failure && error.oclif.exit !== exitStatus.usage)
        throw new Failure(exitStatus.noGuest, error.message, ...error.suggestions);
      if (isSystemError(error) && error.syscall === 'write') throw cannotWrite(error);
      throw error;
    }
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

const noCommand = (): Failure =>
  new Failure(exitStatus.usage, 'There is no command to run.', 'fsnoop vm -- uname -r');

function cannotWrite(error: NodeJS.ErrnoException): Error {
  const explained = explainWriting('The output', error);
  return explained instanceof Failure
    ? new Failure(exitStatus.noGuest, explained.message)
    : explained;
}
