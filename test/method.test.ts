/** How to attach: what the kernel has, what the user wants, and copies of the program. */
import { describe, expect, test } from 'vitest';
import { attachCopies } from '../src/attach/copies.js';
import { lengthMs } from '../src/attach/links.js';
import type { Target } from '../src/attach/methods.js';
import { NativeError, type NativeCopy } from '../src/attach/native.js';
import { Failure } from '../src/failure.js';
import {
  chooseMethod,
  listMethods,
  methods,
  mostCopies,
  type Method,
  type Offer,
} from '../src/plan/method.js';

/** What a failure says, with its exit status. */
function complaint(run: () => unknown): string {
  try {
    run();
    return '';
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const lines = [`${error.oclif.exit}: ${error.message}`, ...error.suggestions];
    return lines.map((line) => `\n${line}`).join('');
  }
}

describe('the method', () => {
  /** A kernel that has these, and no others. */
  const offers = (some: Partial<Record<Method, Offer>>) => ({
    kernel: '7.0.13',
    ...(Object.fromEntries(methods.map((method) => [method, 'no'])) as Record<Method, Offer>),
    ...some,
  });
  const best = (some: Partial<Record<Method, Offer>>, functions = 1, maxDepth = 5) =>
    chooseMethod(listMethods('auto', offers(some)), { functions, maxDepth, isOfVmlinux: true });

  test('is the best of what there is', () => {
    expect(best({ 'fsession.multi': 'yes', fsession: 'yes' })).toBe('fsession.multi');
    expect(best({ fsession: 'yes', 'kprobe.session': 'yes' })).toBe('fsession');
    expect(best({ 'fentry+fexit': 'yes', 'kprobe.session': 'yes' })).toBe('fentry+fexit');
    expect(best({ 'kprobe.session': 'yes', 'kprobe.multi': 'yes' })).toBe('kprobe.session');
    // no privilege is not no: attaching will tell
    expect(best({ 'fsession.multi': 'could not tell' })).toBe('fsession.multi');
    expect(best({ fsession: 'could not tell' })).toBe('fsession');
  });

  test('is one program for all where they are many, and the kernel has it', () => {
    const both = { fsession: 'yes', 'kprobe.session': 'yes' } as const;
    expect([1, 100, 101, 20_000].map((functions) => best(both, functions))).toEqual([
      'fsession',
      'fsession',
      'kprobe.session',
      'kprobe.session',
    ]);
    expect(best({ ...both, 'fsession.multi': 'yes' }, 20_000)).toBe('fsession.multi');
    expect(best({ fsession: 'yes' }, 1000)).toBe('fsession');
    expect(best({ 'fentry+fexit': 'yes', 'kprobe.multi': 'yes' }, 101)).toBe('kprobe.multi');
  });

  test('is one that goes as deep as is asked for', () => {
    const both = { fsession: 'yes', 'kprobe.session': 'yes' } as const;
    expect(best(both, 1000, 30)).toBe('kprobe.session');
    expect(best(both, 1000, 31)).toBe('fsession');
    expect(complaint(() => best({ 'kprobe.session': 'yes' }, 1, 31))).toMatchInlineSnapshot(`
      "
      2: --fgraph-max-depth 31 is too deep for the method kprobe.session, which follows calls down to 30 levels below a root.
      Give --fgraph-max-depth 30, or less
      Without --method, one that goes deeper is chosen where the kernel has it, as Linux 7.0 does: fsnoop vm --kernel 7.2 -- fsnoop …"
    `);
  });

  test('is the one that is asked for, where there is it', () => {
    const all = offers({ 'fsession.multi': 'could not tell', fsession: 'yes' });
    expect(listMethods('fsession', all)).toEqual(['fsession']);
    expect(listMethods('fsession.multi', all)).toEqual(['fsession.multi']);
  });

  test('that the kernel has not', () => {
    expect(complaint(() => listMethods('fsession.multi', offers({ fsession: 'yes' }))))
      .toMatchInlineSnapshot(`
        "
        5: This kernel (7.0.13) has no fsession.multi, which attaches one BPF program to many functions: it came with Linux 7.2 for x86_64.
        Leave out --method: it has fsession
        Try it in a throw-away guest with a newer kernel: fsnoop vm --kernel 7.2 -- fsnoop …"
      `);
    expect(complaint(() => listMethods('auto', offers({})))).toMatchInlineSnapshot(`
      "
      5: This kernel (7.0.13) has none of the ways to attach that fsnoop has: fsession.multi, fsession, fentry+fexit, kprobe.session, kprobe.multi. The oldest that fsnoop is tested with is Linux 6.1.
      Try it in a throw-away guest with a newer kernel: fsnoop vm --kernel 7.2 -- fsnoop …"
    `);
    expect(complaint(() => listMethods('fsession', offers({})))).toContain('has no fsession,');
  });

  test('that is not for so many functions', () => {
    const choose = (functions: number) => () =>
      chooseMethod(['fsession'], { functions, maxDepth: null, isOfVmlinux: true });
    expect(complaint(choose(mostCopies + 1))).toMatchInlineSnapshot(`
      "
      2: 1,501 functions are too many for the method fsession, which loads a program for each: it takes 1,500.
      Trace fewer: a narrower -k or --fgraph-include, more of --fgraph-exclude, a smaller --fgraph-max-depth
      Without --method, one that takes all is chosen where the kernel has it, as Linux 7.2 does: fsnoop vm --kernel 7.2 -- fsnoop …"
    `);
    expect(complaint(choose(mostCopies))).toBe('');
    expect(complaint(() => best({ 'fentry+fexit': 'yes' }, mostCopies / 2 + 1)))
      .toMatchInlineSnapshot(`
      "
      2: 751 functions are too many for the method fentry+fexit, which loads 2 programs for each: it takes 750.
      Trace fewer: a narrower -k or --fgraph-include, more of --fgraph-exclude, a smaller --fgraph-max-depth
      Without --method, one that takes all is chosen where the kernel has it, as Linux 7.2 does: fsnoop vm --kernel 7.2 -- fsnoop …"
    `);
    expect(best({ 'fentry+fexit': 'yes' }, mostCopies / 2)).toBe('fentry+fexit');
    expect(
      chooseMethod(['fsession.multi'], { functions: 38_949, maxDepth: 500, isOfVmlinux: false }),
    ).toBe('fsession.multi');
  });
});

describe('copies of the program', () => {
  /** A kernel that refuses some functions, and keeps count. */
  function makeKernel(refused: Readonly<Record<number, string>> = {}) {
    const kernel = { attached: new Set<number>(), loaded: new Set<number>(), atOnce: 0, most: 0 };
    const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
    const attachCopy = async (_: string, id: number): Promise<NativeCopy> => {
      kernel.most = Math.max(kernel.most, ++kernel.atOnce);
      await settle();
      kernel.atOnce--;
      const code = refused[id];
      if (code !== undefined) throw new NativeError(1, code, 'bpf(BPF_PROG_LOAD)', '');
      kernel.attached.add(id);
      kernel.loaded.add(id);
      return {
        attached: { beginMs: id, endMs: id + 0.5 },
        async detach() {
          await settle();
          kernel.attached.delete(id);
          return { beginMs: 100 + id, endMs: 100 + 2 * id };
        },
        skipped: () => id,
        missed: () => 0,
        close: () => void kernel.loaded.delete(id),
      };
    };
    return { kernel, object: { attachCopy } as unknown as Target['object'] };
  }

  const targetOf = (
    object: Target['object'],
    count: number,
    parts: Partial<Target> = {},
  ): Target => ({
    object,
    programs: Array.from({ length: count }, () => 'on_call' as const),
    halves: [{ suffix: '', options: { type: 26, attachType: 58 } }],
    ids: Uint32Array.from({ length: count }, (_, place) => place),
    names: Array.from({ length: count }, (_, place) => `function_${place}`),
    modules: Array.from({ length: count }, () => null),
    cookies: new BigUint64Array(count),
    roots: new Set([0]),
    onProgress: () => undefined,
    isCancelled: () => false,
    ...parts,
  });

  test('are attached several at once, told one by one, and detached together', async () => {
    const { kernel, object } = makeKernel();
    const told: string[] = [];
    const all = await attachCopies(targetOf(object, 20, { onProgress: (text) => told.push(text) }));
    expect(all).toMatchObject({ attached: 20, refused: new Set() });
    expect(kernel.most).toBe(4);
    expect(told.at(0)).toBe('attaching to 20 functions: 1');
    expect(told.at(-1)).toBe('attaching to 20 functions: 20');
    expect(lengthMs(all.link.attached)).toBe(19.5);
    expect(await all.link.detach()).toEqual({ beginMs: 100, endMs: 138 });
    expect(kernel.attached.size).toBe(0);
    expect(all.skipped()).toBe(190); // of programs that are still loaded
    all.link.close();
    expect(kernel.loaded.size).toBe(0);
  });

  test('are left out where the kernel refuses them', async () => {
    const { kernel, object } = makeKernel({ 3: 'EINVAL', 7: 'ENOENT' });
    const all = await attachCopies(targetOf(object, 10));
    expect(all).toMatchObject({ attached: 8, refused: new Set([3, 7]) });
    expect(kernel.attached.size).toBe(8);
  });

  test.each([
    ['no root is left', { 0: 'EINVAL' }, 'EINVAL'],
    ['there are too many files', { 5: 'EMFILE' }, 'EMFILE'],
    ['there is no privilege', { 9: 'EPERM' }, 'EPERM'],
  ] as const)('are all taken back when %s', async (_, refused, code) => {
    const { kernel, object } = makeKernel(refused);
    await expect(attachCopies(targetOf(object, 20))).rejects.toMatchObject({ code });
    expect(kernel).toMatchObject({ attached: new Set(), loaded: new Set() });
  });

  test('are two where a function has one for each half: both, or none', async () => {
    const { kernel, object } = makeKernel({ 3: 'EINVAL' });
    const options = { type: 26, attachType: 24 };
    const halves = [{ suffix: '', options } as const, { suffix: '_return', options } as const];
    const made: string[] = [];
    const attachCopy = (program: string, id: number, cookie: bigint, module: string | null) => {
      made.push(`${program} ${id}`);
      const isRefused = program === 'on_call_return' && id === 2;
      return object.attachCopy(program, isRefused ? 3 : id, cookie, module);
    };
    const both = { ...object, attachCopy };
    const all = await attachCopies(targetOf(both, 3, { halves }));
    expect(made.sort()).toEqual(
      [0, 1, 2].flatMap((id) => [`on_call ${id}`, `on_call_return ${id}`]).sort(),
    );
    expect(all).toMatchObject({ attached: 2, refused: new Set([2]) });
    expect(kernel).toMatchObject({ attached: new Set([0, 1]), loaded: new Set([0, 1]) });
    expect(all.skipped()).toBe(2 * (0 + 1));
  });

  test('that nobody wants any more are not made', async () => {
    const { kernel, object } = makeKernel();
    const isCancelled = () => kernel.attached.size >= 6;
    const all = await attachCopies(targetOf(object, 1000, { isCancelled }));
    expect(all.attached).toBeGreaterThanOrEqual(6);
    expect(all.attached).toBeLessThan(10);
    await all.link.detach();
    expect(kernel.attached.size).toBe(0);
  });
});
