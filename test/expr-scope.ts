/** Functions of fixtures/expr/types.btf, and operations as a reader writes them. */
import { readFileSync } from 'node:fs';
import { loadNative } from '../src/attach/native.js';
import type { Scope } from '../src/expr/check.js';
import type { Op } from '../src/expr/ops.js';
import { Btf } from '../src/symbols/btf.js';

export const btf = new Btf(
  readFileSync(new URL('fixtures/expr/types.btf', import.meta.url)),
  loadNative(),
);

export function scopeOf(functionName: string): Scope {
  const [id] = btf.find('func', functionName);
  if (id === undefined) throw new Error(`no ${functionName}`);
  const { parameters, returns } = btf.prototype(id);
  let next = 0;
  return {
    btf,
    functionName,
    returns,
    parameters: parameters.map((parameter) => {
      const slot = next;
      next += Math.ceil(btf.size(parameter.type) / 8);
      return { ...parameter, slot };
    }),
  };
}

/** `arg 2 · load 8 +32 · extractU 0..3 · endWord`. */
export const spellOps = (ops: readonly Op[]) => ops.map(spellOp).join(' · ');

function spellOp({ op, n, imm }: Op): string {
  switch (op) {
    case 'push':
    case 'addImm':
      return `${op} ${String(imm)}`;
    case 'load':
      return imm === 0n ? `load ${n}` : `load ${n} +${String(imm)}`;
    case 'extractU':
    case 'extractS':
      return `${op} ${n & 63}..${(n & 63) + (n >> 6)}`;
    case 'arg':
    case 'task':
    case 'swap':
    case 'jump':
    case 'jumpZero':
    case 'jumpNonzero':
    case 'endBytes':
    case 'endString':
      return `${op} ${n}`;
    default:
      return op;
  }
}
