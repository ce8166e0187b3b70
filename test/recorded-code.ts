/** Machine code as scripts/record-code.mjs records it, and what objdump says of it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import {
  findCallees,
  type CallGraph,
  type Calls,
  type Disassemble,
} from '../src/symbols/callees.js';
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

/** @param recorded where no architecture is told, it is x64 */
export function openRecordedCode(recorded: Buffer): RecordedCode {
  const {
    architecture = 'x64',
    core = '',
    kallsyms = '',
  } = JSON.parse(gunzipSync(recorded).toString()) as Partial<Record<string, string>>;
  const folder = mkdtempSync(join(tmpdir(), 'fsnoop-code-'));
  const path = join(folder, 'core');
  writeFileSync(path, Buffer.from(core, 'base64'));
  const kcore = openKcore(path);
  const code = makeCode(kallsyms);
  const read = ({ address, bytes }: Block) => kcore.read(code.wholeAddress(address), bytes);
  const dumper = dumpers[architecture];
  if (dumper === undefined) throw new Error(`no objdump for ${architecture}`);
  return {
    code,
    read,
    disassemble: (blocks) =>
      disassembleBlocks(blocks, read, loadNative().disassemble, architecture),
    dump: (blocks) => dump(blocks, blocks.map(read), join(folder, 'code'), dumper),
    [Symbol.dispose]: () => {
      kcore.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Searches all paths below a function, and expects of the code on the way what objdump says of it. */
export function searchAsObjdump(
  recorded: RecordedCode,
  root: string,
  maxDepth: number,
): Promise<CallGraph> {
  return findCallees(
    { roots: [root], extra: [], excluded: new Set(), maxDepth, paths: 'all' },
    recorded.code,
    async (blocks) => {
      const calls = await recorded.disassemble(blocks);
      expect(calls).toEqual(recorded.dump(blocks));
      return calls;
    },
  );
}

interface Dumper {
  readonly program: string;
  readonly machine: string;
  /** Where an instruction leads to, `*` in front if indirectly, by it and those around it. */
  readonly readOperand: (what: string, before: string, behind: string) => string | undefined;
}

const dumpers: Readonly<Record<string, Dumper>> = {
  x64: {
    program: 'objdump',
    machine: 'i386:x86-64',
    readOperand: (what) => {
      const [, operand] = /\b(?:call|jmp|j[a-z]+|loop[a-z]*) +(\S+)/.exec(what) ?? [];
      return operand !== undefined && /^\*.*\(,%r\w+,8\)/.test(operand) ? undefined : operand;
    },
  },
  arm64: {
    program: 'aarch64-linux-gnu-objdump',
    machine: 'aarch64',
    readOperand: (what, before, behind) => {
      // half of an address of ftrace's, which may look like a branch
      if (behind.startsWith('.inst\t0xffff')) return undefined;
      const [, register] = /^bl?r\t(x\d+)/.exec(what) ?? [];
      if (register === undefined)
        return /^(?:bl?|bc?\.\w+|cbn?z|tbn?z)\t(?:.*, )?(0x\w+)/.exec(what)?.[1];
      const ofTable = new RegExp(`^add\t${register}, x\\d+, w\\d+, sxt[bhw] #2`);
      return ofTable.test(before) ? undefined : `*${register}`;
    },
  },
};

/** So many that no instruction at the end of a block reaches into the next. */
const noOperations = Buffer.alloc(16, 0x90);

/** objdump takes all blocks as one program, in which they are at other addresses. */
function dump(
  blocks: readonly Block[],
  memory: readonly Buffer[],
  path: string,
  { program, machine, readOperand }: Dumper,
): Calls[] {
  writeFileSync(path, Buffer.concat(memory.flatMap((bytes) => [bytes, noOperations])));
  const flags = ['-D', '-b', 'binary', '-m', machine, '--no-show-raw-insn', '-w'];
  const text = execFileSync(program, [...flags, path], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  const lines = [...text.matchAll(/^ *([0-9a-f]+):\t(.*)$/gm)];
  const found = blocks.map(() => ({ targets: [] as number[], indirect: 0 }));
  let place = 0;
  let start = 0;
  for (const [line, [, digits = '', what = '']] of lines.entries()) {
    const at = parseInt(digits, 16);
    while (at >= start + (blocks[place]?.bytes ?? Infinity) + noOperations.length) {
      start += (blocks[place]?.bytes ?? 0) + noOperations.length;
      place++;
    }
    const [block, calls] = [blocks[place], found[place]];
    const operand = readOperand(what, lines[line - 1]?.[2] ?? '', lines[line + 1]?.[2] ?? '');
    if (block === undefined || calls === undefined || operand === undefined) continue;
    if (operand.startsWith('*')) {
      calls.indirect++;
      continue;
    }
    const behind = BigInt(operand) - BigInt(start);
    if (behind >= 0n && behind < BigInt(block.bytes)) continue;
    calls.targets.push(Number(BigInt.asUintN(32, BigInt(block.address) + behind)));
  }
  return found;
}
