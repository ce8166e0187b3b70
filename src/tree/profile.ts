/** What is known of all calls of each function together, of who called whom, and of all ways down. */
import { Tally, type Tallied } from './tally.js';
import type { Call, Tree } from './tree.js';

/** Of the calls of a function that returned. */
export interface FunctionProfile extends Tallied {
  /** Place in the plan. */
  readonly function: number;
  /** The most time first; of callers the function is -1 where nothing recorded called it. */
  readonly callers: readonly Edge[];
  readonly callees: readonly Edge[];
}

/** Calls from one function to another. */
export interface Edge {
  readonly function: number;
  readonly calls: number;
  readonly totalNs: number;
}

/** Calls with the same callers, all the way up to the root. */
export interface Merged {
  /** Place in the plan; -1 where the record was lost, and at the top, where all roots are below. */
  readonly function: number;
  readonly calls: number;
  readonly totalNs: number;
  readonly selfNs: number;
  /** As a tally has it. */
  readonly offNs: number;
  /** The most time first. */
  readonly children: readonly Merged[];
}

interface MutableEdge {
  readonly function: number;
  calls: number;
  totalNs: number;
}

interface Node {
  readonly function: number;
  calls: number;
  totalNs: number;
  selfNs: number;
  offNs: number;
  readonly children: Map<number, Node>;
}

const nobody = -1;

export class Profile {
  readonly #errnoOf: (call: Call) => string | null;
  readonly #tallies = new Map<number, Tally>();
  /** By callee, then by caller. */
  readonly #callers = new Map<number, Map<number, MutableEdge>>();
  readonly #top = makeNode(nobody);

  /** @param errnoOf name of the error that a call returned; null for none */
  constructor(errnoOf: (call: Call) => string | null) {
    this.#errnoOf = errnoOf;
  }

  add({ root }: Tree): void {
    this.#add(root, this.#top);
  }

  /** Of the functions of which calls returned, in no order. */
  functions(): FunctionProfile[] {
    const callees = this.#callees();
    return [...this.#tallies].flatMap(([place, tally]) => {
      const tallied = tally.read();
      if (tallied === null) return [];
      return {
        function: place,
        ...tallied,
        callers: sortEdges(this.#callers.get(place)?.values() ?? []),
        callees: sortEdges(callees.get(place) ?? []),
      };
    });
  }

  /** All ways down; its own function is none. */
  merged(): Merged {
    return toMerged(this.#top);
  }

  #add(call: Call, above: Node): void {
    const node = childOf(above, call.function);
    if (call.status === 'returned') {
      const { durationNs, selfNs, offNs } = call;
      node.calls++;
      node.totalNs += durationNs;
      node.selfNs += selfNs;
      node.offNs += offNs;
      this.#tallyOf(call.function).add(call, this.#errnoOf(call));
      const edge = this.#edge(call.function, above.function);
      edge.calls++;
      edge.totalNs += durationNs;
    }
    for (const child of call.children) if (child.type === 'call') this.#add(child, node);
  }

  #tallyOf(place: number): Tally {
    let tally = this.#tallies.get(place);
    if (tally === undefined) {
      tally = new Tally();
      this.#tallies.set(place, tally);
    }
    return tally;
  }

  #edge(callee: number, caller: number): MutableEdge {
    let callers = this.#callers.get(callee);
    if (callers === undefined) {
      callers = new Map();
      this.#callers.set(callee, callers);
    }
    let edge = callers.get(caller);
    if (edge === undefined) {
      edge = { function: caller, calls: 0, totalNs: 0 };
      callers.set(caller, edge);
    }
    return edge;
  }

  #callees(): Map<number, Edge[]> {
    const byCaller = new Map<number, Edge[]>();
    for (const [callee, callers] of this.#callers) {
      for (const { function: caller, calls, totalNs } of callers.values()) {
        const edges = byCaller.get(caller) ?? [];
        edges.push({ function: callee, calls, totalNs });
        byCaller.set(caller, edges);
      }
    }
    return byCaller;
  }
}

const byTime = (a: { readonly totalNs: number }, b: { readonly totalNs: number }) =>
  b.totalNs - a.totalNs;

const sortEdges = (edges: Iterable<Edge>): Edge[] => [...edges].sort(byTime);

function makeNode(place: number): Node {
  return { function: place, calls: 0, totalNs: 0, selfNs: 0, offNs: 0, children: new Map() };
}

function childOf({ children }: Node, place: number): Node {
  let node = children.get(place);
  if (node === undefined) {
    node = makeNode(place);
    children.set(place, node);
  }
  return node;
}

const toMerged = ({ children, ...node }: Node): Merged => ({
  ...node,
  children: Array.from(children.values(), toMerged).sort(byTime),
});
