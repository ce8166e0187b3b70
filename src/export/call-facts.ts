/** What the formats tell of a call besides its times: words that people read. */
import { formatDuration } from '../render/duration.js';
import { entrySource, sourceOf, type Shown } from '../render/values/call-values.js';
import {
  formatComm,
  formatUnreturned,
  makeText,
  nameOf,
  returnTypeOf,
  type Text,
} from '../render/text.js';
import { errnoOf, formatReturn } from '../render/values/value.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import type { ExportParts } from './exporter.js';

export interface CallFacts {
  /** `131072`, `-ENOENT`, `not returned after 3.20 s`; '' for void. */
  readonly returned: string;
  /** `ENOENT`; null: it did not fail. */
  readonly errno: string | null;
  /** `file=0xffff888003a4c000, count=1`; '' where none were read. */
  readonly arguments: string;
  readonly outputs: readonly Shown[];
  /** `2.27 ms`; '' where it was not off the CPU, or nobody asked. */
  readonly offCpu: string;
}

/** What people read of a call behind its arguments. */
export const listShown = ({ offCpu, outputs }: CallFacts): readonly Shown[] =>
  offCpu === '' ? outputs : [{ label: 'off CPU', text: offCpu }, ...outputs];

const nothing: readonly Shown[] = [];

export class Facts {
  readonly #text: Text;

  constructor({ opening: { functions, outputs, epochNs }, addresses }: ExportParts) {
    const known = { functions, outputs, epochNs, addresses };
    this.#text = makeText({ ...known, width: null, color: false });
  }

  /** Names by place in the plan: `ext4_readpage [ext4]`. */
  get names(): readonly string[] {
    return this.#text.names;
  }

  /** `?` where the record was lost. */
  nameOf({ function: place }: Pick<Call, 'function'>): string {
    return nameOf(this.#text, place);
  }

  of(call: Call): CallFacts {
    const { function: place, status, durationNs, offNs } = call;
    const { values } = this.#text;
    const isBare = values.isBare(place);
    const source = sourceOf(call);
    return {
      returned: status === 'returned' ? this.#returned(call) : formatUnreturned(status, durationNs),
      errno: this.errnoOf(call),
      arguments: isBare ? '' : values.arguments(place, source),
      outputs: isBare ? nothing : values.outputs(place, source),
      offCpu: offNs > 0 ? formatDuration(offNs) : '',
    };
  }

  ofMark(mark: Omit<Mark, 'type'>): CallFacts {
    const { values } = this.#text;
    const source = entrySource(mark);
    return {
      ...{ returned: '', errno: null, offCpu: '' },
      arguments: values.arguments(mark.function, source),
      outputs: values.outputs(mark.function, source),
    };
  }

  errnoOf({ function: place, status, retvalLow, retvalHigh }: Call): string | null {
    if (status !== 'returned') return null;
    return errnoOf(returnTypeOf(this.#text, place), retvalLow, retvalHigh);
  }

  #returned({ function: place, retvalLow, retvalHigh }: Call): string {
    const type = returnTypeOf(this.#text, place);
    return formatReturn(type, retvalLow, retvalHigh, this.#text.addresses);
  }
}

/** `cat 101`: a track, or a profile, of its own. */
export const formatThread = ({ comm, tid }: Tree): string => `${formatComm(comm)} ${tid}`;
