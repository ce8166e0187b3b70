/** In the guest: records reads with fsnoop, and with trace-cmd's function_graph: its file as base64. */
import { readFileSync, statSync } from 'node:fs';
import { flagsForNames, functionsOfRead, peerCommand, run, tryPeer } from './tools.mjs';

export async function measure({ reads, readsPerSecond, mostBytes }) {
  const load = [
    '/usr/bin/load',
    ...[readsPerSecond, reads / readsPerSecond, mostBytes].map(String),
  ];
  return { recording: await record(load), ...(await tryPeer(() => recordByPeer(load))) };
}

/** How long the file is, and how many calls are in it. */
async function record(load) {
  const path = '/tmp/reads.fsnoop';
  const flags = [...flagsForNames(functionsOfRead), '--args', 'off', '-o', path];
  await run(['fsnoop', 'record', ...flags, '-c', load.join(' ')]);
  const { stdout } = await run(['fsnoop', 'report', path, '--json']);
  return { bytes: statSync(path).size, calls: JSON.parse(stdout.trim().split('\n').at(-1)).calls };
}

async function recordByPeer(load) {
  const functions = functionsOfRead.flatMap((name) => ['-l', name]);
  const flags = ['record', '-p', 'function_graph', ...functions, '-F', '-o', '/tmp/trace.dat'];
  await run(peerCommand('trace-cmd', ...flags, ...load));
  return { base64: readFileSync('/tmp/trace.dat', 'base64') };
}
