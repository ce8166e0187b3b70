/** What every measure gets: guests to measure in, and the peers. */
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { runInGuest } from '../dist/vm/guest.js';
import { loadPeers } from './peers.js';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** @param {(progress: string) => void} report */
export function makeBench(report) {
  const folder = mkdtempSync(join(tmpdir(), 'fsnoop-bench-'));
  const built = (file) => join(folder, file);
  for (const program of ['reads', 'load'])
    execFileSync('cc', ['-O2', '-Wall', here(`${program}.c`), '-o', built(program)]);
  execFileSync('make', ['-s', '-C', here('../bpf'), built('floor.bpf.o'), `OUT=${folder}`]);
  let peers;

  return {
    report,
    fsnoop: describeFsnoop(),

    /** `{ folder, versions }`, or `{ notRun }`, which is said once and goes into every cell. */
    async peers() {
      peers ??= await loadPeers(report).catch((error) => {
        report(`PEERS ARE NOT RUN: ${error.message}`);
        return { versions: {}, notRun: error.message };
      });
      return peers;
    },

    /**
     * Runs bench/guest/NAME.mjs with Linux 7.2: `{ kernel, found }`, its release and what was measured.
     * `peers` are brought in where asked for.
     */
    async guest(name, { args = {}, icount = false, peers: withPeers = false, minutes = 10 }) {
      const { folder: peersFolder } = withPeers ? await this.peers() : {};
      const output = [];
      const run = await runInGuest({
        kernel: '7.2',
        icount,
        memoryBytes: 4 * 1024 ** 3,
        timeoutMs: minutes * 60_000,
        files: [
          ...['reads', 'load', 'floor.bpf.o'].map((file) => ({ path: built(file) })),
          { path: here('guest') },
          { path: here('../scripts/record-code.mjs') },
          ...(peersFolder === undefined ? [] : [{ path: peersFolder, guestPath: '/peers' }]),
        ],
        command: ['node', 'guest/main.mjs', name, JSON.stringify(args)],
        stdout: (bytes) => Promise.resolve(output.push(bytes)),
        stderr: (bytes) => Promise.resolve(bytes.length > 0 && report(`${bytes}`.trimEnd())),
      });
      const complaints = [...run.splats, ...run.lastWords];
      if (run.status !== 0 || complaints.length > 0)
        throw new Error([`the guest ${run.outcome} with ${run.status}`, ...complaints].join('\n'));
      return JSON.parse(Buffer.concat(output).toString());
    },

    /** A row's peer: `value` is a number, or `{ notRun }`. */
    peer(name, value, version = peers?.versions[name.split(' ')[0]] ?? null) {
      if (typeof value === 'number') return { name, version, value };
      return { name, version, notRun: peers?.notRun ?? value.notRun };
    },

    close() {
      rmSync(folder, { recursive: true });
    },
  };
}

/** `0.1.0, 1080bd4`; a `+` when the clone is not that commit. */
function describeFsnoop() {
  const { version } = JSON.parse(readFileSync(here('../package.json'), 'utf8'));
  const git = (...args) => execFileSync('git', ['-C', here('.'), ...args], { encoding: 'utf8' });
  try {
    const changed = git('status', '--porcelain', '--', ':/src', ':/bpf', ':/native') !== '';
    return `${version}, ${git('rev-parse', '--short', 'HEAD').trim()}${changed ? '+' : ''}`;
  } catch {
    return version; // no clone
  }
}
