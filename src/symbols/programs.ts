/** BPF programs that are loaded, as what can be traced: their functions, by the types that they came with. */
import { readdirSync, readFileSync } from 'node:fs';
import { exitStatus, Failure } from '../failure.js';
import { Btf, type BtfVerbs } from './btf.js';
import type { KernelFunction } from './function.js';
import { judgePrototype } from './prototype.js';
import { rebaseBtf } from './rebase-btf.js';

interface LoadedProgram {
  readonly id: number;
  /** enum bpf_prog_type */
  readonly type: number;
  /** Up to 15 letters. */
  readonly name: string;
  /** 16 hexadecimal digits, of its instructions. */
  readonly tag: string;
  /** 0 where the kernel interprets it. */
  readonly jitedBytes: number;
  /** Of the object that has its types; 0 for none. */
  readonly btfId: number;
  /** BTF ids of its functions, that of the program first. */
  readonly functions: Uint32Array;
}

/** The addon's verbs. */
export interface ProgramVerbs extends BtfVerbs {
  /** @throws {NativeError} */
  listPrograms(): LoadedProgram[];
  /**
   * Its id.
   * @throws {NativeError}
   */
  pinnedProgram(path: string): number;
  /** @throws {NativeError} */
  readBtf(id: number): Buffer;
}

export interface BpfProgram extends Pick<LoadedProgram, 'id' | 'tag'> {
  /** As its source has it. */
  readonly name: string;
  /** That of the program first. */
  readonly functions: readonly KernelFunction[];
}

export interface Programs {
  readonly all: readonly BpfProgram[];
  /** The id of the program that is pinned there; null for none. */
  readonly pinned: (path: string) => number | null;
  /** Ids of the programs that a process has open, as those that it loaded. */
  readonly ofProcess: (pid: number) => readonly number[];
}

/** What a function of a program is in, where others are in a module: `bpf:12`. */
const spellProgram = (id: number) => `bpf:${id}`;

/** Whether that is a program. */
export const isOfProgram = (module: string | null): boolean => module?.startsWith('bpf:') === true;

/** What programs are given, as they declare it, is this in the kernel. */
const contexts: Readonly<Record<string, string>> = {
  __sk_buff: 'sk_buff',
  bpf_perf_event_data: 'bpf_perf_event_data_kern',
  bpf_sk_lookup: 'bpf_sk_lookup_kern',
  bpf_sock_addr: 'bpf_sock_addr_kern',
  bpf_sock_ops: 'bpf_sock_ops_kern',
  bpf_sockopt: 'bpf_sockopt_kern',
  bpf_sysctl: 'bpf_sysctl_kern',
  sk_msg_md: 'sk_msg',
  sk_reuseport_md: 'sk_reuseport_kern',
  xdp_md: 'xdp_buff',
};

const tracingType = 26;

/** @throws {Failure} when this user may not see them */
export function loadPrograms(base: Btf, verbs: ProgramVerbs): Programs {
  const loaded = list(verbs);
  const btfs = new Map<number, Btf>();
  const btfOf = (id: number) => {
    const btf = btfs.get(id) ?? loadProgramBtf(id, base, verbs);
    btfs.set(id, btf);
    return btf;
  };
  return {
    all: loaded.map((program) => describe(program, btfOf)),
    pinned: (path) => {
      try {
        return verbs.pinnedProgram(path);
      } catch {
        return null;
      }
    },
    ofProcess: listOpen,
  };
}

/** The types of the program that functions of `bpf:12` are in; null for what has none. */
export function loadBtfOf(module: string, base: Btf, verbs: ProgramVerbs): Btf | null {
  const program = list(verbs).find(({ id }) => spellProgram(id) === module);
  return program === undefined || program.btfId === 0
    ? null
    : loadProgramBtf(program.btfId, base, verbs);
}

function loadProgramBtf(id: number, base: Btf, verbs: ProgramVerbs): Btf {
  const replaced = (struct: string) => {
    const inKernel = contexts[struct];
    return inKernel === undefined ? null : (base.find('struct', inKernel)[0] ?? null);
  };
  return new Btf(rebaseBtf(verbs.readBtf(id), base, replaced), verbs, base);
}

function list(verbs: ProgramVerbs): LoadedProgram[] {
  try {
    return verbs.listPrograms();
  } catch (error) {
    throw new Failure(
      exitStatus.cannotTrace,
      `The BPF programs that are loaded can't be listed (${(error as Error).message.trim()}).`,
      'Run it as root: sudo fsnoop …; it takes CAP_SYS_ADMIN',
    );
  }
}

function describe(
  { id, type, name, tag, jitedBytes, btfId, functions }: LoadedProgram,
  btfOf: (id: number) => Btf,
): BpfProgram {
  const module = spellProgram(id);
  if (btfId === 0 || functions.length === 0) {
    const bare = { name: name || tag, module, btfId: 0, returns: { kind: 'void' } } as const;
    return { id, tag, name, functions: [{ ...bare, reason: 'no BTF' }] };
  }
  const btf = btfOf(btfId);
  const before = btf.firstOwnId - 1;
  const described = Array.from(functions, (own): KernelFunction => {
    const { returns, reason } = judgePrototype(btf, before + own);
    const refused =
      type === tracingType ? 'a tracing program' : jitedBytes === 0 ? 'not JITed' : null;
    return {
      name: btf.name(before + own),
      module,
      btfId: before + own,
      idInProgram: own,
      returns,
      reason: refused ?? reason,
    };
  });
  return { id, tag, name: described[0]?.name ?? name, functions: described };
}

function listOpen(pid: number): readonly number[] {
  try {
    const folder = `/proc/${pid}/fdinfo`;
    const ids = readdirSync(folder).flatMap((fd) => {
      const [, id] = /^prog_id:\s*(\d+)$/m.exec(readFileSync(`${folder}/${fd}`, 'utf8')) ?? [];
      return id === undefined ? [] : Number(id);
    });
    return [...new Set(ids)];
  } catch {
    return [];
  }
}
