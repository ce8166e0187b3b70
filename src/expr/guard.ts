/** Comparisons of one argument with a constant, which the kernel side does before anything else. */
import { bitsOf, holds, isSigned } from './c-type.js';
import type { ScalarType } from './c-type.js';
import { isComparison } from './node.js';
import type { Comparison, Word } from './node.js';
import type { Guard } from './ops.js';

/** Null for a condition that is none, or true of all values or of none. */
export function makeGuard(condition: Word): Guard | null {
  if (condition.kind === 'isZero') return compare(condition.operand, 'eq', 0n, null);
  if (condition.kind !== 'binary' || !isComparison(condition.operation))
    return compare(condition, 'ne', 0n, null);
  const { operation, left, right } = condition;
  if (right.kind === 'constant') return compare(left, operation, right.value, left.ctype);
  if (left.kind === 'constant') return compare(right, turned[operation], left.value, right.ctype);
  return null;
}

const turned: Readonly<Record<Comparison, Comparison>> = {
  eq: 'eq',
  ne: 'ne',
  lt: 'gt',
  le: 'ge',
  gt: 'lt',
  ge: 'le',
};

function compare(
  word: Word,
  operation: Comparison,
  constant: bigint,
  common: ScalarType | null,
): Guard | null {
  const argument = argumentOf(word);
  if (argument === null) return null;
  const { slot, type } = argument;
  const bits = bitsOf(type);
  // compared as another type of the same width, as an int with an unsigned one
  const isSignedThere =
    common !== null && bitsOf(common) === bits ? isSigned(common) : isSigned(type);
  const least = isSignedThere ? -(1n << BigInt(bits - 1)) : 0n;
  const most = least + (1n << BigInt(bits)) - 1n;
  const range = rangeOf(operation, constant, least, most);
  if (range === null) return null;
  const [low, high] = range;
  const span = high - low;
  if (span < 0n || span > most - least) return null;
  return { slot, bits, low: BigInt.asUintN(bits, low), span };
}

/** The values of which it is true, the first and the last; those of != go around the end. */
function rangeOf(
  operation: Comparison,
  constant: bigint,
  least: bigint,
  most: bigint,
): readonly [bigint, bigint] | null {
  const isInside = constant >= least && constant <= most;
  switch (operation) {
    case 'eq':
      return isInside ? [constant, constant] : null;
    case 'ne':
      return isInside ? [constant + 1n, constant + (most - least)] : null;
    case 'lt':
      return constant > least && constant <= most ? [least, constant - 1n] : null;
    case 'le':
      return constant >= least && constant < most ? [least, constant] : null;
    case 'gt':
      return constant >= least && constant < most ? [constant + 1n, most] : null;
    case 'ge':
      return constant > least && constant <= most ? [constant, most] : null;
  }
}

/**
 * The argument whose lower bits a word is, read as `type`: below conversions that lose nothing, or
 * lose upper bits.
 */
function argumentOf(word: Word): { readonly slot: number; readonly type: ScalarType } | null {
  if (word.kind === 'register')
    return word.slot === 'retval' || word.bits !== null || word.bitOffset !== 0
      ? null
      : { slot: word.slot, type: word.ctype };
  if (word.kind !== 'convert') return null;
  const inner = argumentOf(word.operand);
  if (inner === null) return null;
  const { ctype } = word;
  if (ctype.kind === 'integer' && ctype.bool) return null;
  if (bitsOf(ctype) <= bitsOf(inner.type)) return { slot: inner.slot, type: ctype };
  return holds(inner.type, ctype) ? inner : null;
}
