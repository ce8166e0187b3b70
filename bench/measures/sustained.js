/** The highest rate of calls that is recorded without loss, with the buffer that is the default. */

const reference = 'trace-cmd record -p function_graph';

export const sustained = {
  name: 'sustained',
  summary: 'rate of calls without loss',
  async measure(bench) {
    const { kernel, found } = await bench.guest('sustained', {
      icount: true,
      peers: true,
      minutes: 60,
    });
    const row = {
      name: 'sustained without loss, 5 functions',
      unit: 'calls/s',
      value: found.fsnoop,
      targets: [{ least: 1, of: reference }],
      peers: [bench.peer(reference, found.traceCmd)],
    };
    return { kernel, rows: [row] };
  },
};
