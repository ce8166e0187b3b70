/** Where calls go that are counted, and those of them that are recorded too. */
import { Recorder } from './recorder.js';
import { joinSinks, type Sink, type TraceParts } from './sink.js';
import { Counter, type StatOptions } from './stat.js';

export interface CounterOptions extends Omit<StatOptions, 'recorded'> {
  /** The name of the recording, which the second output is; null: there is none. */
  readonly record: string | null;
}

/** @throws {Failure} as Counter */
export function makeCounter(parts: TraceParts, options: CounterOptions): Sink {
  const { record: name, onNote } = options;
  const { writeSecond: write } = parts;
  const recorder =
    name === null || write === null ? null : new Recorder({ ...parts, write }, { name, onNote });
  const counter = new Counter(parts, { ...options, recorded: recorder !== null });
  return recorder === null ? counter : joinSinks(counter, recorder);
}
