/**
 * Perfetto's trace: packets of Protocol Buffers, for ui.perfetto.dev and trace_processor. A track for each
 * task; a slice begins and ends for each call. Field numbers are those of protos/perfetto/trace/.
 */
import { formatComm } from '../render/text.js';
import { taskKey } from '../tree/builder.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import { walk } from '../tree/walk.js';
import { Facts, listShown, type CallFacts } from './call-facts.js';
import type { Exporter, ExportParts, Hit } from './exporter.js';
import { Message } from './protobuf.js';

const trace = { packet: 1 } as const;
const packet = {
  timestamp: 8,
  sequenceId: 10,
  trackEvent: 11,
  internedData: 12,
  sequenceFlags: 13,
  trackDescriptor: 60,
} as const;
const trackDescriptor = { uuid: 1, process: 3, thread: 4, parentUuid: 5 } as const;
const processDescriptor = { pid: 1, processName: 6 } as const;
const threadDescriptor = { pid: 1, tid: 2, threadName: 5 } as const;
const trackEvent = {
  debugAnnotations: 4,
  type: 9,
  nameIid: 10,
  trackUuid: 11,
  categories: 22,
  name: 23,
} as const;
const debugAnnotation = { intValue: 4, stringValue: 6, name: 10 } as const;
const internedData = { eventNames: 2 } as const;
const eventName = { iid: 1, name: 2 } as const;
const eventType = { begin: 1, end: 2, instant: 3 } as const;
/** What was interned before does not count; what is interned must be known. */
const sequenceFlag = { cleared: 1, needsState: 2 } as const;

/** All packets are of one writer. */
const sequenceId = 1;

export function makePerfettoExporter(parts: ExportParts): Exporter {
  const facts = new Facts(parts);
  const tasks = new Map<number, { readonly uuid: number; comm: string }>();
  const processes = new Map<number, number>();
  let nextUuid = 1;
  const out = new Message();

  const add = (one: Message): void => {
    out.message(trace.packet, one);
  };
  const startPacket = (): Message => new Message().number(packet.sequenceId, sequenceId);
  const describe = (descriptor: Message): void => {
    add(startPacket().message(packet.trackDescriptor, descriptor));
  };

  /** Names the task's track; and its process's, which its first thread names. */
  const trackOf = (task: Tree | Hit): number => {
    const { pid, tid, comm } = task;
    let process = processes.get(pid);
    if (process === undefined) {
      process = nextUuid++;
      processes.set(pid, process);
      const name = formatComm(comm);
      const described = new Message()
        .number(processDescriptor.pid, pid)
        .text(processDescriptor.processName, name);
      describe(
        new Message()
          .number(trackDescriptor.uuid, process)
          .message(trackDescriptor.process, described),
      );
    }
    const known = tasks.get(taskKey(task));
    if (known !== undefined && (comm === '' || known.comm === comm)) return known.uuid;
    const uuid = known?.uuid ?? nextUuid++;
    tasks.set(taskKey(task), { uuid, comm });
    const described = new Message()
      .number(threadDescriptor.pid, pid)
      .number(threadDescriptor.tid, tid)
      .text(threadDescriptor.threadName, formatComm(comm));
    describe(
      new Message()
        .number(trackDescriptor.uuid, uuid)
        .number(trackDescriptor.parentUuid, process)
        .message(trackDescriptor.thread, described),
    );
    return uuid;
  };

  const startEvent = (type: number, track: number): Message =>
    new Message().number(trackEvent.type, type).number(trackEvent.trackUuid, track);

  const addEvent = (event: Message, atNs: number): void => {
    add(
      startPacket()
        .number(packet.timestamp, parts.opening.epochNs + BigInt(atNs))
        .number(packet.sequenceFlags, sequenceFlag.needsState)
        .message(packet.trackEvent, event),
    );
  };

  const startNamed = (node: Pick<Call, 'function'>, type: number, track: number): Message => {
    const event = startEvent(type, track);
    return node.function < 0
      ? event.text(trackEvent.name, facts.nameOf(node))
      : event.number(trackEvent.nameIid, node.function + 1);
  };

  const annotate = (event: Message, cpu: number, told: CallFacts): Message => {
    const onCpu = new Message()
      .text(debugAnnotation.name, 'cpu')
      .number(debugAnnotation.intValue, cpu);
    event.message(trackEvent.debugAnnotations, onCpu);
    const { returned, arguments: args } = told;
    const words = [
      ...[
        { label: 'returned', text: returned },
        { label: 'arguments', text: args },
      ],
      ...listShown(told),
    ];
    for (const { label, text } of words) {
      if (text === '') continue;
      const annotation = new Message()
        .text(debugAnnotation.name, label)
        .text(debugAnnotation.stringValue, text);
      event.message(trackEvent.debugAnnotations, annotation);
    }
    return event;
  };

  const addMark = (mark: Omit<Mark, 'type'>, track: number, atNs: number): void => {
    const event = startNamed(mark, eventType.instant, track);
    addEvent(annotate(event, mark.cpu, facts.ofMark(mark)), atNs);
  };

  return {
    start: () => {
      out.clear();
      const names = new Message();
      facts.names.forEach((name, place) => {
        const interned = new Message().number(eventName.iid, place + 1).text(eventName.name, name);
        names.message(internedData.eventNames, interned);
      });
      add(
        startPacket()
          .number(packet.sequenceFlags, sequenceFlag.cleared)
          .message(packet.internedData, names),
      );
      return Buffer.from(out.bytes);
    },
    tree: (tree) => {
      out.clear();
      const track = trackOf(tree);
      walk(tree.root, {
        open: (call, atNs) => {
          const told = facts.of(call);
          const event = startNamed(call, eventType.begin, track);
          event.text(trackEvent.categories, told.errno === null ? 'call' : 'error');
          addEvent(annotate(event, call.cpu, told), atNs);
        },
        close: (_, atNs) => {
          addEvent(startEvent(eventType.end, track), atNs);
        },
        lost: (calls, atNs) => {
          const name = `${calls} calls lost`;
          addEvent(startEvent(eventType.instant, track).text(trackEvent.name, name), atNs);
        },
        mark: (mark, atNs) => {
          addMark(mark, track, atNs);
        },
      });
      return Buffer.from(out.bytes);
    },
    hit: (hit) => {
      out.clear();
      addMark(hit, trackOf(hit), hit.startNs);
      return Buffer.from(out.bytes);
    },
    end: () => [],
  };
}
