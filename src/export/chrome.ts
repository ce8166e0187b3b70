/**
 * The Trace Event Format of Chrome's tracing, which Perfetto's UI opens too: one object of JSON.
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import { formatComm } from '../render/text.js';
import { taskKey } from '../tree/builder.js';
import type { Call, Tree } from '../tree/tree.js';
import { walk } from '../tree/walk.js';
import { Facts, listShown, type CallFacts } from './call-facts.js';
import type { Exporter, ExportParts, Hit } from './exporter.js';

export function makeChromeExporter(parts: ExportParts): Exporter {
  const facts = new Facts(parts);
  const { opening, attached } = parts;
  const named = new Map<number, string>();
  const namedProcesses = new Set<number>();
  let between = '';

  const add = (event: object): string => {
    const text = `${between}\n${JSON.stringify(event)}`;
    between = ',';
    return text;
  };

  /** Tracks have the names of their tasks, which change when those execute programs. */
  const nameTask = (task: Tree | Hit): string => {
    const { pid, tid, comm } = task;
    if (comm === '' || named.get(taskKey(task)) === comm) return '';
    named.set(taskKey(task), comm);
    const name = formatComm(comm);
    const isNew = pid === tid || !namedProcesses.has(pid);
    namedProcesses.add(pid);
    const process = isNew ? add(metadata('process_name', pid, tid, name)) : '';
    return process + add(metadata('thread_name', pid, tid, name));
  };

  const describe = (call: Call): object => {
    const { cpu, selfNs } = call;
    return { cpu, selfNs, ...spell(facts.of(call)) };
  };

  return {
    start: () => {
      const { kernel, method } = attached;
      const { startedAt, command } = opening;
      const about = { kernel, method, startedAt, command };
      return `{"displayTimeUnit":"ns","otherData":${JSON.stringify(about)},"traceEvents":[`;
    },
    tree: (tree) => {
      const { pid, tid } = tree;
      const begun: { readonly call: Call; readonly atNs: number; end: number }[] = [];
      const open: (typeof begun)[number][] = [];
      const instants: object[] = [];
      walk(tree.root, {
        open: (call, atNs) => {
          const event = { call, atNs, end: atNs };
          begun.push(event);
          open.push(event);
        },
        close: (_, atNs) => {
          const event = open.pop();
          if (event !== undefined) event.end = atNs;
        },
        lost: (calls, atNs) => {
          instants.push(makeInstant(tree, `${calls} calls lost`, atNs, {}));
        },
        mark: (mark, atNs) => {
          instants.push(makeInstant(tree, facts.nameOf(mark), atNs, spell(facts.ofMark(mark))));
        },
      });
      let out = nameTask(tree);
      for (const { call, atNs, end } of begun) {
        out += add({
          name: facts.nameOf(call),
          cat: facts.errnoOf(call) === null ? 'call' : 'call,error',
          ...{ ph: 'X', ts: atNs / 1000, dur: (end - atNs) / 1000, pid, tid },
          args: describe(call),
        });
      }
      return out + instants.map(add).join('');
    },
    hit: (hit) =>
      nameTask(hit) +
      add(makeInstant(hit, facts.nameOf(hit), hit.startNs, spell(facts.ofMark(hit)))),
    end: () => ['\n]}\n'],
  };
}

function spell(told: CallFacts): object {
  const { returned, arguments: args } = told;
  return {
    ...(returned !== '' && { returned }),
    ...(args !== '' && { arguments: args }),
    ...Object.fromEntries(listShown(told).map(({ label, text }) => [label, text])),
  };
}

const makeInstant = ({ pid, tid }: Tree | Hit, name: string, atNs: number, args: object) => ({
  ...{ name, ph: 'i', s: 't', ts: atNs / 1000, pid, tid },
  args,
});

const metadata = (name: string, pid: number, tid: number, value: string) => ({
  ...{ name, ph: 'M', pid, tid },
  args: { name: value },
});
