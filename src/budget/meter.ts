/** Measures what budgets are about, in the trees of one run. */
import type { PlannedFunction } from '../plan/plan.js';
import { compileGlobs } from '../symbols/glob.js';
import type { MeasureName } from '../tree/compare.js';
import { countErrors } from '../tree/sums.js';
import { Tally } from '../tree/tally.js';
import type { Call, Tree } from '../tree/tree.js';
import type { Budget, Rule } from './budget.js';

/** What a run has to say of a budget. */
export interface Reading {
  /** Calls; ns; of a share %. Null where there was no call to measure. */
  readonly value: number | null;
  /** The tree that shows most of it; null where there is none. */
  readonly worst: Tree | null;
}

/** All calls of the functions that a name or a glob means. */
interface Subject {
  calls: number;
  /** Of calls that are in no other one of them. */
  totalNs: number;
  /** Of all that returned. */
  readonly tally: Tally;
  /** How many of them are open where we are in the tree. */
  open: number;
}

/** What a budget asks for, that its subject does not tell. */
interface Gauge {
  readonly rule: Rule;
  readonly subject: Subject;
  /** Of `share-of`. */
  readonly of: Subject | null;
  /** Calls that must not be, or ns in the other one. */
  value: number;
  /** How much of it is in the tree that we are in. */
  inTree: number;
  most: number;
  worst: Tree | null;
  /** How many of the subject's calls are open inside of one of the other one. */
  open: number;
}

export class Meter {
  readonly #errnoOf: (call: Call) => string | null;
  readonly #gauges: readonly Gauge[];
  /** By place in the plan. */
  readonly #subjects: readonly (readonly Subject[])[];
  readonly #bySubject: readonly (readonly Gauge[])[];
  readonly #forbidden: readonly (readonly Gauge[])[];

  /** @param errnoOf name of the error that a call returned; null for none */
  constructor(
    budgets: readonly Budget[],
    functions: readonly Pick<PlannedFunction, 'name'>[],
    errnoOf: (call: Call) => string | null,
  ) {
    this.#errnoOf = errnoOf;
    const subjects = new Map<string, Subject>();
    const subjectOf = (name: string): Subject => {
      const subject = subjects.get(name) ?? startSubject();
      subjects.set(name, subject);
      return subject;
    };
    this.#gauges = budgets.map(({ function: name, rule }) => ({
      rule,
      subject: subjectOf(name),
      of: rule.type === 'share' ? subjectOf(rule.of) : null,
      ...{ value: 0, inTree: 0, most: 0, worst: null, open: 0 },
    }));
    const byPlace = <Thing>(things: Iterable<readonly [Thing, readonly string[]]>) => {
      const tests = Array.from(things, ([thing, globs]) => ({ thing, test: compileGlobs(globs) }));
      return functions.map(({ name }) =>
        tests.flatMap(({ thing, test }) => (test.test(name) ? [thing] : [])),
      );
    };
    this.#subjects = byPlace([...subjects].map(([name, subject]) => [subject, [name]]));
    this.#bySubject = byPlace(
      this.#gauges.map((gauge, at) => [gauge, [budgets[at]?.function ?? '']]),
    );
    this.#forbidden = byPlace(
      this.#gauges.flatMap((gauge) =>
        gauge.rule.type === 'never calls' ? [[gauge, gauge.rule.callees] as const] : [],
      ),
    );
  }

  add(tree: Tree): void {
    for (const gauge of this.#gauges) gauge.inTree = 0;
    this.#visit(tree.root);
    for (const gauge of this.#gauges) {
      if (gauge.inTree <= gauge.most) continue;
      gauge.most = gauge.inTree;
      gauge.worst = tree;
    }
  }

  /** By budget. */
  read(): Reading[] {
    return this.#gauges.map((gauge) => ({ value: valueOf(gauge), worst: gauge.worst }));
  }

  #visit(call: Call): void {
    const { function: place } = call;
    // of a call whose record was lost nobody knows what it was
    const subjects = this.#subjects[place] ?? [];
    const gauges = this.#bySubject[place] ?? [];
    for (const gauge of this.#forbidden[place] ?? []) if (gauge.subject.open > 0) count(gauge, 1);
    for (const gauge of gauges) this.#gauge(gauge, call);
    for (const subject of subjects) this.#measure(subject, call);
    for (const child of call.children) if (child.type === 'call') this.#visit(child);
    for (const subject of subjects) subject.open--;
    for (const gauge of gauges) if (gauge.open > 0) gauge.open--;
  }

  #measure(subject: Subject, call: Call): void {
    subject.calls++;
    if (call.status === 'returned') {
      if (subject.open === 0) subject.totalNs += call.durationNs;
      subject.tally.add(call, this.#errnoOf(call));
    }
    subject.open++;
  }

  /** What of the call makes its tree one to show, and its share. */
  #gauge(gauge: Gauge, call: Call): void {
    const { rule, of } = gauge;
    const isReturned = call.status === 'returned';
    if (rule.type === 'share') {
      if (of === null || (of.open === 0 && gauge.open === 0)) return;
      if (gauge.open === 0 && isReturned) count(gauge, call.durationNs);
      gauge.open++;
    } else if (rule.type === 'limit') {
      if (rule.measure === 'calls') count(gauge, 1);
      else if (rule.measure === 'errors') count(gauge, this.#errnoOf(call) === null ? 0 : 1);
      else if (isReturned) gauge.inTree = Math.max(gauge.inTree, call.durationNs);
    }
  }
}

function count(gauge: Gauge, more: number): void {
  gauge.value += more;
  gauge.inTree += more;
}

function valueOf({ rule, subject, of, value }: Gauge): number | null {
  switch (rule.type) {
    case 'never calls':
      return value;
    case 'share':
      return of === null || of.totalNs === 0 ? null : (100 * value) / of.totalNs;
    case 'limit':
      return measureOf[rule.measure](subject);
  }
}

const measureOf: Readonly<Record<MeasureName, (subject: Subject) => number | null>> = {
  calls: ({ calls }) => calls,
  errors: ({ tally }) => countErrors(tally.read()?.errors ?? new Map()),
  total: ({ totalNs }) => totalNs,
  self: ({ tally }) => tally.read()?.selfNs ?? 0,
  mean: ({ tally }) => tally.read()?.meanNs ?? null,
  min: ({ tally }) => tally.read()?.minNs ?? null,
  max: ({ tally }) => tally.read()?.maxNs ?? null,
  p50: ({ tally }) => tally.read()?.p50Ns ?? null,
  p90: ({ tally }) => tally.read()?.p90Ns ?? null,
  p99: ({ tally }) => tally.read()?.p99Ns ?? null,
};

const startSubject = (): Subject => ({ calls: 0, totalNs: 0, tally: new Tally(), open: 0 });
