/**
 * Runs a measurement in a guest with Linux 7.2:
 *
 *	npm run bench              instructions a traced call costs (bench/cost.mjs)
 *	npm run bench -- attach    how long attaching and detaching takes (bench/attach.mjs)
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { runInGuest } from '../dist/vm/guest.js';

const measurements = {
  cost: { script: 'cost.mjs', icount: true },
  attach: { script: 'attach.mjs', icount: false },
};
const name = process.argv[2] ?? 'cost';
const measurement = measurements[name];
if (measurement === undefined) {
  console.error(`There is no measurement ${name}: ${Object.keys(measurements).join(', ')}.`);
  process.exit(2);
}

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fsnoop-bench-'));
const built = (file) => join(folder, file);
const print = (stream) => (bytes) => new Promise((done) => stream.write(bytes, () => done()));

try {
  execFileSync('cc', ['-O2', here('reads.c'), '-o', built('reads')]);
  execFileSync('make', ['-s', '-C', here('../bpf'), built('floor.bpf.o'), `OUT=${folder}`]);
  const run = await runInGuest({
    kernel: '7.2',
    icount: measurement.icount,
    timeoutMs: 1_200_000,
    files: [
      { path: built('reads') },
      { path: built('floor.bpf.o') },
      { path: here('floor.mjs') },
      { path: here(measurement.script) },
    ],
    command: ['node', measurement.script],
    stdout: print(process.stdout),
    stderr: print(process.stderr),
  });
  for (const line of [...run.splats, ...run.lastWords]) console.error(line);
  process.exitCode = run.splats.length > 0 ? 1 : run.status;
} finally {
  rmSync(folder, { recursive: true });
}
