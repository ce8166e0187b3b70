/** In the guest: whole short commands, against node that does nothing. */
import { run } from './tools.mjs';

const commands = {
  node: ['node', '-e', '0'],
  help: ['fsnoop', '--help'],
  list: ['fsnoop', 'list', 'vfs_*'],
};

/** The best of `rounds`, in seconds; the commands take turns. */
export async function measure({ rounds }) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const [name, command] of Object.entries(commands)) {
      const begin = performance.now();
      await run(command);
      times[name].push((performance.now() - begin) / 1000);
    }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, Math.min(...all)]));
}
