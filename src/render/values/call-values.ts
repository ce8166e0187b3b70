/** What is shown of a call besides its name and times: arguments, outputs, the stack of its root. */
import type { CapturedValue } from '../../plan/capture.js';
import type { PlannedFunction } from '../../plan/plan.js';
import type { Addresses } from '../../symbols/addresses.js';
import type { Parameter } from '../../symbols/parameters.js';
import type { Type } from '../../symbols/type.js';
import type { Call, Carried } from '../../tree/tree.js';
import type { Output } from '../counting.js';
import { printJson } from '../print-json.js';
import type { Stack } from '../stack.js';
import { formatItem, formatItemJson, isItemCut, readItems, type Item } from './items.js';
import { formatMemory, formatMemoryJson } from './memory.js';
import { formatWord, formatWordJson } from './value.js';

/** Where the values of one call are. */
export interface ValueSource {
  /** Its argument slots; null: not known. */
  readonly args: Carried | null;
  readonly entry: Carried | 'lost' | null;
  readonly returned: Carried | null;
}

/** A value with the words that stand for it. */
export interface Shown {
  readonly label: string;
  /** May have several lines. */
  readonly text: string;
}

export function sourceOf(call: Call): ValueSource {
  const entry = call.entry === 'lost' ? null : call.entry;
  if (call.status !== 'returned' || call.view === null)
    return { args: entry, entry: call.entry, returned: null };
  const carried: Carried = call as Call & Carried;
  return { args: carried, entry: call.entry, returned: carried };
}

/** Of a record of an entry, or of a mark: all that it has is there before anything returns. */
export const entrySource = (carried: Carried): ValueSource => ({
  args: carried,
  entry: carried,
  returned: null,
});

/** A value with the place of its first item among those of its record. */
interface Slot {
  readonly moment: 'entry' | 'return';
  readonly place: number;
  readonly value: CapturedValue;
}

/** A function with its items by what they are of. */
interface Layout {
  readonly parameters: readonly Parameter[];
  /** How many slots are recorded: the method cannot read those behind. */
  readonly argSlots: number;
  readonly hasArgs: boolean;
  readonly arguments: readonly (Slot | null)[];
  readonly outputs: readonly (Slot | null)[];
  readonly stack: Slot | null;
  readonly hasItems: boolean;
}

const slotBytes = 8;

export class CallValues {
  readonly #functions: readonly PlannedFunction[];
  /** Made when a call of the function is shown: of thousands most are never called. */
  readonly #layouts: (Layout | undefined)[];
  readonly #outputs: readonly Output[];
  readonly #addresses: Addresses;
  readonly #label: 'name' | 'declaration';

  /** @param label what stands before an argument's value in text */
  constructor(
    functions: readonly PlannedFunction[],
    outputs: readonly Output[],
    addresses: Addresses,
    label: 'name' | 'declaration' = 'name',
  ) {
    this.#label = label;
    this.#functions = functions;
    this.#layouts = functions.map(() => undefined);
    this.#outputs = outputs;
    this.#addresses = addresses;
  }

  #layout(place: number): Layout | undefined {
    const planned = this.#functions[place];
    return (
      this.#layouts[place] ??
      (planned && (this.#layouts[place] = layOut(planned, this.#outputs.length)))
    );
  }

  /** Whether nothing but its return value is told of the function: then nothing else need be asked. */
  isBare(place: number): boolean {
    const layout = this.#layout(place);
    return layout === undefined || !(layout.hasArgs || layout.hasItems);
  }

  hasArguments(place: number): boolean {
    return this.#layout(place)?.hasArgs === true;
  }

  /** `file=0xffff888003a4c000, count=1`. */
  arguments(place: number, source: ValueSource): string {
    const layout = this.#layout(place);
    const { args } = source;
    if (layout === undefined || !layout.hasArgs || args === null) return '';
    const items = layout.hasItems ? new Items(source) : null;
    let out = '';
    for (let at = 0; at < layout.parameters.length; at++) {
      const parameter = layout.parameters[at];
      if (parameter === undefined) continue;
      const slot = layout.arguments[at] ?? null;
      const value = isMissing(parameter, layout)
        ? `<${missing}>`
        : slot?.value.display === 'string' && items !== null
          ? this.#string(parameter, args, slot, items)
          : this.#word(parameter, args);
      const label = parameter[this.#label];
      out += at === 0 ? `${label}=${value}` : `, ${label}=${value}`;
    }
    return out;
  }

  /** Outputs, and structs that arguments point at: those that are known. */
  outputs(place: number, source: ValueSource): readonly Shown[] {
    const layout = this.#layout(place);
    if (layout?.hasItems !== true) return nothing;
    const items = new Items(source);
    const shown: Shown[] = [];
    for (const [at, slot] of layout.arguments.entries()) {
      if (slot === null || slot.value.display === 'string' || !items.has(slot)) continue;
      const label = `*${layout.parameters[at]?.name ?? ''}`;
      shown.push({ label, text: this.#item(slot, items) });
    }
    for (const [at, slot] of layout.outputs.entries()) {
      const output = this.#outputs[at];
      if (slot === null || output?.aggregate !== null || !items.has(slot)) continue;
      shown.push({ label: output.text, text: this.#item(slot, items) });
    }
    return shown;
  }

  /** `"args":[…],"outputs":[…]` */
  json(place: number, source: ValueSource): string {
    const layout = this.#layout(place);
    if (layout === undefined) return bareJson;
    const items = new Items(source);
    const { args } = source;
    const list =
      args === null || !layout.hasArgs
        ? []
        : layout.parameters.map((parameter, at) =>
            isMissing(parameter, layout)
              ? `${headJson(parameter)},"value":null,"missing":"${missing}"}`
              : this.#argumentJson(parameter, args, layout.arguments[at] ?? null, items),
          );
    const outputs = layout.outputs.flatMap((slot, at) =>
      slot === null || this.#outputs[at]?.aggregate !== null || !items.has(slot)
        ? []
        : this.#outputJson(at, slot, items),
    );
    return `"args":[${list.join(',')}],"outputs":[${outputs.join(',')}]`;
  }

  /** The word of an output, or null: for those that are counted. */
  word(place: number, output: number, source: ValueSource): readonly [number, number] | null {
    const slot = this.#layout(place)?.outputs[output] ?? null;
    if (slot === null) return null;
    const found = new Items(source).find(slot);
    if (found?.item.length !== slotBytes) return null;
    const { view, item } = found;
    return [view.getUint32(item.at, true), view.getUint32(item.at + 4, true)];
  }

  /** The kernel stack, from where the function was called; null: not known. */
  stack(place: number, source: ValueSource): Stack | null {
    const slot = this.#layout(place)?.stack ?? null;
    const found = slot === null ? undefined : new Items(source).find(slot);
    if (found === undefined || found.item.length < 0) return null;
    const { view, item } = found;
    const stack = Array.from({ length: item.length / 4 }, (_, at) =>
      view.getUint32(item.at + 4 * at, true),
    );
    // the innermost frames are the program's and its trampoline's, made after the symbols were read
    for (let at = 0; at < stack.length; at += 2) {
      const frame = this.#addresses.nameOf(stack[at] ?? 0, stack[at + 1] ?? 0);
      if (frame !== null && !frame.name.startsWith('bpf_')) return stack.slice(at);
    }
    return stack;
  }

  #word({ type, slot, slots }: Parameter, { view, argsAt }: Carried): string {
    const at = argsAt + slotBytes * slot;
    if (slots !== 1)
      return formatMemory(type, 'value', view, at, slotBytes * slots, this.#addresses);
    return formatWord(
      type,
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      this.#addresses,
    );
  }

  /** Where there is no string, as for NULL, the pointer tells more. */
  #string(parameter: Parameter, args: Carried, slot: Slot, items: Items): string {
    if (isNoPointer(parameter, args) || !items.has(slot)) return this.#word(parameter, args);
    return this.#item(slot, items);
  }

  #item(slot: Slot, items: Items): string {
    const { type, display } = slot.value;
    const found = items.find(slot);
    if (found === undefined) return '<lost>';
    return formatItem(type, display, found.view, found.item, this.#addresses);
  }

  #argumentJson(parameter: Parameter, args: Carried, slot: Slot | null, items: Items): string {
    const head = headJson(parameter);
    const { type, slots } = parameter;
    const at = args.argsAt + slotBytes * parameter.slot;
    const low = args.view.getUint32(at, true);
    const high = args.view.getUint32(at + 4, true);
    const word =
      slots === 1
        ? formatWordJson(type, low, high)
        : formatMemoryJson(type, 'value', args.view, at, slotBytes * slots);
    const plain = `${head},"value":${word}${this.#symbolJson(type, low, high)}`;
    if (slot === null || isNoPointer(parameter, args) || !items.has(slot)) return `${plain}}`;
    const found = items.find(slot);
    if (found === undefined) return `${plain},"lost":true}`;
    if (found.item.length < 0) return `${plain},"fault":true}`;
    const { value } = slot;
    const json = formatItemJson(value.type, value.display, found.view, found.item);
    const cut = cutJson(value, found);
    return value.display === 'string'
      ? `${head},"value":${json},"address":${word}${cut}}`
      : `${plain},"target":${json}${cut}}`;
  }

  #outputJson(at: number, slot: Slot, items: Items): string {
    const { type, typeName, display } = slot.value;
    const head = `{"expression":${printJson(this.#outputs[at]?.text)},"type":${printJson(typeName)}`;
    const found = items.find(slot);
    if (found === undefined) return `${head},"value":null,"lost":true}`;
    const { view, item } = found;
    if (item.length < 0) return `${head},"value":null,"fault":true}`;
    const value = formatItemJson(type, display, view, item);
    if (item.length !== slotBytes) return `${head},"value":${value}${cutJson(slot.value, found)}}`;
    const low = view.getUint32(item.at, true);
    return `${head},"value":${value}${this.#symbolJson(type, low, view.getUint32(item.at + 4, true))}}`;
  }

  /** What a function pointer points at. */
  #symbolJson(type: Type, low: number, high: number): string {
    if (type.kind !== 'pointer' || type.to !== 'function') return '';
    const place = this.#addresses.nameOf(low, high);
    return place === null ? '' : `,"symbol":${printJson(place.name)}`;
  }
}

const nothing: readonly Shown[] = [];
/** Of a call of which nothing is told. */
export const bareJson = '"args":[],"outputs":[]';

/** Why an argument is not shown. */
const missing = 'on the stack';

const isMissing = ({ slot }: Parameter, { argSlots }: Layout): boolean => slot >= argSlots;

const headJson = ({ name, typeName }: Parameter): string =>
  `{"name":${printJson(name)},"type":${printJson(typeName)}`;

interface Found {
  readonly view: DataView;
  readonly item: Item;
}

/** The items of a call, found when the first is asked for. */
class Items {
  readonly #source: ValueSource;
  #entry: readonly Item[] | undefined;
  #returned: readonly Item[] | undefined;

  constructor(source: ValueSource) {
    this.#source = source;
  }

  /** Whether the moment of the value has come. */
  has({ moment }: Slot): boolean {
    return (moment === 'entry' ? this.#source.entry : this.#source.returned) !== null;
  }

  find({ moment, place, value }: Slot): Found | undefined {
    const carried = moment === 'entry' ? this.#source.entry : this.#source.returned;
    if (carried === null || carried === 'lost') return undefined;
    const items =
      moment === 'entry'
        ? (this.#entry ??= readItems(carried.view, carried.itemsAt, carried.end))
        : (this.#returned ??= readItems(carried.view, carried.itemsAt, carried.end));
    const item = items[place];
    if (item === undefined) return undefined;
    if (value.items === 1) return { view: carried.view, item };
    return joinWords(carried.view, items.slice(place, place + value.items));
  }
}

/** Words of one struct, in a row. */
function joinWords({ buffer, byteOffset }: DataView, items: readonly Item[]): Found {
  const words = items.map(({ at, length }) => new Uint8Array(buffer, byteOffset + at, length));
  const bytes = Uint8Array.from(words.flatMap((word) => [...word]));
  return { view: new DataView(bytes.buffer), item: { at: 0, length: bytes.length } };
}

/** Says that there was more than is told. */
function cutJson(value: CapturedValue, { view, item }: Found): string {
  return isItemCut(value.type, value.display, view, item) ? ',"cut":true' : '';
}

function isNoPointer({ slot }: Parameter, { view, argsAt }: Carried): boolean {
  const at = argsAt + slotBytes * slot;
  const high = view.getUint32(at + 4, true);
  const low = view.getUint32(at, true);
  return (high === 0 && low < 4096) || (high === 0xffffffff && low >= 0xfffff001);
}

function layOut(
  { parameters, argSlots, entryValues, returnValues }: PlannedFunction,
  outputs: number,
): Layout {
  const slots: Slot[] = [...slotsOf('entry', entryValues), ...slotsOf('return', returnValues)];
  const find = (type: 'argument' | 'output', place: number) =>
    slots.find(({ value: { of } }) => of.type === type && of.place === place) ?? null;
  return {
    parameters,
    argSlots,
    hasArgs: argSlots > 0,
    arguments: parameters.map((_, place) => find('argument', place)),
    outputs: Array.from({ length: outputs }, (_, place) => find('output', place)),
    stack: slots.find(({ value: { of } }) => of.type === 'stack') ?? null,
    hasItems: slots.length > 0,
  };
}

function slotsOf(moment: Slot['moment'], values: readonly CapturedValue[]): Slot[] {
  let next = 0;
  return values.map((value) => {
    const place = next;
    next += value.items;
    return { moment, place, value };
  });
}
