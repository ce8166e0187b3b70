/** What a traced call costs its thread, entry and return together. */

const counts = ['1 function', '5 functions'];

const ways = [
  { key: 'recorded', name: 'recorded call, no values', targets: [{ most: 550 }] },
  { key: 'ignoredTask', name: 'ignored call: other task', targets: [{ most: 300 }] },
  { key: 'ignoredOutsideRoot', name: 'ignored call: not in a root', targets: [] },
];

const peers = {
  floor: 'empty program',
  functionGraph: 'function_graph',
  bpftrace: 'bpftrace',
};

export const cost = {
  name: 'cost',
  summary: 'instructions of a traced call',
  measure: (bench) => measureCost(bench, Object.keys(peers)),
};

/** fsnoop's own rows: what CI compares with the committed ones. */
export const quickCost = (bench) => measureCost(bench, []);

async function measureCost(bench, peerKeys) {
  const { kernel, found } = await bench.guest('cost', {
    args: { tracers: ['fsnoop', ...peerKeys] },
    icount: true,
    peers: peerKeys.length > 0,
  });
  const rows = ways.flatMap(({ key, name, targets }) =>
    counts.map((count, at) => ({
      name: `${name}, ${count}`,
      unit: 'instructions',
      value: found[key].fsnoop[at],
      targets,
      peers: peerKeys
        .filter((peer) => peer in found[key])
        .map((peer) => bench.peer(peers[peer], found[key][peer][at], kernel)),
    })),
  );
  return { kernel, rows };
}
