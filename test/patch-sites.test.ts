/** What ftrace can patch, out of the kernel's memory. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { loadNative } from '../src/attach/native.js';
import { Btf } from '../src/symbols/btf.js';
import type { KernelSymbol } from '../src/symbols/kallsyms.js';
import {
  isPatchSite,
  makePatchPage,
  readPatchSites,
  type PatchPage,
} from '../src/symbols/patch-sites.js';

const symbol = (address: number, isFirst = true): KernelSymbol => ({
  ...{ name: 'vfs_read', module: null, isCode: true },
  ...{ address, isFirst },
});

/** As Linux 7.2 has them: the address, then flags. */
function pageOf(...addresses: number[]): PatchPage {
  const words = addresses.flatMap((at) => [0xffffffff00000000n + BigInt(at), 1n]);
  return makePatchPage(Buffer.from(BigUint64Array.from(words).buffer), addresses.length, 16, 0);
}

const sitesAmong = (pages: readonly PatchPage[], addresses: readonly number[]) =>
  addresses.filter((address) => isPatchSite(pages, symbol(address)));

test('a function is patched where it begins, or behind what stands there before', () => {
  const pages = [pageOf(0x1000, 0x1014, 0x1038), pageOf(0x2000)];
  const addresses = [0xff0, 0xffc, 0x1000, 0x1010, 0x1014, 0x1020, 0x1030, 0x1040, 0x1ffc, 0x2000];
  expect(sitesAmong(pages, [...addresses, 0x2010])).toEqual([
    0xffc, 0x1000, 0x1010, 0x1014, 0x1030, 0x1ffc, 0x2000,
  ]);
});

test('functions on both sides of a border of 4 GiB are patched, as arm64 may have them', () => {
  const pages = [pageOf(0xffffffe4, 0xfffffffc, 0x14)];
  expect(sitesAmong(pages, [0xffffffd0, 0xffffffe0, 0xfffffff8, 0x0, 0x10, 0x20])).toEqual([
    0xffffffe0, 0xfffffff8, 0x10,
  ]);
});

test('of several symbols at one address the first is the function', () => {
  expect(isPatchSite([pageOf(0x1000)], symbol(0x1000, false))).toBe(false);
});

test('nothing is known of a kernel that keeps its records in another way', () => {
  const blob = readFileSync(new URL('fixtures/symbols/types.btf', import.meta.url));
  const kcore = {
    read: () => {
      throw new Error('nothing is to be read');
    },
  };
  expect(readPatchSites(new Btf(blob, loadNative()), 0n, kcore)).toBeNull();
});
