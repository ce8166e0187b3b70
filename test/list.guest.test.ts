/** `fsnoop list` on a real kernel. */
import { beforeAll, expect, test } from 'vitest';
import { guestSession, type GuestSession } from './guest.js';

const steps = {
  text: "fsnoop list 'vfs_rea*' _printk do_exit",
  json: 'fsnoop list vfs_read _printk --format json',
  refused: "fsnoop list --refused 'vfs_rea*' _printk",
  count: 'fsnoop list --count --format json',
  unknown: 'fsnoop list vfs_raed',
  head: 'fsnoop list | head -n 1',
};

let guest: GuestSession<keyof typeof steps>;

beforeAll(async () => {
  guest = await guestSession({ steps });
});

test('lists functions by name, and says why some can not be traced', () => {
  expect(guest.steps.text.stdout.split('\n').map((line) => line.split(/\s+/, 2).join(' '))).toEqual(
    ['_printk variadic', 'do_exit no-return', 'vfs_read', 'vfs_readlink', 'vfs_readv', ''],
  );
});

test('the same for programs', () => {
  expect(guest.steps.json.stdout).toBe(
    `{"type":"function","function":"_printk","module":null,"traceable":false,"reason":"variadic"}
{"type":"function","function":"vfs_read","module":null,"traceable":true,"reason":null}
`,
  );
});

test('only what is refused', () => {
  expect(guest.steps.refused.stdout).toMatch(/^_printk +variadic\n$/);
});

test('counts: most functions of the kernel can be traced', () => {
  const [first = ''] = guest.steps.count.stdout.split('\n');
  const { traceable, functions } = JSON.parse(first) as { traceable: boolean; functions: number };
  expect(traceable).toBe(true);
  expect(functions).toBeGreaterThan(38_000);
});

test('an unknown name has its nearest, and the status of wrong usage', () => {
  expect(guest.steps.unknown).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/no function vfs_raed[^]*Did you mean: .*vfs_read/) as unknown,
  });
});

test('ends quietly when nobody reads on', () => {
  expect(guest.steps.head.stderr).toBe('');
  expect(guest.steps.head.stdout.split('\n')).toHaveLength(2);
});

test('the kernel log is clean', () => {
  expect(guest.splats).toEqual([]);
});
