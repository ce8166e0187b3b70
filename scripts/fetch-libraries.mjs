/**
 * Fetches Debian's libraries that the addon is built with for another machine, with their headers, and prints
 * the folder in the cache that has them as they would stand below `/`:
 *
 *	node scripts/fetch-libraries.mjs arm64
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { cacheFolder } from '../dist/vm/cache.js';
import { withPackages } from '../dist/vm/packages.js';

const [, , architecture] = process.argv;
/** The oldest Debian that fsnoop is built on: what is built with its libraries runs with newer ones. */
const suite = 'bookworm';
const packages = ['libbpf-dev', 'libcapstone-dev', 'libbpf1', 'libcapstone4', 'libelf1', 'zlib1g'];

const folder = cacheFolder(`libraries/${architecture}`);
const report = (progress) => console.error(`setup: ${progress}`);
if (!existsSync(folder))
  await withPackages(`an ${architecture} addon`, { architecture, report }, async (open) => {
    const unpacked = await (await open()).fetch(packages, suite);
    try {
      mkdirSync(dirname(folder), { recursive: true });
      renameSync(unpacked.path, folder);
    } finally {
      await unpacked[Symbol.asyncDispose]();
    }
  });
console.log(folder);
