/** What `--format json` writes, read back. */

interface JsonCall {
  readonly function: string | null;
  readonly module: string | null;
  readonly durationNs: number | null;
  readonly selfNs: number | null;
  readonly cpu: number;
  readonly retval: number | string | null;
  readonly errno: string | null;
  readonly args: readonly { readonly name: string }[];
}

export interface JsonNode extends JsonCall {
  readonly children: readonly (JsonNode | { readonly lost: number })[];
}

interface JsonTask {
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
}

export interface JsonTree extends JsonTask {
  readonly type: 'tree';
  readonly complete: boolean;
  readonly why?: string;
  readonly lost?: number;
  readonly root: JsonNode;
}

interface JsonStart {
  readonly type: 'start';
  readonly method: string;
  readonly functions: number;
  readonly refused: readonly { readonly function: string; readonly reason: string }[];
  readonly attachMs: number;
}

export interface JsonSummary {
  readonly type: 'summary';
  readonly trees: number;
  readonly calls: number;
  readonly unfinished: number;
  readonly lost: {
    readonly ring: number;
    readonly recursion: number;
    readonly entry: number;
    readonly user: number;
  };
  readonly detachMs: number;
  readonly stopped: {
    readonly reason: string;
    readonly recordsPerSecond: number;
    readonly maxRate: number;
  } | null;
  readonly hot: readonly { readonly function: string; readonly records: number }[];
}

interface JsonLearnt {
  readonly type: 'learnt';
  readonly kernel: string;
  readonly roots: readonly string[];
  readonly maxDepth: number;
  readonly calls: number;
  readonly functions: readonly string[];
}

export type JsonLine =
  | JsonLearnt
  | JsonStart
  | JsonTree
  | (JsonTask & JsonCall & { readonly type: 'call' })
  | (JsonTask & { readonly type: 'entry'; readonly depth: number; readonly function: string })
  | JsonSummary;

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
export function childrenOf({ children }: JsonNode): JsonNode[] {
  return children.filter((node): node is JsonNode => 'function' in node);
}

export function countCalls(call: JsonNode): number {
  return childrenOf(call).reduce((sum, child) => sum + countCalls(child), 1);
}

export function deepest(call: JsonNode): number {
  return Math.max(0, ...childrenOf(call).map((child) => 1 + deepest(child)));
}
