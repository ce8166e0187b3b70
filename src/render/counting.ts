/** What is told of all trees together, at the end: counted values, and equal stacks. */
import type { PlannedFunction } from '../plan/plan.js';
import type { Addresses } from '../symbols/addresses.js';
import type { Type } from '../symbols/type.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import { Aggregates } from './aggregates.js';
import { entrySource, sourceOf, type CallValues, type ValueSource } from './values/call-values.js';
import { FoldedStacks } from './stack.js';

/** An output of the plan: its expression, and whether its values are counted rather than shown. */
export interface Output {
  readonly text: string;
  readonly aggregate: 'hist' | 'tdigest' | null;
}

/** How many stacks text shows; the others are told as a number. */
const mostStacks = 20;
const twoTo32 = 2 ** 32;

export class Counting {
  readonly #functions: readonly PlannedFunction[];
  readonly #values: CallValues;
  readonly #addresses: Addresses;
  /** By place of the output. */
  readonly #aggregates: readonly (Aggregates | null)[];
  readonly #stacks: FoldedStacks | null;

  constructor(
    functions: readonly PlannedFunction[],
    outputs: readonly Output[],
    values: CallValues,
    addresses: Addresses,
  ) {
    this.#functions = functions;
    this.#values = values;
    this.#addresses = addresses;
    this.#aggregates = outputs.map(({ text, aggregate }) =>
      aggregate === null ? null : new Aggregates({ type: aggregate, ...measured(text) }),
    );
    const hasStacks = functions.some(({ entryValues }) =>
      entryValues.some(({ of }) => of.type === 'stack'),
    );
    this.#stacks = hasStacks ? new FoldedStacks() : null;
  }

  add(tree: Tree): void {
    if (this.#stacks !== null) {
      const stack = this.#values.stack(tree.root.function, sourceOf(tree.root));
      if (stack !== null) this.#stacks.add(stack);
    }
    if (this.#aggregates.some((aggregates) => aggregates !== null)) this.#count(tree.root);
  }

  /** A tracepoint that is in no tree. */
  addMark(mark: Omit<Mark, 'type'>): void {
    const source = entrySource(mark);
    const stack = this.#stacks === null ? null : this.#values.stack(mark.function, source);
    if (stack !== null) this.#stacks?.add(stack);
    this.#countValues(mark.function, source);
  }

  /** '' for nothing. */
  text(): string {
    const parts = this.#aggregates.map((aggregates) => aggregates?.render() ?? '');
    parts.push(this.#stacks?.render(this.#addresses, mostStacks) ?? '');
    return parts.filter((part) => part !== '').join('\n');
  }

  json(): string {
    const lines = this.#aggregates.map((aggregates) => aggregates?.renderJson() ?? '');
    return lines.join('') + (this.#stacks?.renderJson(this.#addresses) ?? '');
  }

  #count(call: Call): void {
    for (const node of call.children) {
      if (node.type === 'call') this.#count(node);
      else if (node.type === 'mark') this.#countValues(node.function, entrySource(node));
    }
    this.#countValues(call.function, sourceOf(call));
    if (call.status === 'returned') this.#countDuration(call);
  }

  #countValues(place: number, source: ValueSource): void {
    const planned = this.#functions[place];
    for (const [output, aggregates] of this.#aggregates.entries()) {
      const meaning = planned?.outputs[output] ?? null;
      if (planned === undefined || aggregates === null || meaning === null) continue;
      const word = meaning.when === 'user' ? null : this.#values.word(place, output, source);
      if (word !== null) aggregates.add(planned.name, toInteger(meaning.type, ...word));
    }
  }

  #countDuration({ function: place, durationNs }: Call): void {
    const planned = this.#functions[place];
    for (const [output, aggregates] of this.#aggregates.entries()) {
      if (planned?.outputs[output]?.when === 'user') aggregates?.add(planned.name, durationNs);
    }
  }
}

/** `count` of `hist(count)`, and the unit of its values. */
function measured(text: string): { expr: string; unit: string | null } {
  const expr = text
    .trim()
    .replace(/^\w+\s*\((.*)\)$/s, '$1')
    .trim();
  return { expr, unit: expr === '$duration' ? 'ns' : null };
}

/** Words are extended to 64 bits as their type has it. */
function toInteger(type: Type, low: number, high: number): number | bigint {
  const signed = (type.kind === 'int' || type.kind === 'enum') && type.signed;
  const upper = signed ? high | 0 : high;
  const number = upper * twoTo32 + low;
  return Number.isSafeInteger(number) ? number : (BigInt(upper) << 32n) | BigInt(low);
}
