#!/usr/bin/env node
// Starts fsnoop. Flags without a command mean `trace`. What is not a known failure is a bug of
// ours and keeps its stack.
import { Errors, flush, run } from '@oclif/core';

// oclif asks for the user's shell, which fails for a user whom /etc/passwd does not have.
process.env.SHELL ||= '/bin/sh';

const args = process.argv.slice(2);
const bare = args[0]?.startsWith('-') && !['-h', '--help', '--version'].includes(args[0]);

try {
  await run(bare ? ['trace', ...args] : args, import.meta.url);
  await flush();
} catch (error) {
  if (error.oclif === undefined && error.code !== 'EEXIT') {
    console.error(`This is a bug in fsnoop.\n${error.stack}`);
    process.exit(1);
  }
  await Errors.handle(error);
}
