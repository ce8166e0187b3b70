/** In the guest: fsnoop's peak RSS, with many functions and over a long stream. */
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  flagsForNames,
  functionsOfRead,
  progress,
  spreadFunctions,
  whileTracing,
} from './tools.mjs';

/** In units of 1,000,000 bytes; null when the process has gone. */
function peakMb(pid) {
  try {
    const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return (Number(kib) * 1024) / 1e6;
  } catch {
    return null;
  }
}

async function withFunctions(count) {
  progress(`${count} functions`);
  const idle = spawn('sleep', ['100000']);
  const names = spreadFunctions(count).map(({ name }) => name);
  const flags = [...flagsForNames(names), '--filter-pid', `${idle.pid}`];
  const mb = await whileTracing(flags, ({ pid }) => peakMb(pid));
  idle.kill();
  return mb;
}

/** The peak at a quarter of the stream and at its end, and how many calls were counted. */
async function withStream(calls, callsPerSecond) {
  const seconds = calls / callsPerSecond;
  const command = `load ${callsPerSecond / functionsOfRead.length} ${seconds}`;
  const quiet = ['--args', 'off', '-o', '/dev/null'];
  const flags = [...flagsForNames(functionsOfRead), ...quiet, '-c', command];
  const samples = [];
  const summary = await new Promise((resolve, reject) => {
    const child = execFile('fsnoop', flags, (error, _, stderr) => {
      if (error) reject(error);
      else resolve(stderr);
    });
    void sample(child.pid, samples);
  });
  progress(`${seconds} s: ${summary.trim()}`);
  const counted = Number(/([\d,]+) calls/.exec(summary)[1].replaceAll(',', ''));
  return { calls: counted, quarter: samples[samples.length >> 2], end: samples.at(-1) };
}

async function sample(pid, samples) {
  for (let mb; (mb = peakMb(pid)) !== null; await delay(500)) samples.push(mb);
}

export const measure = async ({ functions, calls, callsPerSecond }) => ({
  attached: await withFunctions(functions),
  stream: await withStream(calls, callsPerSecond),
});
