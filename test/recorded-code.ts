/** Machine code as scripts/record-code.mjs records it, and what objdump says of it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { loadNative } from '../src/attach/native.js';
import type { Calls, Disassemble } from '../src/symbols/callees.js';
import { makeCode, type Block, type Code } from '../src/symbols/code.js';
import { openKcore } from '../src/symbols/kcore.js';
import { disassembleBlocks } from '../src/symbols/load-callees.js';

export interface RecordedCode extends Disposable {
  readonly code: Code;
  readonly read: (block: Block) => Buffer;
  /** By the addon. */
  readonly disassemble: Disassemble;
  /** By objdump. */
  readonly dump: (blocks: readonly Block[]) => Calls[];
}

const upperHalf = 0xffffffffn << 32n;

export function openRecordedCode(recorded: Buffer): RecordedCode {
  const { core, kallsyms } = JSON.parse(gunzipSync(recorded).toString()) as Record<string, string>;
  const folder = mkdtempSync(join(tmpdir(), 'fsnoop-code-'));
  const path = join(folder, 'core');
  writeFileSync(path, Buffer.from(core ?? '', 'base64'));
  const kcore = openKcore(path);
  const read = ({ address, bytes }: Block) => kcore.read(upperHalf | BigInt(address), bytes);
  return {
    code: makeCode(kallsyms ?? ''),
    read,
    disassemble: (blocks) => disassembleBlocks(blocks, read, loadNative().disassemble),
    dump: (blocks) => dump(blocks, blocks.map(read), join(folder, 'code')),
    [Symbol.dispose]: () => {
      kcore.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** So many that no instruction at the end of a block reaches into the next. */
const noOperations = Buffer.alloc(16, 0x90);

/** objdump takes all blocks as one program, in which they are at other addresses. */
function dump(blocks: readonly Block[], memory: readonly Buffer[], path: string): Calls[] {
  writeFileSync(path, Buffer.concat(memory.flatMap((bytes) => [bytes, noOperations])));
  const flags = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '--no-show-raw-insn', '-w'];
  const text = execFileSync('objdump', [...flags, path], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  const found = blocks.map(() => ({ targets: [] as number[], indirect: 0 }));
  let place = 0;
  let start = 0;
  for (const [, digits = '', what = ''] of text.matchAll(/^ *([0-9a-f]+):\t(.*)$/gm)) {
    const at = parseInt(digits, 16);
    while (at >= start + (blocks[place]?.bytes ?? Infinity) + noOperations.length) {
      start += (blocks[place]?.bytes ?? 0) + noOperations.length;
      place++;
    }
    const [block, calls] = [blocks[place], found[place]];
    const [, operand] = /\b(?:call|jmp|j[a-z]+|loop[a-z]*) +(\S+)/.exec(what) ?? [];
    if (block === undefined || calls === undefined || operand === undefined) continue;
    if (operand.startsWith('*')) {
      if (!/\(,%r\w+,8\)/.test(operand)) calls.indirect++;
      continue;
    }
    const behind = BigInt(operand) - BigInt(start);
    if (behind >= 0n && behind < BigInt(block.bytes)) continue;
    calls.targets.push(Number(BigInt.asUintN(32, BigInt(block.address) + behind)));
  }
  return found;
}
