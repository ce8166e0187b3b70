/** What `--format json` writes, read back. */
import type { Learnt } from '../src/plan/learnt.js';
import type {
  JsonCall,
  JsonCallLine,
  JsonEntryLine,
  JsonMarkLine,
  JsonStart,
  JsonSummary,
  JsonTree,
} from '../src/render/json-contract.js';

export type { JsonCall as JsonNode, JsonSummary, JsonTree } from '../src/render/json-contract.js';

export type JsonLine =
  Learnt | JsonStart | JsonTree | JsonCallLine | JsonMarkLine | JsonEntryLine | JsonSummary;

type LineOf<Type extends JsonLine['type']> = Extract<JsonLine, { readonly type: Type }>;

export function parseJsonLines(text: string): JsonLine[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error(`the last line is not complete: ${text.slice(-200)}`);
  return lines.map((line) => JSON.parse(line) as JsonLine);
}

export function linesOf<Type extends JsonLine['type']>(text: string, type: Type): LineOf<Type>[] {
  return parseJsonLines(text).filter((line): line is LineOf<Type> => line.type === type);
}

/** @throws {Error} when there is not exactly one */
export function onlyLineOf<Type extends JsonLine['type']>(text: string, type: Type): LineOf<Type> {
  const [line, ...more] = linesOf(text, type);
  if (line === undefined || more.length > 0) throw new Error(`not one line of type ${type}`);
  return line;
}

/** The calls below a call that have a record. */
export function childrenOf({ children }: JsonCall): JsonCall[] {
  return children.filter((node): node is JsonCall => 'function' in node);
}

export function countCalls(call: JsonCall): number {
  return childrenOf(call).reduce((sum, child) => sum + countCalls(child), 1);
}

export function deepest(call: JsonCall): number {
  return Math.max(0, ...childrenOf(call).map((child) => 1 + deepest(child)));
}
