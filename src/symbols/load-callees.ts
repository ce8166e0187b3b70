/** Finds callees in the code of the running kernel. */
import { arch } from 'node:os';
import { exitStatus, Failure } from '../failure.js';
import { findCallees, type CallGraph, type Calls, type CalleeSearch } from './callees.js';
import type { Block, Code } from './code.js';
import { openKcore } from './kcore.js';

/**
 * The addon's verb.
 * @param code blocks of machine code, one behind the other
 * @param blocks address (its lower half) and bytes of each
 * @param architecture whose code it is, as node names it: x64 or arm64
 * @returns of each how many indirect calls it makes, how many direct ones leave it, and where those lead to
 */
export type DisassembleCode = (
  code: Uint8Array,
  blocks: Uint32Array,
  architecture: string,
) => Promise<Uint32Array>;

/** @throws {Failure} when the kernel hides its code or its addresses from this user */
export async function loadCallees(
  search: CalleeSearch,
  code: Code,
  disassemble: DisassembleCode,
): Promise<CallGraph> {
  if (code.find(search.roots).length === 0) throw noAddresses();
  using kcore = openKcore();
  const read = ({ address, bytes }: Block) => kcore.read(code.wholeAddress(address), bytes);
  return await findCallees(search, code, (blocks) => disassembleBlocks(blocks, read, disassemble));
}

export async function disassembleBlocks(
  blocks: readonly Block[],
  read: (block: Block) => Uint8Array,
  disassemble: DisassembleCode,
  architecture = arch(),
): Promise<Calls[]> {
  const places = Uint32Array.from(blocks.flatMap(({ address, bytes }) => [address, bytes]));
  const found = await disassemble(Buffer.concat(blocks.map(read)), places, architecture);
  let at = 0;
  return blocks.map(() => {
    const [indirect = 0, count = 0] = found.subarray(at, at + 2);
    const targets = [...found.subarray(at + 2, at + 2 + count)];
    at += 2 + count;
    return { targets, indirect };
  });
}

function noAddresses(): Failure {
  return new Failure(
    exitStatus.cannotTrace,
    '/proc/kallsyms does not say where the roots are in memory: -g looks there for what they call.',
    'Let root see addresses: sudo sysctl kernel.kptr_restrict=1',
    "Or name the functions below: --fgraph-include 'vfs_*,security_*'",
  );
}
