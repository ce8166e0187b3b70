#!/usr/bin/env node
// Starts fsnoop. Flags without a command mean `trace`.
import { execute } from '@oclif/core';

const args = process.argv.slice(2);
const bare = args[0]?.startsWith('-') && !['-h', '--help', '--version'].includes(args[0]);

await execute({ dir: import.meta.url, args: bare ? ['trace', ...args] : args });
