/** Starts fsnoop: hands the command line to oclif, and says what failed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from '@oclif/core/command';
import { Plugin } from '@oclif/core/config';
import { handle } from '@oclif/core/handle';
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import { run } from '@oclif/core/run';
import { ClosedPipe, explainWriting } from '../descriptor.js';
import { exitStatus, Failure } from '../failure.js';
import type { UnknownFlags } from './unknown-flags.js';

/** Loaded when they are run: `--help` needs only what oclif.manifest.json says of them. */
const commands: Readonly<Record<string, () => Promise<{ default: Command.Class }>>> = {
  check: () => import('../commands/check.js'),
  diff: () => import('../commands/diff.js'),
  doctor: () => import('../commands/doctor.js'),
  export: () => import('../commands/export.js'),
  list: () => import('../commands/list.js'),
  record: () => import('../commands/record.js'),
  report: () => import('../commands/report.js'),
  stat: () => import('../commands/stat.js'),
  trace: () => import('../commands/trace.js'),
  tree: () => import('../commands/tree.js'),
  types: () => import('../commands/types.js'),
  vm: () => import('../commands/vm.js'),
};

type OclifError = Parameters<typeof handle>[0];

/** Runs the command line and ends the process where it failed. */
export async function main(args: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    void fail(explainWriting('standard output', error));
  });
  try {
    await runCommand(args);
  } catch (error) {
    await fail(error as OclifError);
  }
}

/**
 * Flags without a command mean `trace`, and `help COMMAND` its `--help`.
 * @throws {Failure} and oclif's own errors; what else it throws is a bug
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  process.env['SHELL'] ??= '/bin/sh'; // oclif asks who the user is without it, and some are nobody
  const plugin = makePlugin();
  const argv = spellCommand(args);
  const [name = ''] = argv;
  if (/^\w/.test(name) && !(name in commands)) throw await noCommand(name);
  await run(argv, {
    root: plugin.root,
    plugins: new Map([[plugin.name, plugin]]),
  });
}

function spellCommand(args: readonly string[]): string[] {
  const [first = '', ...rest] = args;
  if (first === 'help') return [...rest, '--help'];
  const bare = first.startsWith('-') && !['-h', '--help', '--version'].includes(first);
  return bare ? ['trace', ...args] : [...args];
}

async function noCommand(name: string): Promise<Failure> {
  const { findNearest } = await import('../words/nearest.js');
  const near = findNearest(Object.keys(commands), name, 2);
  return new Failure(
    exitStatus.usage,
    `There is no command ${name}.`,
    ...(near.length > 0
      ? [`Did you mean: ${near.join(', ')}`]
      : [`A function is traced with -k: fsnoop -k ${name}`]),
    'All commands: fsnoop --help',
  );
}

/**
 * The commands as oclif's Plugin.load() finds them in the package: it would look for the package, and
 * sort its commands by the rules of a language, which takes node as long as half of its own start.
 */
function makePlugin(): Plugin {
  const pjson = readJson('package.json') as PJSON;
  const manifest = readJson('oclif.manifest.json') as Manifest;
  const plugin = new Plugin({ root, pjson, isRoot: true });
  const { name, version } = pjson;
  const load = async (id: string): Promise<Command.Class> => {
    const command = (await commands[id]?.())?.default;
    if (command === undefined) throw new Error(`oclif.manifest.json has a command ${id} too many`);
    return Object.assign(command, { id, plugin });
  };
  return Object.assign(plugin, {
    ...{ root, pjson, name, version, alias: name, type: 'core', isRoot: true, valid: true },
    hooks: {},
    commands: Object.values(manifest.commands).map((command) => ({
      ...command,
      load: () => load(command.id),
    })),
  });
}

const root = fileURLToPath(new URL('../..', import.meta.url));

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(`${root}/${name}`, 'utf8'));
}

/** Failures are not wrapped to a width: scripts look for what they say. */
async function fail(error: OclifError): Promise<void> {
  if (error instanceof ClosedPipe) process.exit(exitStatus.closedPipe);
  if (error instanceof Failure) {
    const next = error.suggestions.map((suggestion) => `Try this: ${suggestion}`);
    console.error([`Error: ${error.message}`, ...next].join('\n'));
    process.exit(error.oclif.exit);
  }
  if (error.oclif === undefined && error.code !== 'EEXIT') {
    console.error(`This is a bug in fsnoop.\n${error.stack ?? error.message}`);
    process.exit(1);
  }
  if ('flags' in error && 'parse' in error) {
    const { suggestFlags } = await import('./unknown-flags.js');
    const [message = ''] = error.message.split('\n');
    const near = suggestFlags(error as UnknownFlags);
    await fail(new Failure(exitStatus.usage, message, ...near, 'Its flags: --help'));
  }
  error.showHelp = false; // one clear message, and where to read on
  await handle(error);
}
