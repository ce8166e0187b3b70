/** How soon short commands are done: whole processes, against node that does nothing in the same place. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath, URL } from 'node:url';

const reference = 'node -e 0';
const rounds = 21;
const bin = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export const startup = {
  name: 'startup',
  summary: '--help and list',
  async measure(bench) {
    // the clock of a guest without KVM wavers by more than what is to be told
    const { kernel, found } = await bench.guest('startup', { args: { rounds: 7 }, icount: true });
    const counted = (name, value, most) => ({
      name,
      unit: 'million instructions',
      value: value * 1000,
      targets: [{ most, of: reference }],
      peers: [bench.peer(reference, found.node * 1000, process.version)],
    });
    const { help, node } = measureHere();
    return {
      kernel,
      rows: [
        {
          name: 'fsnoop --help, on the host',
          unit: 's',
          value: help,
          targets: [{ most: 2.5, of: reference }],
          peers: [bench.peer(reference, node, process.version)],
        },
        counted('fsnoop --help, in a guest', found.help, 2.5),
        counted("fsnoop list 'vfs_*', in a guest", found.list, 6),
      ],
    };
  },
};

/** The best of all rounds, in seconds; the commands take turns. */
function measureHere() {
  const commands = { node: ['-e', '0'], help: [bin, '--help'] };
  const times = { node: [], help: [] };
  for (let round = 0; round < rounds; round++)
    for (const [name, args] of Object.entries(commands)) {
      const begin = performance.now();
      spawnSync(process.execPath, args);
      times[name].push((performance.now() - begin) / 1000);
    }
  return { node: Math.min(...times.node), help: Math.min(...times.help) };
}
