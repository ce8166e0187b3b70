/** Asks the kernel which methods it has. */
import { arch, release } from 'node:os';
import { aboutMethod, methods, type Method, type Offer, type Offers } from '../plan/method.js';
import type { Btf } from '../symbols/btf.js';
import { chooseTechnique, idleFunction, pickPrograms } from './methods.js';
import { loadNative, NativeError } from './native.js';
import {
  markProgram,
  programs,
  ringHeadBytes,
  ringMarginBytes,
  ringMinBytes,
  statsFinder,
  switchHook,
} from './shared.js';

/** What is in the types of a kernel that has the method: a kind of attachment, functions and structs. */
interface Proof {
  readonly attachType: string;
  readonly functions?: readonly string[];
  readonly structs?: readonly string[];
}

/** Of fprobe, which a kernel may be built without. */
const attachesFprobe = 'register_fprobe_ips';

const proofs: Readonly<Record<Method, Proof>> = {
  'fsession.multi': { attachType: 'BPF_TRACE_FSESSION_MULTI' },
  fsession: { attachType: 'BPF_TRACE_FSESSION' },
  // the struct came with the attach cookies of such links, in 5.19
  'fentry+fexit': { attachType: 'BPF_TRACE_FEXIT', structs: ['bpf_tramp_link'] },
  'kprobe.session': {
    attachType: 'BPF_TRACE_KPROBE_SESSION',
    functions: ['bpf_session_is_return', attachesFprobe],
  },
  'kprobe.multi': { attachType: 'BPF_TRACE_KPROBE_MULTI', functions: [attachesFprobe] },
};

/** Those that read the registers of x86_64. */
const isForX64 = (method: Method) => method.startsWith('kprobe');

/**
 * The kernel's types tell what its sources have, and on x86_64 that is what it can do. Elsewhere it may
 * lack what such programs need of its JIT: there a method is tried.
 */
export async function probeMethods(
  btf: Btf,
  wished: Method | 'auto' = 'auto',
  architecture = arch(),
): Promise<Offers> {
  const probe = async (method: Method): Promise<Offer> => {
    if (!isKnown(method, btf, architecture)) return 'no';
    return architecture === 'x64' ? 'yes' : (await tryMethod(method, btf)).offer;
  };
  const multi = probe('fsession.multi');
  // which does all that the others do: to look for those takes longer than all that is left to plan
  if (wished === 'auto' && (await multi) === 'yes')
    return { kernel: release(), ...unasked, 'fsession.multi': 'yes' };
  const offers = methods.map(
    async (method) =>
      [method, await (method === 'fsession.multi' ? multi : probe(method))] as const,
  );
  const found = Object.fromEntries(await Promise.all(offers)) as Record<Method, Offer>;
  return { kernel: release(), ...found };
}

const unasked = Object.fromEntries(methods.map((method) => [method, 'could not tell'])) as Readonly<
  Record<Method, Offer>
>;

function isKnown(method: Method, btf: Btf, architecture: string): boolean {
  const { attachType, functions = [], structs = [] } = proofs[method];
  return (
    !(isForX64(method) && architecture !== 'x64') &&
    attachTypesOf(btf).has(attachType) &&
    functions.every((name) => btf.find('func', name).length > 0) &&
    structs.every((name) => btf.find('struct', name).length > 0)
  );
}

const attachTypesOf = (btf: Btf): ReadonlySet<string> =>
  new Set(
    btf
      .find('enum', 'bpf_attach_type')
      .flatMap((id) => btf.enumerators(id))
      .map(({ name }) => name),
  );

export interface Trial {
  readonly offer: Offer;
  /** What the method is, or why the kernel has it not. */
  readonly detail: string;
}

/** Attaches to a function that nobody calls. */
export async function tryMethod(method: Method, btf: Btf): Promise<Trial> {
  const { how, since } = aboutMethod[method];
  if (!isKnown(method, btf, arch())) return { offer: 'no', detail: `it came with ${since}` };
  const technique = chooseTechnique({ method, functions: [] }, 'recording');
  const object = new (loadNative().Object)(technique.objectPath(btf));
  const [program] = programs;
  const picked = pickPrograms(technique, [program]);
  try {
    await object.load({
      ...picked,
      skipped: [...picked.skipped, markProgram, switchHook, statsFinder],
      globals: {},
      valueBytes: { '.bss.ring': ringHeadBytes + ringMinBytes + ringMarginBytes },
      masks: [],
    });
    const { link } = await technique.attach({
      object,
      programs: [program],
      halves: technique.halves,
      ids: Uint32Array.from(btf.find('func', idleFunction)),
      names: [idleFunction],
      modules: [null],
      cookies: new BigUint64Array(1),
      roots: new Set([0]),
      onProgress: () => undefined,
      isCancelled: () => false,
    });
    link.close();
    return { offer: 'yes', detail: how };
  } catch (error) {
    if (!(error instanceof NativeError)) throw error;
    const isForbidden = error.code === 'EPERM' || error.code === 'EACCES';
    return {
      offer: isForbidden ? 'could not tell' : 'no',
      detail: `the kernel refused it: ${error.syscall}: ${error.code}`,
    };
  } finally {
    object.close();
  }
}
