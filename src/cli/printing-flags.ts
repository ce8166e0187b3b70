/** The flags that say how trees are printed, which `trace` and `tree` share, and what they mean. */
import * as Flags from '@oclif/core/flags';
import type { InferredFlags } from '@oclif/core/interfaces';
import { exitStatus, Failure } from '../failure.js';
import type { PrinterOptions } from '../tracing/printer.js';
import { findTerminal, type Terminal } from './terminal.js';

/** Where something is printed, and how. */
export const outputFlags = {
  output: Flags.string({
    char: 'o',
    summary: 'Write to a file; - is standard output.',
    helpValue: 'FILE',
    helpGroup: 'OUTPUT',
  }),
  color: Flags.boolean({
    summary: 'Colours. [default: on a terminal]',
    allowNo: true,
    helpGroup: 'OUTPUT',
  }),
};

/** What they mean: `-` is standard output, as is no file. Colours are of a terminal. */
export function parseOutput(flags: {
  readonly output?: string | undefined;
  readonly color?: boolean | undefined;
}): {
  readonly output: string | null;
  readonly terminal: Terminal | null;
  readonly color: boolean;
} {
  const { output = '-' } = flags;
  const terminal = output === '-' ? findTerminal() : null;
  return {
    output: output === '-' ? null : output,
    terminal,
    color: flags.color ?? (terminal !== null && !process.env['NO_COLOR']),
  };
}

export const printingFlags = {
  'fgraph-proto': Flags.boolean({
    summary: 'Show functions with their types; with --dry-run the tree of what they call.',
    helpGroup: 'GRAPH',
  }),
  format: Flags.option({
    options: ['text', 'json'] as const,
    summary: 'Text, or JSON, one object a line.',
    default: 'text' as const,
    helpGroup: 'OUTPUT',
  })(),
  style: Flags.option({
    options: ['tree', 'ftrace', 'arrows'] as const,
    summary: 'How text looks. [default: tree; with --live arrows]',
    helpGroup: 'OUTPUT',
  })(),
  live: Flags.boolean({
    summary: 'Show calls as they begin and return, not when their tree is complete.',
    helpGroup: 'OUTPUT',
  }),
  ...outputFlags,
};

/** What of a printer's options they say, and of where it prints. */
type Printed = Omit<PrinterOptions, 'limitEvents' | 'verbose'> & {
  /** A file, or null for standard output. */
  readonly output: string | null;
};

/**
 * @param otherwise the style without `--style`
 * @throws {Failure} when they make no sense
 */
export function parsePrinting(
  flags: InferredFlags<typeof printingFlags>,
  otherwise: Style,
): Printed {
  const { format, live } = flags;
  const { output, terminal, color } = parseOutput(flags);
  return {
    format,
    live,
    style: chooseStyle(flags.style, live ? 'arrows' : otherwise, live),
    prototypes: flags['fgraph-proto'],
    width: terminal?.columns ?? null,
    color,
    output,
    onNote: (text) => process.stderr.write(text),
  };
}

type Style = 'tree' | 'ftrace' | 'arrows';

function chooseStyle(style: Style | undefined, otherwise: Style, live: boolean): Style {
  if (live && style !== undefined && style !== 'arrows') {
    throw new Failure(
      exitStatus.usage,
      `--style ${style} shows whole trees; --live shows calls as they come.`,
      'Leave one of them out, or use --live --style arrows',
    );
  }
  return style ?? otherwise;
}
