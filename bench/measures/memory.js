/** fsnoop's peak RSS. */

const quarter = 'at a quarter of it';
const functions = 20_000;
const calls = 10_000_000;

export const memory = {
  name: 'memory',
  summary: 'peak RSS with many functions, and of a long stream',
  async measure(bench) {
    const { kernel, found } = await bench.guest('memory', {
      // a few more than are counted: what finds no room was not streamed
      args: { functions, calls: calls * 1.05, callsPerSecond: 30_000 },
      minutes: 20,
    });
    const { attached, stream } = found;
    if (stream.calls < calls) throw new Error(`only ${stream.calls} calls were streamed`);
    const row = (name, value, target, peers) => ({
      name: `peak RSS, ${name}`,
      unit: 'MB',
      value,
      targets: [target],
      peers,
    });
    const rows = [
      row(`${functions.toLocaleString('en')} functions`, attached, { most: 150 }, []),
      row(`${calls.toLocaleString('en')} calls streamed`, stream.end, { most: 1.1, of: quarter }, [
        bench.peer(quarter, stream.quarter, null),
      ]),
    ];
    return { kernel, rows };
  },
};
