/**
 * The file format of speedscope: a profile for each task, of calls that open and close.
 * https://www.speedscope.app/file-format-schema.json
 *
 * A profile is in one piece, and tasks take turns: what happened is kept until the end, in few bytes.
 */
import { taskKey } from '../tree/builder.js';
import { walk } from '../tree/walk.js';
import { Facts, formatThread } from './call-facts.js';
import type { Exporter, ExportParts } from './exporter.js';

interface Profile {
  /** Of the task, as it was called last. */
  name: string;
  readonly events: Events;
}

const schema = 'https://www.speedscope.app/file-format-schema.json';

export function makeSpeedscopeExporter(parts: ExportParts): Exporter {
  const facts = new Facts(parts);
  const { kernel } = parts.attached;
  const frames = [...facts.names, '?'].map((name) => ({ name }));
  const lostFrame = frames.length - 1;
  const profiles = new Map<number, Profile>();

  return {
    start: () => `{"$schema":"${schema}","shared":${JSON.stringify({ frames })},"profiles":[`,
    tree: (tree) => {
      const key = taskKey(tree);
      const known = profiles.get(key);
      const profile = known ?? { name: '', events: new Events() };
      if (known === undefined) profiles.set(key, profile);
      if (tree.comm !== '' || profile.name === '') profile.name = formatThread(tree);
      const { events } = profile;
      const frameOf = (place: number) => (place < 0 ? lostFrame : place);
      walk(
        tree.root,
        {
          open: (call, atNs) => {
            events.add(frameOf(call.function), atNs);
          },
          close: (call, atNs) => {
            events.add(~frameOf(call.function), atNs);
          },
          lost: () => undefined,
          mark: () => undefined,
        },
        events.lastNs,
      );
      return '';
    },
    end: function* () {
      let between = '';
      for (const profile of profiles.values()) {
        yield `${between}\n${printHead(profile)}`;
        yield* profile.events.print();
        yield ']}';
        between = ',';
      }
      yield `\n],"name":${JSON.stringify(`Linux ${kernel}`)},"exporter":"fsnoop"}\n`;
    },
  };
}

function printHead({ name, events }: Profile): string {
  const head = { type: 'evented', name, unit: 'nanoseconds' };
  const range = { startValue: events.firstNs, endValue: events.lastNs };
  return `${JSON.stringify({ ...head, ...range }).slice(0, -1)},"events":[`;
}

/** So many events are printed at a time. */
const eventsOfPiece = 10_000;

/** Frames that open, and `~frame` for those that close, each with its time. */
class Events {
  #frames = new Int32Array(64);
  #times = new Float64Array(64);
  #count = 0;

  get firstNs(): number {
    return this.#times[0] ?? 0;
  }

  get lastNs(): number {
    return this.#times[this.#count - 1] ?? -Infinity;
  }

  add(frame: number, atNs: number): void {
    if (this.#count === this.#frames.length) this.#grow();
    this.#frames[this.#count] = frame;
    this.#times[this.#count] = atNs;
    this.#count++;
  }

  *print(): Generator<string, void> {
    let text = '';
    for (let place = 0; place < this.#count; place++) {
      const frame = this.#frames[place] ?? 0;
      const type = frame < 0 ? 'C' : 'O';
      if (place > 0) text += ',';
      text += `{"type":"${type}","frame":${frame < 0 ? ~frame : frame},"at":${this.#times[place] ?? 0}}`;
      if (place % eventsOfPiece > 0) continue;
      yield text;
      text = '';
    }
    yield text;
  }

  #grow(): void {
    const frames = new Int32Array(2 * this.#count);
    const times = new Float64Array(2 * this.#count);
    frames.set(this.#frames);
    times.set(this.#times);
    this.#frames = frames;
    this.#times = times;
  }
}
