/** In the guest: what several measures need to run fsnoop, its peers and ftrace. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { symbols } from './floor.mjs';

/** What a read of /dev/zero calls, outermost first. */
export const functionsOfRead = [
  'ksys_read',
  'vfs_read',
  'rw_verify_area',
  'security_file_permission',
  'read_zero',
];

/** A line for whoever waits. */
export const progress = (text) => process.stderr.write(`${text}\n`);

const execute = promisify(execFile);

/** Runs it to its end; what it printed. */
export async function run([program, ...args]) {
  return execute(program, args, { maxBuffer: 2 ** 28 });
}

/** A peer's command: Debian's program with the loader and the libraries that it was built for. */
export const peerCommand = (name, ...args) => [
  '/peers/lib/ld-linux-x86-64.so.2',
  ...['--library-path', '/peers/lib', `/peers/bin/${name}`],
  ...args,
];

/** What `measure` finds; why not, when there are no peers here or this one fails: `{ notRun }`. */
export async function tryPeer(measure) {
  if (!existsSync('/peers')) return { notRun: 'it was not fetched' };
  try {
    return await measure();
  } catch (error) {
    return { notRun: `it failed: ${`${error.stderr ?? error.message}`.trim().split('\n').at(-1)}` };
  }
}

/** So many traceable functions, evenly spread over all of them. */
export function spreadFunctions(count) {
  const all = symbols.match(['*']).filter(({ reason }) => reason === null);
  return Array.from({ length: count }, (_, at) => all[Math.floor((at * all.length) / count)]);
}

/** Flags that trace these functions, the first as the root. An argument can't be longer than 128 KiB. */
export function flagsForNames([root, ...others]) {
  const flags = ['-k', root, ...(others.length > 0 ? ['-g'] : [])];
  for (let at = 0; at < others.length; at += 1000)
    flags.push('--fgraph-include', others.slice(at, at + 1000).join());
  return flags;
}

const readyFile = '/tmp/ready';

/** Does `measure` while fsnoop traces; it gets fsnoop's process. */
export async function whileTracing(flags, measure) {
  rmSync(readyFile, { force: true });
  const fsnoop = spawn('fsnoop', [...flags, '--ready-file', readyFile], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(fsnoop, 'exit');
  while (!existsSync(readyFile)) {
    if (fsnoop.exitCode !== null) throw new Error(`fsnoop ${flags.join(' ')} failed`);
    await delay(20);
  }
  try {
    return await measure(fsnoop);
  } finally {
    fsnoop.kill('SIGINT');
    await ended;
  }
}

/** Does `measure` while function_graph traces these functions; `more` is other files of tracefs to set. */
export async function whileFunctionGraph(names, more, measure) {
  const set = (file, text) => writeFileSync(`/sys/kernel/tracing/${file}`, text);
  const files = { set_ftrace_filter: names.join('\n'), ...more };
  for (const [file, text] of Object.entries(files)) set(file, text);
  set('current_tracer', 'function_graph');
  try {
    return await measure();
  } finally {
    set('current_tracer', 'nop');
    for (const file of Object.keys(files)) set(file, '');
  }
}

/** The summary at the end of fsnoop's JSON. */
export const readSummary = (path) =>
  JSON.parse(readFileSync(path, 'utf8').trim().split('\n').at(-1));
