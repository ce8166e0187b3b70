/** How long attaching and detaching takes, against an empty program on the same functions. */

/** How often each number of functions is attached: the fewer there are, the more the clock wavers. */
const rounds = { 100: 25, 1000: 25, 5000: 10, 20_000: 5 };
const reference = 'empty program';

export const attach = {
  name: 'attach',
  summary: 'attaching and detaching up to 20,000 functions',
  async measure(bench) {
    const { kernel, found } = await bench.guest('attach', {
      args: { rounds },
      minutes: 30,
    });
    const rows = ['attach', 'detach'].flatMap((what) =>
      found.map((times) => ({
        name: `${what} ${times.count.toLocaleString('en')} functions`,
        unit: 's',
        value: times[what].fsnoop,
        targets: [{ most: 1.05, of: reference }],
        peers: [bench.peer(reference, times[what].floor)],
      })),
    );
    return { kernel, rows };
  },
};
