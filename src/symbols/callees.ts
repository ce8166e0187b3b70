/**
 * What functions call, as their machine code says: direct calls, and jumps to the beginnings of other
 * functions, breadth first from the roots. Where indirect calls lead, the code does not say.
 */
import type { Block, Code } from './code.js';
import { kindOfCall, whyCold } from './cold-list.js';
import { cold } from './kallsyms.js';

/** Of one block: where its calls and jumps out of it lead, and how often it calls indirectly. */
export interface Calls {
  /** Lower halves of addresses, in the order of the code. */
  readonly targets: readonly number[];
  readonly indirect: number;
}

/** Reads and disassembles blocks; the calls of each. */
export type Disassemble = (blocks: readonly Block[]) => Promise<readonly Calls[]>;

export interface CalleeSearch {
  readonly roots: readonly string[];
  /** Followed as if the roots called them. */
  readonly extra: readonly string[];
  /** Neither found nor followed. */
  readonly excluded: ReadonlySet<string>;
  /** Levels below the roots. */
  readonly maxDepth: number;
  /** `likely` leaves out unlikely parts of functions, and what the cold list has. */
  readonly paths: 'likely' | 'all';
}

interface Callee {
  /** All names of its address; at least one. */
  readonly names: readonly string[];
  /** The least number of calls from a root to it; 0 for a root. */
  readonly level: number;
  /** Places in the graph, each once, in the order of the code. Of the last level none are known. */
  readonly calls: readonly number[];
  readonly indirectCalls: number;
}

export interface CallGraph {
  /** In the order in which they were found: level by level, roots first. */
  readonly callees: readonly Callee[];
  /** Cold functions that were called, by name. */
  readonly leftOut: readonly { readonly function: string; readonly why: string }[];
}

export async function findCallees(
  search: CalleeSearch,
  code: Code,
  disassemble: Disassemble,
): Promise<CallGraph> {
  const graph = new Graph(search, code);
  let parts = graph.begin();
  for (let level = 0; level < search.maxDepth && parts.length > 0; level++) {
    const next: Part[] = [];
    // an unlikely part that is met on the way belongs to the function: it is of the same level
    for (let some = parts; some.length > 0;) {
      const calls = await disassemble(some.map(({ block }) => block));
      some = some.flatMap((part, place) => graph.add(part, calls[place], level + 1, next));
    }
    parts = [...next, ...(level === 0 ? graph.extras() : [])];
  }
  return graph.finish();
}

/** Code of a function: all of it, or its unlikely part. */
interface Part {
  readonly node: Node;
  readonly block: Block;
}

/** While it is searched. */
interface Node extends Callee {
  readonly calls: number[];
  indirectCalls: number;
}

class Graph {
  readonly #search: CalleeSearch;
  readonly #code: Code;
  readonly #nodes: Node[] = [];
  /** By address. */
  readonly #places = new Map<number, number>();
  readonly #leftOut = new Map<string, string>();
  /** Addresses of unlikely parts that have been met. */
  readonly #coldParts = new Set<number>();

  constructor(search: CalleeSearch, code: Code) {
    this.#search = search;
    this.#code = code;
  }

  /** The roots. */
  begin(): Part[] {
    return this.#code.find(this.#search.roots).flatMap((block) => this.#meet(block, 0));
  }

  /** What is followed as if the roots called it, where they do not. */
  extras(): Part[] {
    return this.#code.find(this.#search.extra).flatMap((block) => this.#meet(block, 1));
  }

  /**
   * Adds what a part calls.
   * @param next gets the functions that are met for the first time
   * @returns unlikely parts that belong to the same function
   */
  add({ node }: Part, calls: Calls | undefined, level: number, next: Part[]): Part[] {
    const parts: Part[] = [];
    node.indirectCalls += calls?.indirect ?? 0;
    for (const target of calls?.targets ?? []) {
      const block = this.#code.at(target);
      const [name] = block?.names ?? [];
      if (block === null || name === undefined) continue;
      if (cold.test(name)) {
        if (this.#search.paths === 'likely' || this.#coldParts.has(block.address)) continue;
        this.#coldParts.add(block.address);
        parts.push({ node, block });
      } else if (target === block.address && this.#isWanted(block, node)) {
        next.push(...this.#meet(block, level));
        const place = this.#places.get(target);
        if (place !== undefined && !node.calls.includes(place)) node.calls.push(place);
      }
    }
    return parts;
  }

  finish(): CallGraph {
    return {
      callees: this.#nodes,
      leftOut: Array.from(this.#leftOut, ([name, why]) => ({ function: name, why })),
    };
  }

  /** Nothing where it is known already. */
  #meet(block: Block, level: number): Part[] {
    if (this.#places.has(block.address)) return [];
    const node = { names: block.names, level, calls: [], indirectCalls: 0 };
    this.#places.set(block.address, this.#nodes.length);
    this.#nodes.push(node);
    return [{ node, block }];
  }

  #isWanted({ address, names }: Block, caller: Node): boolean {
    if (this.#places.has(address)) return true;
    const kinds = names.map(kindOfCall);
    if (kinds.includes('indirect')) caller.indirectCalls++;
    if (kinds.some((kind) => kind !== 'function')) return false;
    if (names.some((name) => this.#search.excluded.has(name))) return false;
    if (this.#search.paths === 'all') return true;
    for (const name of names) {
      const why = whyCold(name);
      if (why === null) continue;
      this.#leftOut.set(name, why);
      return false;
    }
    return true;
  }
}
