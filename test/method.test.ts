/** How to attach: what the kernel has, what the user wants, and copies of the program. */
import { describe, expect, test } from 'vitest';
import { attachCopies } from '../src/attach/copies.js';
import type { Target } from '../src/attach/methods.js';
import { NativeError, type NativeCopy } from '../src/attach/native.js';
import { Failure } from '../src/failure.js';
import { checkCount, chooseMethod, mostCopies, type Offer } from '../src/plan/method.js';

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
  const offers = (multi: Offer, single: Offer) => ({
    kernel: '7.0.13',
    'fsession.multi': multi,
    fsession: single,
  });

  test.each([
    ['yes', 'yes', 'fsession.multi'],
    ['no', 'yes', 'fsession'],
    // no privilege is not no: attaching will tell
    ['could not tell', 'could not tell', 'fsession.multi'],
    ['no', 'could not tell', 'fsession'],
  ] as const)('is the best of what there is: %s, %s: %s', (multi, single, method) => {
    expect(chooseMethod('auto', offers(multi, single))).toBe(method);
  });

  test('is the one that is asked for, where there is it', () => {
    expect(chooseMethod('fsession', offers('yes', 'yes'))).toBe('fsession');
    expect(chooseMethod('fsession.multi', offers('could not tell', 'yes'))).toBe('fsession.multi');
  });

  test('that the kernel has not', () => {
    expect(complaint(() => chooseMethod('fsession.multi', offers('no', 'yes'))))
      .toMatchInlineSnapshot(`
        "
        5: This kernel (7.0.13) has no fsession.multi, which attaches one BPF program to many functions: it came with Linux 7.2 for x86_64.
        Leave out --method: it has fsession
        Try it in a throw-away guest with a newer kernel: fsnoop vm --kernel 7.2 -- fsnoop …"
      `);
    expect(complaint(() => chooseMethod('auto', offers('no', 'no')))).toMatchInlineSnapshot(`
      "
      5: This kernel (7.0.13) has no fsession, which runs one BPF program at the entry and the return of a function: it came with Linux 7.0 for x86_64 and arm64.
      Try it in a throw-away guest with a newer kernel: fsnoop vm --kernel 7.2 -- fsnoop …"
    `);
    expect(complaint(() => chooseMethod('fsession', offers('no', 'no')))).toContain(
      'has no fsession,',
    );
  });

  test('that is not for so many functions', () => {
    expect(
      complaint(() => {
        checkCount('fsession', mostCopies + 1);
      }),
    ).toMatchInlineSnapshot(`
      "
      2: 1501 functions are too many for the method fsession, which loads a program for each: it takes 1500.
      Trace fewer: a narrower -k or --fgraph-include, more of --fgraph-exclude, a smaller --fgraph-max-depth
      Linux 7.2 has fsession.multi, which takes all: fsnoop vm --kernel 7.2 -- fsnoop …"
    `);
    expect(
      complaint(() => {
        checkCount('fsession', mostCopies);
      }),
    ).toBe('');
    expect(
      complaint(() => {
        checkCount('fsession.multi', 38_949);
      }),
    ).toBe('');
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
        async detach() {
          await settle();
          kernel.attached.delete(id);
        },
        skipped: () => id,
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
    ids: Uint32Array.from({ length: count }, (_, place) => place),
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
    await all.link.detach();
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
