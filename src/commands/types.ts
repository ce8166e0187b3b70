/** `fsnoop types`: structs, unions, enums, typedefs and prototypes as C. */
import { Command } from '@oclif/core/command';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { example } from '../cli/example.js';
import { exitStatus, Failure } from '../failure.js';
import { showTypes } from '../show.js';

export default class Types extends Command {
  static override summary = 'Show types of the kernel as C, and prototypes of functions.';
  static override description = `NAME is that of a struct, union, enum or typedef ('struct file', file, size_t), of a function, or a glob of types.
Behind each member are its offset and size in bytes; bit fields have byte:bit and :bits.
With --format json: {"type":"struct","name":…,"bytes":…,"members":[{"name":…,"type":…,"bitOffset":…,"bits":…}]}. Offsets are from the start of the outermost struct; bit fields have "bitField":true; an anonymous struct has its own "members", an enum "values", a typedef "of" and "resolved", a function "proto", "returns", "args" and "variadic".`;
  static override examples = [
    example('What is in a struct, and where', `fsnoop types 'struct file'`),
    example(
      'An enum, a typedef, the prototype of a function',
      'fsnoop types zone_type size_t vfs_read',
    ),
    example('Which types there are', `fsnoop types 'struct sk_*'`),
  ];
  static override usage = '<%= command.id %> NAME... [FLAGS]';
  static override args = {
    name: Args.string({ multiple: true, ignoreStdin: true, description: 'A type, or a glob.' }),
  };
  static override flags = {
    all: Flags.boolean({ summary: 'Show definitions however many there are, not names alone.' }),
    format: Flags.option({
      options: ['text', 'json'] as const,
      summary: 'Text, or JSON, one object a line.',
      default: 'text' as const,
    })(),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Types);
    if (args.name === undefined) throw noName();
    await showTypes({
      names: args.name,
      show: flags.all ? 'definitions' : 'names of many',
      format: flags.format,
      output: null,
      onNote: (text) => process.stderr.write(text),
    });
  }
}

function noName(): Failure {
  return new Failure(
    exitStatus.usage,
    'There is no type to show.',
    "Name types, or use a glob: fsnoop types 'struct file' size_t 'sk_*'",
  );
}
