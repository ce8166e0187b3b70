/** fsnoop as a library, without a kernel: what a trace writes, and how a program ends it. */
import { setImmediate as turn } from 'node:timers/promises';
import { Parser } from '@oclif/core';
import * as Flags from '@oclif/core/flags';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { parseTracing, spellOut, tracingFlags } from '../src/cli/tracing-flags.js';
import { Failure } from '../src/failure.js';
import { driveStat, driveTrace, type Run } from '../src/library/drive.js';
import { stat, trace, type StatOptions, type TraceOptions } from '../src/library/index.js';
import { toStatWords, toTraceWords } from '../src/library/words.js';
import type { Method } from '../src/plan/method.js';
import type { KeyKind } from '../src/plan/counting.js';
import { parseRequest } from '../src/tracing/request.js';
import { Stop, type ProgramEnd } from '../src/tracing/stop.js';
import type { SortKey } from '../src/tree/sort.js';

const started = { type: 'start', version: 1, kernel: '7.2.13', functions: 2 };
const summed = { type: 'summary', trees: 3, calls: 3 };
const tree = (pid: number) => ({ type: 'tree', pid, root: { function: 'vfs_read' } });
const counted = (calls: number, totalNs: number | string = 8) => ({
  type: 'stat',
  function: 'vfs_read',
  calls,
  totalNs,
  selfNs: 3,
});

const linesOf = (...lines: readonly object[]) =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');

const isAborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });

interface Told {
  readonly log: string[];
  readonly run: Run;
}

/** Writes these lines, a write each, and the rest when it is to end; tells what it has done. */
function tell(lines: readonly object[], rest: readonly object[] = [summed], until?: 'ended'): Told {
  const log: string[] = [];
  return {
    log,
    async run(output, { enough, left }) {
      for (const line of lines) {
        log.push(`write ${Object.values(line).slice(0, 2).join(' ')}`);
        await output.write(linesOf(line));
      }
      if (until === 'ended') {
        await Promise.race([isAborted(enough), isAborted(left)]);
        await turn();
        log.push('detached');
      }
      for (const line of rest) await output.write(Buffer.from(linesOf(line)));
      return 7;
    },
  };
}

async function toArray<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a trace', () => {
  test('gives its start, its trees, what was counted, its summary and its status', async () => {
    const hist = { type: 'hist', label: 'vfs_read', count: 3 };
    const { run } = tell([{ type: 'learnt' }, started, tree(1), tree(2), hist]);
    const going = driveTrace(run);
    expect(await going.start).toEqual(started);
    expect(await toArray(going)).toEqual([tree(1), tree(2)]);
    expect(await going.aggregates).toEqual([hist]);
    expect(await going.summary).toEqual(summed);
    expect(await going.status).toBe(7);
  });

  test('waits where its trees are not taken', async () => {
    const { log, run } = tell([started, tree(1), tree(2)]);
    const going = driveTrace(run);
    await turn();
    expect(log).toEqual(['write start 1', 'write tree 1']);
    await going.next();
    await turn();
    expect(log).toEqual(['write start 1', 'write tree 1', 'write tree 2']);
  });

  test.each(['break', 'throw'])('is detached when its loop is left by %s', async (how) => {
    const { log, run } = tell([started, tree(1), tree(2)], [summed], 'ended');
    const going = driveTrace(run);
    const loop = async () => {
      for await (const event of going) {
        expect(event).toEqual(tree(1));
        if (how === 'throw') throw new Error('enough');
        break;
      }
    };
    await (how === 'throw' ? expect(loop()).rejects.toThrow('enough') : loop());
    expect(log.at(-1)).toBe('detached');
    expect(await going.summary).toEqual(summed);
    expect(await going.next()).toEqual({ done: true, value: undefined });
  });

  test('is detached when it is disposed of, even by who never took a tree', async () => {
    const { log, run } = tell([started, tree(1)], [summed], 'ended');
    {
      await using going = driveTrace(run);
      await going.start;
    }
    expect(log.at(-1)).toBe('detached');
  });

  test('that is told to stop gives the rest', async () => {
    const { run } = tell([started, tree(1)], [tree(2), summed], 'ended');
    const going = driveTrace(run);
    const taken = [];
    for await (const event of going) {
      taken.push(event);
      going.stop();
    }
    expect(taken).toEqual([tree(1), tree(2)]);
    expect(await going.summary).toEqual(summed);
  });

  test('that is aborted rejects with the reason, when it is detached', async () => {
    const { log, run } = tell([started, tree(1)], [summed], 'ended');
    const controller = new AbortController();
    const going = driveTrace(run, controller.signal);
    await going.next();
    const next = going.next();
    controller.abort(new Error('too long'));
    await expect(next).rejects.toThrow('too long');
    expect(log.at(-1)).toBe('detached');
    await expect(going.summary).rejects.toThrow('too long');
    await expect(going.status).rejects.toThrow('too long');
    expect(await going.start).toEqual(started);
    expect(await going.next()).toEqual({ done: true, value: undefined });
  });

  test('that was aborted before does not begin', async () => {
    const { log, run } = tell([started]);
    const going = driveTrace(run, AbortSignal.abort());
    await expect(going.next()).rejects.toMatchObject({ name: 'AbortError' });
    await expect(going.start).rejects.toMatchObject({ name: 'AbortError' });
    expect(log).toEqual([]);
  });

  test('that fails rejects once where it is iterated, and where it is awaited', async () => {
    const going = driveTrace(() => Promise.reject(new Failure(5, 'No.', 'Try this')));
    await expect(toArray(going)).rejects.toMatchObject({
      message: 'No.',
      exitStatus: 5,
      suggestions: ['Try this'],
    });
    expect(await going.next()).toEqual({ done: true, value: undefined });
    for (const promise of [going.start, going.summary, going.aggregates, going.status])
      await expect(promise).rejects.toThrow('No.');
  });

  test('that fails and is not heard is no unhandled rejection', async () => {
    const heard: unknown[] = [];
    const hear = (error: unknown) => heard.push(error);
    process.on('unhandledRejection', hear);
    driveTrace(() => Promise.reject(new Failure(5, 'No.')));
    for (let times = 0; times < 3; times++) await turn();
    process.off('unhandledRejection', hear);
    expect(heard).toEqual([]);
  });

  test('that ends before it is attached has no start', async () => {
    const going = driveTrace(() => Promise.resolve(0));
    await expect(going.start).rejects.toThrow('It was ended before all was attached.');
    expect(await toArray(going)).toEqual([]);
  });
});

describe('counting', () => {
  test('gives what was counted in all', async () => {
    const { run } = tell([started], [counted(3), summed]);
    const going = driveStat(run);
    expect(await going.functions).toEqual([counted(3)]);
    expect(await going.summary).toEqual(summed);
    expect(await toArray(going)).toEqual([{ elapsedMs: null, functions: [counted(3)] }]);
  });

  test('gives an empty list where nothing was called', async () => {
    const going = driveStat(tell([started]).run);
    expect(await going.functions).toEqual([]);
  });

  test('has numbers for sums that are text in JSON', async () => {
    const { run } = tell([started], [counted(1, '9007199254740993'), summed]);
    expect(await driveStat(run).functions).toEqual([counted(1, 9007199254740992)]);
  });

  test('gives the newest of what was counted so far, and waits for nobody', async () => {
    const interval = (calls: number) =>
      linesOf({ type: 'interval', elapsedMs: 10 * calls }, counted(calls));
    const run: Run = async (output) => {
      await output.write(linesOf(started));
      await output.write(interval(1));
      await output.write(interval(2));
      await turn();
      await turn();
      await output.write(linesOf(counted(3)));
      await output.write(linesOf(summed));
      return 0;
    };
    const going = driveStat(run);
    await turn();
    const taken = await toArray(going);
    expect(taken.map(({ elapsedMs, functions }) => [elapsedMs, functions[0]?.calls])).toEqual([
      [20, 2],
      [null, 3],
    ]);
  });
});

describe('what ends a trace of a program', () => {
  const make = () => {
    const [enough, left] = [new AbortController(), new AbortController()];
    const end: ProgramEnd = { enough: enough.signal, left: left.signal };
    return { enough, left, end };
  };

  test('is no signal', () => {
    const before = process.listenerCount('SIGINT');
    using stop = new Stop(make().end);
    expect(process.listenerCount('SIGINT')).toBe(before);
    expect(stop.reason).toBeNull();
  });

  test('may be that it has enough, or left what is not taken', async () => {
    const { enough, left, end } = make();
    using stop = new Stop(end);
    enough.abort();
    await stop.asked;
    expect(stop).toMatchObject({ reason: { type: 'abort' }, isLeft: false });
    left.abort();
    expect(stop.isLeft).toBe(true);
    expect(stop.status()).toBe(0);
  });

  test('may have come before', () => {
    const { left, end } = make();
    left.abort();
    using stop = new Stop(end);
    expect(stop).toMatchObject({ reason: { type: 'abort' }, isLeft: true });
  });

  test('is not heard any more after that', () => {
    const { left, end } = make();
    const stop = new Stop(end);
    stop[Symbol.dispose]();
    left.abort();
    expect(stop).toMatchObject({ reason: null, isLeft: false });
  });
});

/** Of what the command line has, and programs have otherwise. */
const notOptions = ['dry-run', 'ready-file', 'strict', 'verbose'];

const toName = (flag: string) =>
  flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** oclif leaves out what is not set. */
const withoutFalse = (request: object): object =>
  JSON.parse(
    JSON.stringify(request, (_, of: unknown) => (of === false ? undefined : of)),
  ) as object;

describe('options', () => {
  test('are all flags that say what is traced', () => {
    const values: Readonly<Record<string, unknown>> = {
      ...{ method: 'auto', args: 'full', fgraphMaxDepth: 3, limitEvents: 3 },
      ...{ fgraphLearn: true, fgraphSave: 'x' },
    };
    for (const [flag, { type }] of Object.entries(tracingFlags)) {
      const name = toName(flag);
      const value = values[name] ?? (type === 'boolean' ? true : '1');
      const beside = name === 'fgraphSave' ? { fgraphLearn: true } : {};
      const words = () => toTraceWords({ [name]: value, ...beside });
      if (notOptions.includes(flag)) expect(words).toThrow(`There is no option ${name}.`);
      else expect(words()).toHaveProperty([flag]);
    }
  });

  test('have the types that flags take', () => {
    type Of<Name extends keyof TraceOptions> = Exclude<TraceOptions[Name], undefined>;
    type OfStat<Name extends keyof StatOptions> = Exclude<StatOptions[Name], undefined>;
    expectTypeOf<Of<'method'>>().toEqualTypeOf<Method | 'auto'>();
    expectTypeOf<OfStat<'by'>>().toEqualTypeOf<KeyKind>();
    expectTypeOf<OfStat<'sort'>>().toEqualTypeOf<SortKey>();
  });

  test.each<[string[], TraceOptions]>([
    [['-k', 'vfs_read'], { kfunc: 'vfs_read' }],
    [
      ['-k', 'vfs_read', '-k', 'vfs_write', '-g', '--fgraph-max-depth', '9', '-c', 'cat "a b"'],
      {
        kfunc: ['vfs_read', 'vfs_write'],
        outputFgraph: true,
        fgraphMaxDepth: 9,
        command: 'cat "a b"',
      },
    ],
    [
      ['-k', 'x', '--filter-pid', '4321,4322', '--filter-pid', '7', '--errno', 'ENOENT'],
      { kfunc: 'x', filterPid: ['4321,4322', 7], errno: 'ENOENT' },
    ],
    [
      ['-k', 'x', '--duration', '2', '--buffer', '4096', '--max-rate', '0', '--limit-events', '3'],
      { kfunc: 'x', duration: 2, buffer: 4096, maxRate: 0, limitEvents: 3 },
    ],
    [
      ['-k', 'x', '-g', '--fgraph-learn=3', '--fgraph-save', 'f', '--min-duration', '10us'],
      { kfunc: 'x', outputFgraph: true, fgraphLearn: 3, fgraphSave: 'f', minDuration: '10us' },
    ],
    [['-k', 'x', '-g', '--fgraph-learn'], { kfunc: 'x', outputFgraph: true, fgraphLearn: true }],
    [
      ['-t', 'sched_switch', '--output-arg', 'str(prev->comm)', '--output-stack', '--args', 'off'],
      { tracepoint: 'sched_switch', outputArg: 'str(prev->comm)', outputStack: true, args: 'off' },
    ],
  ])('%j is what %j asks for', async (argv, options) => {
    const flags = { ...tracingFlags, live: Flags.boolean() };
    const parsed = await Parser.parse(spellOut([...argv, '--watchdog', '0']), { flags });
    const words = toTraceWords(options);
    expect(withoutFalse(parseTracing(parsed.flags, false))).toMatchObject(
      withoutFalse(parseRequest(words, words.live)),
    );
  });

  test('that are undefined, false or empty ask for nothing', () => {
    const none = { comm: undefined, errors: false, filterArg: [], fgraphLearn: false };
    expect(toTraceWords({ kfunc: 'x', ...none })).toEqual(toTraceWords({ kfunc: 'x' }));
  });

  test('of counting leave out what is recorded', () => {
    expect(toStatWords({ kfunc: 'x', by: 'pid', top: 3, interval: 1 })).toMatchObject({
      ...{ kfunc: ['x'], by: 'pid', sort: 'total', top: 3, interval: '1' },
      ...{ args: 'off', buffer: '64K', 'max-rate': '0' },
    });
  });

  test('of counting say how calls are recorded, where they are', () => {
    const recorded = { kfunc: 'x', record: 'calls.fsnoop' };
    const { buffer, 'max-rate': rate } = toTraceWords({ kfunc: 'x' });
    expect(toStatWords(recorded)).toMatchObject({ args: 'off', buffer, 'max-rate': rate });
    expect(toStatWords({ ...recorded, buffer: '1M', maxRate: 100 })).toMatchObject({
      ...{ record: 'calls.fsnoop', buffer: '1M', 'max-rate': '100' },
    });
  });
});

describe('wrong options reject as flags do', () => {
  test.each<[Record<string, unknown>, string]>([
    [
      {},
      'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    ],
    [
      { kfunc: [] },
      'There is nothing to trace without -k (--kfunc), -p (--prog) or, but for fsnoop stat, -t (--tracepoint).',
    ],
    [{ kfunc: '' }, '-k has an empty pattern.'],
    [{ kfunc: 'x', buffer: 'big' }, "--buffer 'big' is not a size, such as 4096, 512K, 16M."],
    [{ kfunc: 'x', buffer: -1 }, "--buffer '-1' is not a size, such as 4096, 512K, 16M."],
    [{ kfunc: 'x', minDuration: '10' }, "--min-duration '10' is not a time, such as 10us, 1ms."],
    [{ kfunc: 'x', filterPid: 'cat' }, "--filter-pid 'cat' is not a process id."],
    [{ kfunc: 'x', filterPid: [] }, "--filter-pid '' is not a process id."],
    [{ kfunc: 'x', comm: '' }, '--comm is empty.'],
    [{ kfunc: 'x', command: ' ' }, 'The command is empty.'],
    [{ kfunc: 'x', command: [] }, 'The command is empty.'],
    [
      { kfunc: 'x', limitEvents: 0 },
      'Expected an integer greater than or equal to 1 but received: 0',
    ],
    [{ kfunc: 'x', fgraphMaxDepth: 501 }, 'Expected an integer less than or equal to 500'],
    [{ kfunc: 'x', fgraphMaxDepth: 1.5 }, 'Expected an integer but received: 1.5'],
    [{ kfunc: 'x', args: 'all' }, 'Expected --args=all to be one of: off, compact, full'],
    [{ kfunc: 7 }, '--kfunc: 7 is not a text or an array of texts.'],
    [{ kfunc: 'x', outputFgraph: 'yes' }, '--output-fgraph: yes is not true or false.'],
    [{ kfunc: 'x', comm: 7 }, '--comm: 7 is not a text.'],
    [{ kfunc: 'x', duration: {} }, '--duration: [object Object] is not a number or a text.'],
    [{ kfunc: 'x', commandStdio: 'pipe' }, 'to be one of: ignore, inherit'],
    [
      { kfunc: 'x', command: 'ls', filterPid: 3 },
      '--command=ls cannot also be provided when using --filter-pid',
    ],
    [{ kfunc: 'x', fgraphSave: 'f' }, 'must be provided when using --fgraph-save: --fgraph-learn'],
    [{ kfunc: 'x', cpuTime: true, live: true }, 'cannot also be provided when using --live'],
    [{ kfnc: 'x' }, 'There is no option kfnc.'],
    [{ toString: 'x' }, 'There is no option toString.'],
  ])('%j', async (options, said) => {
    const going = trace(options as TraceOptions);
    const error: unknown = await going.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({
      message: expect.stringContaining(said) as string,
      exitStatus: 2,
    });
    await expect(going.start).rejects.toBe(error);
  });

  test.each<[StatOptions, string]>([
    [{ kfunc: 'x', fgraphMaxDepth: 63 }, 'less than or equal to 62'],
    [{ kfunc: 'x', interval: '0s' }, "--interval '0s' is not a time, such as 300, 5m."],
    [{ kfunc: 'x', top: 0 }, 'greater than or equal to 1'],
    [{ kfunc: 'x', outputArg: 'pid' } as StatOptions, 'There is no option outputArg.'],
    [{ kfunc: 'x', buffer: '1M' }, 'must be provided when using --buffer: --record'],
    [{ kfunc: 'x', record: 3 } as never, '--record: 3 is not a text.'],
  ])('of counting: %j', async (options, said) => {
    await expect(stat(options).functions).rejects.toThrow(said);
  });

  test('with what was meant', async () => {
    const wrong = { kfuncs: 'vfs_read' } as TraceOptions;
    await expect(trace(wrong).next()).rejects.toMatchObject({
      suggestions: [expect.stringContaining('kfunc') as string],
    });
  });
});
