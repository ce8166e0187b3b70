/**
 * The CPU time of finding what a function calls: the machine code of a running kernel is recorded in a
 * guest and searched on this machine, from the file to the graph. objdump disassembles the same bytes.
 */
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNative } from '../../dist/attach/native.js';
import { findCallees } from '../../dist/symbols/callees.js';
import { makeCode } from '../../dist/symbols/code.js';
import { openKcore } from '../../dist/symbols/kcore.js';
import { disassembleBlocks } from '../../dist/symbols/load-callees.js';
import { bestByTurns, secondsOf, secondsOfCommand } from '../cpu-time.js';

const root = 'ext4_file_write_iter';
const maxDepth = 8;
const reference = 'objdump';
const raw = ['-D', '-b', 'binary', '-m', 'i386:x86-64'];

export const callees = {
  name: 'callees',
  summary: 'from machine code to what a function calls, on the host',
  async measure(bench) {
    const { found } = await bench.guest('callees', { args: { root, maxDepth } });
    const folder = mkdtempSync(join(tmpdir(), 'fsnoop-callees-'));
    try {
      const path = join(folder, 'core');
      writeFileSync(path, Buffer.from(found.core, 'base64'));
      let functions;
      const best = await bestByTurns({
        search: () =>
          secondsOf(async () => {
            functions = await countCallees(path, found.kallsyms);
          }),
        objdump: () => secondsOfCommand(['objdump', ...raw, path]),
      });
      return {
        kernel: 'host',
        rows: [
          {
            name: `${root}, ${functions} functions to level ${maxDepth}`,
            unit: 's',
            value: best.search,
            targets: [{ most: 0.15 }],
            peers: [bench.peer(reference, best.objdump)],
          },
        ],
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function countCallees(path, kallsyms) {
  const native = loadNative();
  const kcore = openKcore(path);
  const code = makeCode(kallsyms);
  const read = ({ address, bytes }) => kcore.read(code.wholeAddress(address), bytes);
  const { callees: found } = await findCallees(
    { roots: [root], extra: [], excluded: new Set(), maxDepth, paths: 'all' },
    code,
    (blocks) => disassembleBlocks(blocks, read, native.disassemble),
  );
  kcore.close();
  return found.length;
}
