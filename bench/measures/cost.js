/** What a traced call costs its thread, entry and return together. */

/** The rows by `ways` of bench/guest/cost.mjs; `counts` name its lists of functions. */
const ways = [
  {
    key: 'recorded',
    name: 'recorded call, no values',
    counts: ['1 function', '5 functions'],
    targets: [{ most: 550 }],
  },
  {
    key: 'counted',
    name: 'call counted by fsnoop stat',
    counts: ['1 function', '5 functions'],
    targets: [{ most: 480 }],
  },
  {
    key: 'countedBelow',
    name: 'the same below a root (-g), 5 functions',
    targets: [],
  },
  {
    key: 'recordedScalars',
    name: 'recorded call, three scalar arguments and return value',
    counts: ['mean of four and two'],
    targets: [{ most: 1.25, of: 'no values' }],
  },
  {
    key: 'recordedString',
    name: 'recorded call, three arguments of which one is a string',
    targets: [],
  },
  {
    key: 'recordedExpression',
    name: 'recorded call, file->f_inode->i_size',
    targets: [],
  },
  {
    key: 'ignoredTask',
    name: 'ignored call: other task',
    counts: ['1 function', '5 functions'],
    targets: [{ most: 300 }],
  },
  {
    key: 'ignoredOutsideRoot',
    name: 'ignored call: not in a root',
    counts: ['1 function', '5 functions'],
    targets: [{ most: 300 }],
  },
  {
    key: 'ignoredTaskWhileOpen',
    name: 'ignored call: other task, while a root is open',
    targets: [],
  },
  {
    key: 'ignoredOutsideRootWhileOpen',
    name: 'ignored call: not in a root, while another task is in one',
    targets: [],
  },
  {
    key: 'rejected',
    name: 'root rejected by a comparison',
    targets: [{ most: 1.3, of: 'ignored, other task' }],
  },
];

const peers = {
  floor: 'empty program',
  functionGraph: 'function_graph',
  bpftrace: 'bpftrace',
};

/** What fsnoop itself needs for the same functions, for less. */
const references = {
  noValues: 'no values',
  otherTask: 'ignored, other task',
  notInRoot: 'ignored, not in a root',
};

export const cost = {
  name: 'cost',
  summary: 'instructions of a traced call',
  measure: (bench) => measureCost(bench, ways, { ...references, ...peers }),
};

/** fsnoop's own rows: what CI compares with the committed ones. Strings and expressions take longest. */
export const quickCost = (bench) =>
  measureCost(
    bench,
    ways.filter(({ key }) => !['recordedString', 'recordedExpression'].includes(key)),
    {},
  );

/** That of bpftrace is known by the bench, references are fsnoop. */
const versions = (kernel) => ({
  floor: kernel,
  functionGraph: kernel,
  ...Object.fromEntries(Object.keys(references).map((key) => [key, null])),
});

async function measureCost(bench, some, names) {
  const { kernel, found } = await bench.guest('cost', {
    args: { ways: some.map(({ key }) => key), tracers: ['fsnoop', ...Object.keys(names)] },
    icount: true,
    minutes: 20,
    peers: 'bpftrace' in names,
  });
  const rows = some.flatMap(({ key, name, counts = [''], targets }) =>
    counts.map((count, at) => ({
      name: count === '' ? name : `${name}, ${count}`,
      unit: 'instructions',
      value: found[key].fsnoop[at],
      targets,
      peers: Object.keys(names)
        .filter((peer) => peer in found[key])
        .map((peer) => bench.peer(names[peer], found[key][peer][at], versions(kernel)[peer])),
    })),
  );
  return { kernel, rows };
}
