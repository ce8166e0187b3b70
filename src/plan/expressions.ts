/** Expressions, as `--output-arg` and `--filter-arg` take them. */
import { aggregateOf } from '../expr/expression.js';
import { parseExpression, type Expression } from '../expr/parse.js';
import { exitStatus, Failure } from '../failure.js';
import { withCaret } from './caret.js';

/** @throws {Failure} that shows the place of the error */
export function parseExpressions(
  flag: '--output-arg' | '--filter-arg',
  texts: readonly string[],
): Expression[] {
  return texts.map((text) => {
    const expression = withCaret(flag, () => parseExpression(text.trim()));
    if (flag === '--filter-arg' && aggregateOf(expression) !== null) {
      throw new Failure(
        exitStatus.usage,
        `--filter-arg '${text}' counts values, and filters none.`,
        `Count them: --output-arg '${text}'`,
      );
    }
    return expression;
  });
}
