/**
 * bpftrace and trace-cmd from Debian sid, fetched once into the cache as a folder that runs anywhere:
 * `bin/` the programs, `lib/` their libraries and loader, `versions.json`. `commandOf` runs one here.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from '../dist/vm/cache.js';
import { withPackages } from '../dist/vm/packages.js';

const names = ['bpftrace', 'trace-cmd'];
const suite = 'sid';

/**
 * @param {(progress: string) => void} report
 * @returns {Promise<{ folder: string, versions: Record<string, string> }>}
 * @throws when they can't be fetched
 */
export async function loadPeers(report) {
  const folder = join(cacheFolder('peers'), suite);
  if (!existsSync(folder))
    await withPackages('the bench', { architecture: 'x64', report }, async (open) => {
      if (existsSync(folder)) return;
      const packages = await open();
      const unpacked = await packages.fetchWithDependencies(names, suite);
      try {
        gather(unpacked, folder);
      } finally {
        await unpacked[Symbol.asyncDispose]();
      }
    });
  return { folder, versions: JSON.parse(readFileSync(join(folder, 'versions.json'), 'utf8')) };
}

/** A peer's command on this machine. */
export function commandOf(folder, name, ...args) {
  const lib = join(folder, 'lib');
  return [join(lib, loader), '--library-path', lib, join(folder, 'bin', name), ...args];
}

const loader = 'ld-linux-x86-64.so.2';

/** Takes from the packages what the programs need to run: a third of it all. */
function gather({ path, versions }, folder) {
  const whole = join(path, '..', 'gathered');
  mkdirSync(join(whole, 'bin'), { recursive: true });
  mkdirSync(join(whole, 'lib'));
  const libraries = join(path, 'usr/lib/x86_64-linux-gnu');
  const ownLoader = join(path, 'usr/lib64', loader);
  for (const name of names) {
    const program = join(path, 'usr/bin', name);
    const listed = execFileSync(ownLoader, ['--library-path', libraries, '--list', program]);
    const found = [...listed.toString().matchAll(/=> (\/\S+)/g)].map(([, library]) => library);
    for (const library of [ownLoader, ...found])
      copyFileSync(library, join(whole, 'lib', basename(library)));
    copyFileSync(program, join(whole, 'bin', name));
  }
  const ofPeers = Object.fromEntries(names.map((name) => [name, versions.get(name)]));
  writeFileSync(join(whole, 'versions.json'), `${JSON.stringify(ofPeers)}\n`);
  mkdirSync(dirname(folder), { recursive: true });
  renameSync(whole, folder);
}
