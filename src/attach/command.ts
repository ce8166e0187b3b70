/** A command that waits at its first instruction until it is told to go. */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { getSystemErrorName } from 'node:util';
import { exitStatus, Failure } from '../failure.js';
import { launcherPath } from './native.js';

export interface WaitingCommand extends Disposable {
  readonly pid: number;
  /** Lets it run. */
  go(): void;
  /** Its exit status as a shell gives it: 128 and the signal's number where a signal ended it. */
  readonly ended: Promise<number>;
  /** Why it could not be run after all, once it has ended with 127; else null. */
  readonly execError: string | null;
  /** Sends a signal, where it still runs. */
  kill(signal: NodeJS.Signals): void;
}

/** The descriptor of ours that is a command's standard output, or none: it has no input and no errors either. */
export type CommandOutput = 1 | 2 | 'none';

/**
 * Starts a command that waits. It inherits standard input, output and error, where it has them.
 * @throws {Failure} when there is no such program.
 */
export function startWaiting(argv: readonly string[], output: CommandOutput = 1): WaitingCommand {
  checkExists(argv[0] ?? '');
  const [input, standard, errors] =
    output === 'none'
      ? (['ignore', 'ignore', 'ignore'] as const)
      : (['inherit', output, 'inherit'] as const);
  const child = spawn(launcherPath, argv, { stdio: [input, standard, errors, 'pipe'] });
  const gate = child.stdio[3] as Duplex;
  gate.on('error', () => undefined);
  if (child.pid === undefined) {
    throw new Failure(exitStatus.failed, `The launcher ${launcherPath} could not be started.`);
  }
  let execError: string | null = null;
  gate.on('data', (bytes: Buffer) => {
    execError = `${argv[0] ?? ''} could not be run: ${getSystemErrorName(-(bytes[0] ?? 0))}`;
  });
  return {
    pid: child.pid,
    get execError() {
      return execError;
    },
    go: () => gate.write('g'),
    ended: statusOf(child),
    kill: (signal) => child.kill(signal),
    [Symbol.dispose]() {
      gate.destroy();
    },
  };
}

function statusOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      resolve(code ?? 128 + (signal ? osConstants.signals[signal] : 0));
    });
    child.on('error', () => {
      resolve(127);
    });
  });
}

function checkExists(program: string): void {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = program.includes('/') ? [program] : folders.map((at) => join(at, program));
  if (candidates.some((path) => isFile(path, constants.X_OK))) return;
  const found = candidates.find((path) => isFile(path, constants.F_OK));
  if (found !== undefined) {
    throw new Failure(
      exitStatus.usage,
      `${found} is not executable.`,
      `Make it so: chmod +x ${found}; or name the program that it is for: sh ${found}`,
    );
  }
  throw new Failure(
    exitStatus.usage,
    program === '' ? 'The command is empty.' : `There is no program ${program} to run.`,
    'Give a command as at a shell: cat /etc/hostname',
    "A shell's own command needs the shell: sh -c 'ulimit -a'",
  );
}

function isFile(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
