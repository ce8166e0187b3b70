/** Functions chosen by an argument: `skb`, `(struct sk_buff *)skb`, `(struct sock *)`. */
import type { Btf } from './btf.js';
import { findTypes } from './find-types.js';

/** An argument that has all that isn't null. */
export interface Argument {
  readonly name: string | null;
  readonly type: ArgumentType | null;
}

/** `struct sk_buff *` is one star on `struct sk_buff`. Qualifiers don't count. */
export interface ArgumentType {
  /** The name of a type, or `void`. */
  readonly base: string;
  readonly stars: number;
}

/** More lead from no type to what it is of: malformed BTF may go round in a circle. */
const mostSteps = 64;

/**
 * Tells of a FUNC's id whether the function has such an argument. A typedef counts as itself and as
 * what it is of: an argument of `size_t` is one of `unsigned long`, and not the other way round.
 * Tens of thousands of prototypes are compared by ids, and each type of theirs once.
 * @returns null where the kernel has no type of that name
 */
export function makeArgumentTest(
  btf: Btf,
  { name, type }: Argument,
): ((functionId: number) => boolean) | null {
  const isOfType = type === null ? () => true : makeTypeTest(btf, type);
  if (isOfType === null) return null;
  return (functionId) =>
    btf
      .prototype(functionId)
      .parameters.some(
        (parameter) => (name === null || parameter.name === name) && isOfType(parameter.type),
      );
}

function makeTypeTest(btf: Btf, { base, stars }: ArgumentType): ((id: number) => boolean) | null {
  const bases = new Set(base === 'void' ? [0] : findTypes(btf, base));
  if (bases.size === 0) return null;
  const known = new Map<number, boolean>();
  return (id) => {
    let answer = known.get(id);
    if (answer === undefined) {
      answer = isType(btf, id, bases, stars);
      known.set(id, answer);
    }
    return answer;
  };
}

/** Goes from a type to what it is of, until it is the wanted one, or has not enough stars, or too many. */
function isType(btf: Btf, id: number, bases: ReadonlySet<number>, stars: number): boolean {
  let type = id;
  let left = stars;
  for (let step = 0; step < mostSteps; step++) {
    if (left === 0 && bases.has(type)) return true;
    switch (btf.kind(type)) {
      case 'ptr':
        if (left === 0) return false;
        left--;
        break;
      case 'typedef':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        break;
      default:
        return false;
    }
    type = btf.target(type);
  }
  return false;
}
