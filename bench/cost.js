/**
 * What a traced call costs, in instructions: boots a guest whose virtual time counts them, and runs
 * bench/cost-guest.js in it.
 *
 *	npm run bench
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInGuest } from '../dist/vm/guest.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fsnoop-bench-'));
const print = (stream) => (bytes) => new Promise((done) => stream.write(bytes, () => done()));
const built = (name) => join(folder, name);

try {
  execFileSync('cc', ['-O2', here('reads.c'), '-o', built('reads')]);
  const include = `-I/usr/include/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
  const bpf = ['-O2', '-g', '-target', 'bpf', '-mcpu=v3', include];
  execFileSync('clang', [...bpf, '-c', here('floor.bpf.c'), '-o', built('floor.bpf.o')]);
  const run = await runInGuest({
    kernel: '7.2',
    icount: true,
    files: [
      { path: built('reads') },
      { path: built('floor.bpf.o') },
      { path: here('cost-guest.js'), guestPath: '/root/cost-guest.mjs' },
    ],
    command: ['node', '/root/cost-guest.mjs'],
    stdout: print(process.stdout),
    stderr: print(process.stderr),
  });
  for (const line of [...run.splats, ...run.lastWords]) console.error(line);
  process.exitCode = run.splats.length > 0 ? 1 : run.status;
} finally {
  rmSync(folder, { recursive: true });
}
