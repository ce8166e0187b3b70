/** In the guest: from the start of a tracer to its readiness. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  flagsForNames,
  functionsOfRead,
  peerCommand,
  progress,
  run,
  spreadFunctions,
  tryPeer,
} from './tools.mjs';

const readyFile = '/tmp/ready';
const outputFile = '/tmp/trace.json';
const root = functionsOfRead[1];

/** Seconds until the command has made the ready file; then it is ended. */
async function secondsToReady([program, ...args]) {
  rmSync(readyFile, { force: true });
  const begin = performance.now();
  const child = spawn(program, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!existsSync(readyFile)) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await delay(2);
  }
  const seconds = (performance.now() - begin) / 1000;
  child.kill('SIGINT');
  await ended;
  return seconds;
}

const fsnoop = (names) =>
  secondsToReady([
    'fsnoop',
    ...flagsForNames(names),
    ...['--ready-file', readyFile, '--format', 'json', '-o', outputFile, '-c', 'sleep 1000'],
  ]);

async function fsnoopLessAttach(names) {
  const seconds = await fsnoop(names);
  return seconds - JSON.parse(readFileSync(outputFile, 'utf8').split('\n')[0]).attachMs / 1000;
}

const bpftraceProgram = `fentry:${root} { @start[tid] = nsecs }
fexit:${root} { @ns = hist(nsecs - @start[tid]); delete(@start, tid) }`;

/** It starts its command when it is attached. */
const bpftrace = () =>
  tryPeer(() =>
    secondsToReady(
      peerCommand('bpftrace', '-q', '-e', bpftraceProgram, '-c', `/usr/bin/touch ${readyFile}`),
    ),
  );

async function node() {
  const begin = performance.now();
  await run(['node', '-e', '0']);
  return (performance.now() - begin) / 1000;
}

/** The best of `rounds`, in guest seconds; the commands take turns. */
export async function measure({ rounds }) {
  const many = spreadFunctions(200).map(({ name }) => name);
  const ways = {
    one: () => fsnoop([root]),
    many: () => fsnoopLessAttach(many),
    bpftrace,
    node,
  };
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const [name, time] of Object.entries(ways)) times[name].push(await time());
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, all]) => [
      name,
      all.find((time) => time.notRun) ?? Math.min(...all),
    ]),
  );
}
