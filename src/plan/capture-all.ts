/** Fits the expressions to all chosen functions: where they mean nothing, and what follows from that. */
import type { ExpressionError } from '../expr/error.js';
import { exitStatus, Failure } from '../failure.js';
import type { KernelFunction } from '../symbols/function.js';
import { toFailure } from './caret.js';
import { makeCapture, type Capture, type CaptureWishes, type Misfit } from './capture.js';
import type { FunctionSource } from './find.js';
import type { PlannedFunction, RefusedFunction } from './plan.js';

export interface ChosenFunction {
  readonly found: KernelFunction;
  readonly role: 'root' | 'below';
  /** A root that is to be shown below others, too: there it stays where a filter refuses it. */
  readonly isBelow?: boolean;
}

/**
 * Roots for which a filter means nothing are refused; what is to be shown is of those that have it.
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
  const add = ({ found, role, isBelow = false }: ChosenFunction): void => {
    const captured = makeCapture(found, role, wishes, symbols.btfOf(found.module));
    if (captured.type === 'capture') {
      const planned = planFunction(found, role, captured.capture);
      functions.push({ planned, misfits: captured.misfits });
      return;
    }
    firstError ??= captured.error;
    const reason = isBelow ? `but below others; ${captured.reason}` : captured.reason;
    refused.push({ function: found.name, reason });
    if (isBelow) add({ found, role: 'below' });
  };
  chosen.forEach(add);
  if (!functions.some(({ planned }) => planned.root)) throw noRootLeft(refused, firstError);
  checkOutputs(functions, wishes);
  return { functions: functions.map(({ planned }) => planned), refused };
}

/** Word by word: spread out, thousands would take a second. */
function planFunction(
  { kind, name, module, btfId, address, idInProgram, returns, reason }: KernelFunction,
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
    address,
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

/** @throws {Failure} on one that means nothing for any of the functions: as the first root has it */
function checkOutputs(functions: readonly Fitted[], { outputs }: CaptureWishes): void {
  const rootsFirst = functions.toSorted((a, b) => Number(b.planned.root) - Number(a.planned.root));
  for (const place of outputs.keys()) {
    const misfits = rootsFirst.flatMap((one) =>
      one.misfits.filter((misfit) => misfit.place === place),
    );
    const [first] = misfits;
    if (first !== undefined && misfits.length === functions.length)
      throw toFailure('--output-arg', first.error);
  }
}

function noRootLeft(refused: readonly RefusedFunction[], error: ExpressionError | null): Failure {
  if (error !== null) return toFailure('--filter-arg', error);
  const [first] = refused;
  return new Failure(
    exitStatus.usage,
    refused.length === 1
      ? `${first?.function ?? ''}: ${first?.reason ?? ''}.`
      : `None of the ${refused.length} roots can be traced like this, as ${first?.function ?? ''}: ${first?.reason ?? ''}.`,
    '--errors and --errno are for functions that return an int, a long or a pointer',
  );
}
