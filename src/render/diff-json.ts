/** How two runs differ, for programs: an object a line. */
import {
  levelOf,
  measureNames,
  type Comparison,
  type EdgeChange,
  type Slowness,
} from '../tree/compare.js';
import type { Judged, Verdict } from '../tree/condition.js';
import type { Drift } from '../tree/pace.js';
import { isChanged, type DiffSummary } from './diff.js';

/**
 * A line a function: `{"type":"diff","function":"vfs_read","module":null,"status":"both","significant":true,
 * "calls":{"before":1000,"after":2000,"change":1,"p":1e-65,"significant":true},…,"slower":{"share":0.52,"p":1,
 * "significant":false}}`, with all measures; times are in ns, or what the summary says. `change` is null where before was nothing.
 */
export function renderDiffJson(comparisons: readonly Comparison[]): string {
  return lines(
    comparisons.map(({ function: name, module, status, isSignificant, changes, slowness }) => ({
      ...{ type: 'diff', function: name, module, status, significant: isSignificant },
      ...Object.fromEntries(
        measureNames.map((measure) => {
          const { before, after, change, p, isSignificant: significant } = changes[measure];
          return [measure, { before, after, change, p, significant }];
        }),
      ),
      slower: slowness && toSlower(slowness),
    })),
  );
}

const toSlower = ({ share, p, isSignificant: significant }: Slowness) => ({
  share,
  p,
  significant,
});

/**
 * A line an edge: `{"type":"structure","status":"new","caller":"vfs_read","callee":"read_null","calls":7,"p":0.0078,
 * "significant":false}`. The caller is null where nothing recorded called it.
 */
export function renderEdgesJson(edges: readonly EdgeChange[]): string {
  return lines(
    edges.map(({ status, caller, callee, calls, p, isSignificant }) => ({
      type: 'structure',
      ...{ status, caller, callee, calls, p, significant: isSignificant },
    })),
  );
}

/**
 * `{"type":"condition","condition":"p99 > +10%","functions":12,"holds":[{"function":"vfs_read","module":null,
 * "p":1e-9}],"unclear":[]}` a condition, then `{"type":"summary","functions":12,"changed":2,"new":1,"gone":0,
 * "unknown":0,"unit":"ns","tolerance":0.05,"level":…,
 * "tickNs":{"before":92160,"after":135168},"drift":{"longer":1.9,"shorter":1},
 * "slowShare":{"before":0.02,"after":0.02},"lost":{"before":{…},"after":{…}},"status":3}`.
 */
export function renderDiffSummaryJson(summary: DiffSummary): string {
  const { compared, tolerance, verdicts, unit, before, after, status } = summary;
  const { functions, unknown } = compared;
  const number = (isMeant: (one: Comparison) => boolean) => functions.filter(isMeant).length;
  return lines([
    ...verdicts.map(verdictToJson),
    {
      ...{ type: 'summary', functions: functions.length, changed: number(isChanged) },
      new: number((one) => one.status === 'new'),
      gone: number((one) => one.status === 'gone'),
      ...{ unknown, unit, tolerance, level: levelOf(functions.length) },
      tickNs: { before: before.tickNs, after: after.tickNs },
      ...driftToJson(compared.drift),
      ...{ lost: { before: before.lost, after: after.lost }, status },
    },
  ]);
}

/** Ticks before are of a machine whose slow phases make times shorter. */
const driftToJson = ({ longer, shorter }: Drift): object => ({
  drift: { longer: longer.factor, shorter: shorter.factor },
  slowShare: { before: shorter.share, after: longer.share },
});

function verdictToJson({ condition, functions, broken, unclear }: Verdict): object {
  const toJson = ({ comparison, p }: Judged) => ({
    function: comparison.function,
    module: comparison.module,
    p,
  });
  return {
    type: 'condition',
    condition: condition.text,
    functions,
    holds: broken.map(toJson),
    unclear: unclear.map(toJson),
  };
}

const lines = (objects: readonly object[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\n`).join('');
