/** Asks the kernel which methods it has. */
import { arch, release } from 'node:os';
import { aboutMethod, methods, type Method, type Offer, type Offers } from '../plan/method.js';
import type { Btf } from '../symbols/btf.js';
import { chooseTechnique, idleFunction } from './methods.js';
import { loadNative, NativeError } from './native.js';
import { programs, ringHeadBytes, ringMarginBytes, ringMinBytes } from './shared.js';

const enumerators: Readonly<Record<Method, string>> = {
  'fsession.multi': 'BPF_TRACE_FSESSION_MULTI',
  fsession: 'BPF_TRACE_FSESSION',
};

/**
 * The kernel's types tell what its sources have, and on x86_64 that is what it can do. Elsewhere it may
 * lack what such programs need of its JIT: there a method is tried.
 */
export async function probeMethods(btf: Btf, architecture = arch()): Promise<Offers> {
  const probe = async (method: Method): Promise<Offer> => {
    if (!isKnown(method, btf)) return 'no';
    return architecture === 'x64' ? 'yes' : (await tryMethod(method, btf)).offer;
  };
  const offers = methods.map(async (method) => [method, await probe(method)] as const);
  const found = Object.fromEntries(await Promise.all(offers)) as Record<Method, Offer>;
  return { kernel: release(), ...found };
}

const isKnown = (method: Method, btf: Btf) => btf.enumerator(enumerators[method]) !== undefined;

export interface Trial {
  readonly offer: Offer;
  /** What the method is, or why the kernel has it not. */
  readonly detail: string;
}

/** Attaches to a function that nobody calls. */
export async function tryMethod(method: Method, btf: Btf): Promise<Trial> {
  const { how, since } = aboutMethod[method];
  if (!isKnown(method, btf)) return { offer: 'no', detail: `it came with ${since}` };
  const { objectPath, options, attach } = chooseTechnique({ method, functions: [] });
  const object = new (loadNative().Object)(objectPath);
  const [program, ...skipped] = programs;
  try {
    await object.load({
      programs: { [program]: options },
      skipped,
      globals: {},
      valueBytes: { '.bss.ring': ringHeadBytes + ringMinBytes + ringMarginBytes },
    });
    const { link } = await attach({
      object,
      programs: [program],
      ids: Uint32Array.from(btf.find('func', idleFunction)),
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
