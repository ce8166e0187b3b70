/** Fits the expressions to all chosen functions: where they mean nothing, and what follows from that. */
import type { ExpressionError } from '../expr/error.js';
import { exitStatus, Failure } from '../failure.js';
import type { KernelFunction } from '../symbols/function.js';
import { toFailure } from './caret.js';
import { makeCapture, reasonOf, type Capture, type CaptureWishes, type Misfit } from './capture.js';
import type { FunctionSource } from './find.js';
import type { PlannedFunction, RefusedFunction } from './plan.js';

export interface ChosenFunction {
  readonly found: KernelFunction;
  readonly role: 'root' | 'below';
}

/**
 * Roots for which an expression means nothing are refused, unless it is one to be shown that means
 * nothing for any of them.
 * @throws {Failure} when an expression fits nowhere, or no root is left
 */
export function captureAll(
  chosen: readonly ChosenFunction[],
  wishes: CaptureWishes,
  symbols: Pick<FunctionSource, 'btfOf'>,
): { functions: PlannedFunction[]; refused: RefusedFunction[] } {
  const functions: Fitted[] = [];
  const refused: RefusedFunction[] = [];
  let firstError: ExpressionError | null = null;
  for (const { found, role } of chosen) {
    const captured = makeCapture(found, role, wishes, symbols.btfOf(found.module));
    if (captured.type === 'refused') {
      firstError ??= captured.error;
      refused.push({ function: found.name, reason: captured.reason });
      continue;
    }
    const planned = planFunction(found, role, captured.capture);
    functions.push({ planned, misfits: captured.misfits });
  }
  if (!functions.some(({ planned }) => planned.root)) throw noRootLeft(refused, firstError);
  const mustFit = findFitting(functions, wishes);
  const fits = ({ planned, misfits }: Fitted) =>
    !planned.root || misfits.every(({ place }) => !mustFit.has(place));
  for (const fitted of functions) {
    if (fits(fitted)) continue;
    const [first] = fitted.misfits;
    refused.push({
      function: fitted.planned.name,
      reason: first === undefined ? '' : reasonOf('--output-arg', first.error),
    });
  }
  const left = functions.filter(fits).map(({ planned }) => planned);
  if (!left.some(({ root }) => root)) throw noRootLeft(refused, functions[0]?.misfits[0]?.error);
  return { functions: left, refused };
}

/** Word by word: spread out, thousands would take a second. */
function planFunction(
  { kind, name, module, btfId, idInProgram, returns, reason }: KernelFunction,
  role: ChosenFunction['role'],
  capture: Capture,
): PlannedFunction {
  const { returnsName, parameters, argSlots, program } = capture;
  const { entryValues, returnValues, outputs } = capture;
  return {
    kind,
    name,
    module,
    btfId,
    idInProgram,
    returns,
    reason,
    returnsName,
    parameters,
    argSlots,
    program,
    entryValues,
    returnValues,
    outputs,
    root: role === 'root',
  };
}

interface Fitted {
  readonly planned: PlannedFunction;
  readonly misfits: readonly Misfit[];
}

/** The outputs, by their place, that mean something for some root. */
function findFitting(functions: readonly Fitted[], { outputs }: CaptureWishes): Set<number> {
  const fitting = new Set<number>();
  for (const place of outputs.keys()) {
    const without = (fitted: Fitted) => fitted.misfits.find((misfit) => misfit.place === place);
    const roots = functions.filter(({ planned }) => planned.root);
    if (roots.some((root) => without(root) === undefined)) fitting.add(place);
    const [first] = [...roots, ...functions].flatMap((fitted) => without(fitted) ?? []);
    if (first !== undefined && functions.every((fitted) => without(fitted) !== undefined))
      throw toFailure('--output-arg', first.error);
  }
  return fitting;
}

function noRootLeft(
  refused: readonly RefusedFunction[],
  error: ExpressionError | null | undefined,
): Failure {
  if (error != null) return toFailure('--filter-arg', error);
  const [first] = refused;
  return new Failure(
    exitStatus.usage,
    refused.length === 1
      ? `${first?.function ?? ''}: ${first?.reason ?? ''}.`
      : `None of the ${refused.length} roots can be traced like this, as ${first?.function ?? ''}: ${first?.reason ?? ''}.`,
    '--errors and --errno are for functions that return an int, a long or a pointer',
  );
}
