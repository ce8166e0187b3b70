/** Errors in the expressions of flags. */
import { ExpressionError, formatExpressionError } from '../expr/error.js';
import { exitStatus, Failure } from '../failure.js';

/** Turns an error in an expression of a flag into one that shows the place. */
export function withCaret<Result>(flag: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof ExpressionError) throw toFailure(flag, error);
    throw error;
  }
}

export function toFailure(flag: string, error: ExpressionError): Failure {
  return new Failure(exitStatus.usage, `${flag}: ${formatExpressionError(error).join('\n')}`);
}
