/**
 * Uses fsnoop as programs do, in a guest: `node library.mjs CASE…`, one after the other. Writes what came of each as
 * JSON, by its name.
 */
import { execFile } from 'node:child_process';
import { closeSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Failure, stat, trace } from 'fsnoop';

const below = ['vfs_read', 'rw_verify_area', 'security_file_permission', 'read_zero'];
const reads = { kfunc: 'ksys_read', outputFgraph: true, fgraphInclude: below, comm: 'calls' };
const forever = { ...reads, command: 'calls forever' };

/** What of fsnoop is in the kernel, or of its command left, now: '' for nothing. */
const leftovers = async () => {
  await delay(500); // the command has been sent SIGTERM
  return run('sh', ['/root/leftovers.sh']);
};

const run = async (...command) => (await promisify(execFile)(...command)).stdout;

const toError = (error) => ({
  failure: error instanceof Failure,
  name: error.name,
  message: error.message,
  status: error.exitStatus,
  suggestions: error.suggestions,
});

async function collect(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

async function readAll(options) {
  const going = trace(options);
  const events = await collect(going);
  const { start, summary, status, aggregates } = going;
  return {
    events,
    start: await start,
    summary: await summary,
    status: await status,
    aggregates: await aggregates,
  };
}

const cases = {
  trees: () => readAll({ ...reads, command: ['calls', 'read', '5'] }),

  calls: () => readAll({ kfunc: 'ksys_read', comm: 'calls', command: 'calls mixed' }),

  live: () => readAll({ kfunc: 'ksys_read', comm: 'calls', live: true, command: 'calls read 2' }),

  hits: () =>
    readAll({
      tracepoint: 'sched_process_exec',
      outputArg: 'str(bprm->filename)',
      command: 'calls read 1',
    }),

  aggregates: () =>
    readAll({
      kfunc: 'ksys_read',
      comm: 'calls',
      outputArg: 'hist(count)',
      command: 'calls mixed',
    }),

  limit: () => readAll({ ...forever, limitEvents: 3 }),

  async break() {
    const going = trace(forever);
    const taken = [];
    for await (const { root } of going) {
      taken.push(root.function);
      if (taken.length === 2) break;
    }
    const summary = await going.summary;
    return { taken, leftovers: await leftovers(), summary, next: await going.next() };
  },

  async throw() {
    try {
      for await (const { root } of trace(forever)) throw new Error(`seen: ${root.function}`);
      return {};
    } catch (error) {
      return { error: toError(error), leftovers: await leftovers() };
    }
  },

  async abort() {
    const controller = new AbortController();
    const going = trace({ ...forever, signal: controller.signal });
    let trees = 0;
    try {
      for await (const { root } of going) {
        trees += Number(root.function === 'ksys_read');
        if (trees === 1) setTimeout(() => controller.abort(), 200);
      }
      return {};
    } catch (error) {
      return { trees, error: toError(error), leftovers: await leftovers() };
    }
  },

  async dispose() {
    const going = trace(forever);
    await going.start;
    const during = await run('bpftool', ['prog']);
    await going[Symbol.asyncDispose]();
    return { during, leftovers: await leftovers() };
  },

  async stop() {
    const going = trace({ kfunc: 'hrtimer_nanosleep', command: 'calls sleep 100 50' });
    await going.start;
    setTimeout(() => going.stop(), 1000);
    const calls = await collect(going);
    return { calls: calls.length, summary: await going.summary, leftovers: await leftovers() };
  },

  async exit() {
    for await (const { root } of trace(forever))
      process.exit(root.function === 'ksys_read' ? 7 : 8);
  },

  async slow() {
    const going = trace({ ...reads, args: 'off', buffer: '4K', command: 'calls read 20000' });
    let calls = 0;
    let trees = 0;
    for await (const { root } of going) {
      if (++trees % 500 === 1) await delay(100);
      calls += countCalls(root);
    }
    return { calls, summary: await going.summary };
  },

  async own() {
    const zero = openSync('/dev/zero');
    const going = trace({ kfunc: 'ksys_read', filterPid: process.pid, filterArg: 'count == 77' });
    await going.start;
    for (let times = 0; times < 5; times++) readSync(zero, Buffer.alloc(77));
    closeSync(zero);
    going.stop();
    return (await collect(going)).map(({ type, pid, retval }) => [
      type,
      pid === process.pid,
      retval,
    ]);
  },

  async again() {
    const trees = [];
    let open = [];
    for (let times = 0; times < 6; times++) {
      const { events } = await readAll({ ...reads, command: 'calls read 3' });
      trees.push(events.length);
      if (times === 1) open = readdirSync('/proc/self/fd');
    }
    return { trees, opened: readdirSync('/proc/self/fd').length - open.length };
  },

  async together() {
    const [trees, calls, counted] = await Promise.all([
      readAll({ ...reads, command: 'calls read 100' }),
      readAll({ kfunc: 'ksys_read', comm: 'calls', command: 'calls read 70' }),
      stat({ kfunc: ['ksys_read', 'vfs_read'], comm: 'calls', command: 'calls read 400' })
        .functions,
    ]);
    return {
      trees: trees.events.map(({ root }) => countCalls(root)),
      lost: [trees.summary.lost, calls.summary.lost],
      calls: calls.events.length,
      counted: Object.fromEntries(counted.map((one) => [one.function, one.calls])),
      leftovers: await leftovers(),
    };
  },

  async stat() {
    const going = stat({
      ...{ kfunc: ['ksys_read', ...below], comm: 'calls', sort: 'name' },
      command: 'calls read 1000',
    });
    return {
      functions: await going.functions,
      start: await going.start,
      summary: await going.summary,
      status: await going.status,
      snapshots: (await collect(going)).length,
    };
  },

  async recorded() {
    const notes = [];
    const { functions } = stat({
      ...{ kfunc: ['ksys_read', ...below], comm: 'calls', command: 'calls read 500' },
      ...{ record: '/tmp/counted.fsnoop', buffer: '4M', onNote: (note) => notes.push(note) },
    });
    return { functions: await functions, notes };
  },

  async interval() {
    const going = stat({
      ...{ kfunc: 'ksys_read', comm: 'calls', command: 'calls forever' },
      ...{ interval: '200ms', duration: 3 },
    });
    const taken = await collect(going);
    return taken.map(({ elapsedMs, functions }) => [elapsedMs, functions[0]?.calls ?? 0]);
  },

  async errors() {
    const tries = [
      { kfunc: 'vfs_raed' },
      { kfunc: 'vfs_read', command: 'nonesuch' },
      { kfunc: 'vfs_read', fgraphInclude: 'vfs_*' },
      { kfunc: 'vfs_read', filterArg: 'cuont == 1' },
    ];
    return Promise.all(tries.map((options) => readAll(options).catch(toError)));
  },

  async status() {
    const statuses = [];
    for (const command of ['exit 3;', 'calls die', 'true'])
      statuses.push((await readAll({ kfunc: 'vfs_read', comm: 'calls', command })).status);
    return statuses;
  },

  async quiet() {
    const notes = [];
    const onNote = (text) => notes.push(text);
    const sh = ['sh', '-c', 'echo out; echo err >&2; cat'];
    const going = trace({ kfunc: 'vfs_read', comm: 'calls', command: sh, onNote });
    await going.start;
    const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name));
    await collect(going);
    return { listeners, notes };
  },

  async inherit() {
    const sh = ['sh', '-c', 'echo out; echo err >&2; cat'];
    await readAll({ kfunc: 'vfs_read', comm: 'calls', commandStdio: 'inherit', command: sh });
  },

  async commonjs() {
    const library = createRequire(import.meta.url)('fsnoop');
    return {
      same: library.trace === trace && library.Failure === Failure,
      names: Object.keys(library),
    };
  },
};

/** Those that have a record. */
const countCalls = (call) =>
  (call.children ?? []).reduce(
    (sum, child) => sum + countCalls(child),
    typeof call.function === 'string' ? 1 : 0,
  );

const results = {};
for (const name of process.argv.slice(2)) results[name] = (await cases[name]()) ?? null;
writeFileSync('/tmp/result', JSON.stringify(results));
