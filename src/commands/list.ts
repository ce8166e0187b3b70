/** `fsnoop list`: functions, and why some of them can't be traced. */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { ClosedPipe, openOutput } from '../output.js';
import { findFunctions, type FoundFunctions } from '../plan/find.js';
import { parsePatterns } from '../plan/pattern.js';
import {
  renderCountsJson,
  renderCountsText,
  renderListJson,
  renderListText,
} from '../render/list.js';
import { loadSymbols } from '../symbols/symbols.js';

export default class List extends Command {
  static override summary =
    'List kernel functions, with the reason for those that can not be traced.';
  static override description = `PATTERN is a name or a glob: *, ?, [a-z], [!a]. Without one, all functions are listed.`;
  static override examples = [
    {
      description: 'What there is to trace in ext4',
      command: `<%= config.bin %> <%= command.id %> --traceable 'ext4_*'`,
    },
    {
      description: 'Why a function is refused',
      command: '<%= config.bin %> <%= command.id %> _printk',
    },
    {
      description: 'How many functions this kernel lets us trace',
      command: '<%= config.bin %> <%= command.id %> --count',
    },
    {
      description: 'For programs',
      command: `<%= config.bin %> <%= command.id %> --format json 'vfs_*'`,
    },
  ];
  static override usage = '<%= command.id %> [PATTERN...] [FLAGS]';
  static override strict = false;
  static override flags = {
    traceable: Flags.boolean({
      summary: 'Only functions that can be traced.',
      exclusive: ['refused'],
    }),
    refused: Flags.boolean({ summary: 'Only functions that can not be traced.' }),
    count: Flags.boolean({ summary: 'Count them by reason.' }),
    format: Flags.option({
      options: ['text', 'json'] as const,
      summary: 'Text, or JSON, one object a line.',
      default: 'text' as const,
    })(),
  };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(List);
    const patterns = parsePatterns('fsnoop list', argv.length === 0 ? ['*'] : (argv as string[]));
    const symbols = loadSymbols(patterns.map(({ glob }) => glob));
    const { all } = findFunctions(patterns, symbols);
    const functions = all.filter(({ reason }) => {
      if (flags.traceable) return reason === null;
      return !flags.refused || reason !== null;
    });
    await using output = await openOutput(null);
    try {
      await output.write(render(functions, flags));
    } catch (error) {
      if (!(error instanceof ClosedPipe)) throw error;
    }
  }
}

type Functions = FoundFunctions['all'];

function render(
  functions: Functions,
  { count, format }: { readonly count: boolean; readonly format: 'text' | 'json' },
): string {
  if (count) return format === 'json' ? renderCountsJson(functions) : renderCountsText(functions);
  if (format === 'json') return renderListJson(functions);
  return renderListText(functions, process.stdout.isTTY && process.env['NO_COLOR'] === undefined);
}
