#!/usr/bin/env node
// Starts fsnoop. Flags without a command mean `trace`. What is not a known failure is a bug of
// ours and keeps its stack.
import { handle } from '@oclif/core/handle';
import { run } from '@oclif/core/run';
import { Failure } from '../dist/failure.js';

const closedPipeStatus = 141; // as a shell gives it for a process that SIGPIPE ended

process.stdout.on('error', (error) => {
  if (error.code === 'EPIPE') process.exit(closedPipeStatus);
  throw error;
});
process.env.SHELL ||= '/bin/sh'; // oclif asks who the user is without it, and some are nobody

const args = process.argv.slice(2);
const bare = args[0]?.startsWith('-') && !['-h', '--help', '--version'].includes(args[0]);

try {
  await run(bare ? ['trace', ...args] : args, import.meta.url);
} catch (error) {
  await fail(error);
}

/** Failures are not wrapped to a width: scripts look for what they say. */
async function fail(error) {
  if (error instanceof Failure) {
    const next = error.suggestions.map((suggestion) => `Try this: ${suggestion}`);
    console.error([`Error: ${error.message}`, ...next].join('\n'));
    process.exit(error.oclif.exit);
  }
  if (error.oclif === undefined && error.code !== 'EEXIT') {
    console.error(`This is a bug in fsnoop.\n${error.stack}`);
    process.exit(1);
  }
  error.showHelp = false; // one clear message, and where to read on
  await handle(error);
}
