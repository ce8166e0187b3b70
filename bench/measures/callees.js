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
import { cpuSeconds } from './pipeline.js';

const root = 'ext4_file_write_iter';
const maxDepth = 8;
const rounds = 11;
const reference = 'objdump';

export const callees = {
  name: 'callees',
  summary: 'from machine code to what a function calls, on the host',
  async measure(bench) {
    const { found } = await bench.guest('callees', { args: { root, maxDepth } });
    const folder = mkdtempSync(join(tmpdir(), 'fsnoop-callees-'));
    try {
      const path = join(folder, 'core');
      writeFileSync(path, Buffer.from(found.core, 'base64'));
      const searches = [];
      for (let round = 0; round < rounds; round++)
        searches.push(await search(path, found.kallsyms));
      const [{ functions }] = searches;
      const objdump = ['objdump', '-D', '-b', 'binary', '-m', 'i386:x86-64', path];
      const disassembled = Array.from({ length: 3 }, () => cpuSeconds(objdump));
      return {
        kernel: 'host',
        rows: [
          {
            name: `${root}, ${functions} functions to level ${maxDepth}`,
            unit: 's',
            value: Math.min(...searches.map(({ seconds }) => seconds)),
            targets: [{ most: 0.15 }],
            peers: [bench.peer(reference, Math.min(...disassembled))],
          },
        ],
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function search(path, kallsyms) {
  const native = loadNative();
  const begin = process.cpuUsage();
  const kcore = openKcore(path);
  const code = makeCode(kallsyms);
  const read = ({ address, bytes }) => kcore.read(code.wholeAddress(address), bytes);
  const { callees: found } = await findCallees(
    { roots: [root], extra: [], excluded: new Set(), maxDepth, paths: 'all' },
    code,
    (blocks) => disassembleBlocks(blocks, read, native.disassemble),
  );
  kcore.close();
  const { user, system } = process.cpuUsage(begin);
  return { functions: found.length, seconds: (user + system) / 1e6 };
}
