/** From the start of the process to all being attached: as time, and counted, which repeats. */

export const ready = {
  name: 'ready',
  summary: 'from the start to tracing',
  async measure(bench) {
    const timed = await bench.guest('ready', { args: { rounds: 8 }, peers: true });
    const counted = await bench.guest('ready', { args: { rounds: 3 }, peers: true, icount: true });
    const rows = [
      ...toRows(bench, timed.found, { unit: 's', targets: [{ most: 3 }], suffix: '', times: 1 }),
      ...toRows(bench, counted.found, { ...asInstructions, targets: [], suffix: ', counted' }),
    ];
    return { kernel: timed.kernel, rows };
  },
};

/** In a guest that counts, a second is 1,000 million instructions. */
const asInstructions = { unit: 'million instructions', times: 1000 };

function toRows(bench, { one, many, bpftrace, node }, { unit, targets, suffix, times }) {
  const scaled = (value) => (typeof value === 'number' ? value * times : value);
  const peers = [
    bench.peer('bpftrace', scaled(bpftrace)),
    bench.peer('node -e 0', scaled(node), process.version),
  ];
  return [
    { name: `start to ready, 1 function${suffix}`, unit, value: scaled(one), targets, peers },
    {
      name: `start to ready, 200 functions, less the attach${suffix}`,
      unit,
      value: scaled(many),
      targets,
      peers: [],
    },
  ];
}
