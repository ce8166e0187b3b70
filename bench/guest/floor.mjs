/** In the guest: attaches the empty program of bench/floor.bpf.c, by fsnoop's own addon. */
const dist = '/usr/lib/node_modules/fsnoop/dist';
const { loadNative } = await import(`${dist}/attach/native.js`);
const { loadSymbols } = await import(`${dist}/symbols/symbols.js`);

/** The kernel's functions. */
export const symbols = loadSymbols(['*'], loadNative());

/** Attaches it to the functions of these BTF ids. */
export async function attachFloor(ids) {
  const object = new (loadNative().Object)('/root/floor.bpf.o');
  const programs = { on_call: { type: 26, attachType: 61 } };
  await object.load({ programs, skipped: [], globals: {}, valueBytes: {}, masks: [] });
  const none = new BigUint64Array(ids.length);
  const begin = performance.now();
  const link = await object.attachMulti('on_call', Uint32Array.from(ids), none);
  return {
    attachMs: performance.now() - begin,
    /** How long it took, in ms. */
    async detach() {
      const start = performance.now();
      await link.detach();
      object.close();
      return performance.now() - start;
    },
  };
}
