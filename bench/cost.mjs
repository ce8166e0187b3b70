/**
 * In the guest: A loop of reads tells what one costs its thread:
 * alone, under an empty session program on the same functions, traced, ignored, and traced by
 * ftrace's function_graph. What a call costs is the difference to the loop alone, per function.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { attachFloor, symbols } from './floor.mjs';

const functions = [
  'ksys_read',
  'vfs_read',
  'rw_verify_area',
  'security_file_permission',
  'read_zero',
];
const tracefs = '/sys/kernel/tracing';
const readyFile = '/tmp/ready';

/** What `reads` makes without an argument. */
const reads = 20_000;

const costOfRead = () => Number(execFileSync('reads', { encoding: 'utf8' }));

async function withFloor(names, measure) {
  const attached = await attachFloor(symbols.match(names).map(({ btfId }) => btfId));
  try {
    return measure();
  } finally {
    await attached.detach();
  }
}

const flagsFor = ([root, ...below]) => [
  ...['-k', root, '--format', 'json'],
  ...(below.length > 0 ? ['-g', '--fgraph-include', below.join()] : []),
];

function recorded(names) {
  const flags = [...flagsFor(names), '-o', '/tmp/trace.json', '-c', 'reads'];
  const cost = Number(execFileSync('fsnoop', flags, { encoding: 'utf8' }));
  const { calls, lost } = JSON.parse(
    readFileSync('/tmp/trace.json', 'utf8').trim().split('\n').at(-1),
  );
  if (calls < names.length * reads || lost.ring > 0) throw new Error('calls were not recorded');
  return cost;
}

/** Only another process is traced, which makes no calls. */
async function ignored(names) {
  rmSync(readyFile, { force: true });
  const other = spawn('sleep', ['1000']);
  const flags = [...flagsFor(names), '--filter-pid', `${other.pid}`, '--ready-file', readyFile];
  const fsnoop = spawn('fsnoop', flags, { stdio: 'ignore' });
  const ended = new Promise((resolve) => fsnoop.on('exit', resolve));
  while (!existsSync(readyFile)) await delay(50);
  const cost = costOfRead();
  fsnoop.kill('SIGINT');
  await ended;
  other.kill();
  return cost;
}

function functionGraph(names, pid) {
  const set = (file, text) => writeFileSync(`${tracefs}/${file}`, text);
  set('set_ftrace_filter', names.join('\n'));
  set('set_ftrace_pid', pid);
  set('current_tracer', 'function_graph');
  try {
    return costOfRead();
  } finally {
    set('current_tracer', 'nop');
    set('set_ftrace_pid', '');
    set('set_ftrace_filter', '');
  }
}

const rows = [
  ['empty fsession.multi program (the floor)', (names) => withFloor(names, costOfRead)],
  ['fsnoop, recorded', recorded],
  ['fsnoop, ignored: another task', ignored],
  ['ftrace function_graph, recorded', (names) => functionGraph(names, '')],
  ['ftrace function_graph, ignored: another task', (names) => functionGraph(names, '1')],
];

const alone = costOfRead();
console.log(`Instructions a traced call, entry and return together. Linux ${release()}.`);
console.log(`A read of one byte of /dev/zero alone: ${alone}\n`);
console.log(`${''.padEnd(46)}1 function  5 functions`);
for (const [name, measure] of rows) {
  const cells = [];
  for (const names of [functions.slice(0, 1), functions]) {
    cells.push((((await measure(names)) - alone) / names.length).toFixed(0));
  }
  console.log(`${name.padEnd(46)}${cells[0].padStart(10)}  ${cells[1].padStart(11)}`);
}
