/**
 * Records machine code of the running kernel, for tests and benches that have none: that of a function
 * and of all that it calls, unlikely paths too, down to some level below it.
 *
 *	fsnoop vm --file scripts/record-code.mjs -- node record-code.mjs vfs_read 5 >vfs_read.json.gz
 *
 * What comes out is JSON: `core` is a core file like /proc/kcore with these functions alone, as base64;
 * `kallsyms` has the symbols of all that is called, and those behind them; `architecture` is the machine's.
 */
import { Buffer } from 'node:buffer';
import { readFileSync, writeSync } from 'node:fs';
import { arch } from 'node:os';
import { URL, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';

const dist = new URL('file:///usr/lib/node_modules/fsnoop/dist/');
const load = (file) => import(new URL(file, dist));

export async function recordCode(root, maxDepth) {
  const { loadNative } = await load('attach/native.js');
  const { findCallees } = await load('symbols/callees.js');
  const { makeCode } = await load('symbols/code.js');
  const { openKcore } = await load('symbols/kcore.js');
  const { disassembleBlocks } = await load('symbols/load-callees.js');
  const kallsyms = readFileSync('/proc/kallsyms', 'latin1');
  const code = makeCode(kallsyms);
  const kcore = openKcore();
  const read = ({ address, bytes }) => kcore.read(code.wholeAddress(address), bytes);
  const memory = new Map();
  const met = new Set();
  const search = { roots: [root], extra: [], excluded: new Set(), maxDepth, paths: 'all' };
  await findCallees(search, code, async (blocks) => {
    for (const block of blocks) memory.set(block.address, read(block));
    const calls = await disassembleBlocks(blocks, read, loadNative().disassemble);
    for (const address of calls.flatMap(({ targets }) => targets)) met.add(address);
    return calls;
  });
  kcore.close();
  return {
    architecture: arch(),
    core: encodeCore(memory, code).toString('base64'),
    kallsyms: pickLines(kallsyms, code, [...memory.keys(), ...met]),
  };
}

/** An ELF core file with a PT_LOAD for each piece of memory, by the lower halves of their addresses. */
function encodeCore(memory, code) {
  const headerBytes = 64;
  const entryBytes = 56;
  const header = Buffer.alloc(headerBytes);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeBigUInt64LE(BigInt(headerBytes), 32);
  header.writeUInt16LE(entryBytes, 54);
  header.writeUInt16LE(memory.size, 56);
  let offset = headerBytes + memory.size * entryBytes;
  const table = Array.from(memory, ([address, { length }]) => {
    const entry = Buffer.alloc(entryBytes);
    entry.writeUInt32LE(1, 0);
    entry.writeBigUInt64LE(BigInt(offset), 8);
    entry.writeBigUInt64LE(code.wholeAddress(address), 16);
    entry.writeBigUInt64LE(BigInt(length), 32);
    offset += length;
    return entry;
  });
  return Buffer.concat([header, ...table, ...memory.values()]);
}

/** The symbols of the blocks that these addresses are in, each with the one that ends it. */
function pickLines(kallsyms, code, addresses) {
  const wanted = new Set();
  for (const block of addresses.map((address) => code.at(address))) {
    if (block === null) continue;
    wanted.add(block.address);
    wanted.add(block.address + block.bytes);
  }
  const isWanted = (line) =>
    line.endsWith(' _etext') ||
    (!line.includes('[') && wanted.has(parseInt(line.slice(8, 16), 16)));
  return `${kallsyms.split('\n').filter(isWanted).join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , root, maxDepth] = process.argv;
  const bytes = gzipSync(JSON.stringify(await recordCode(root, Number(maxDepth))), { level: 9 });
  for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
}
