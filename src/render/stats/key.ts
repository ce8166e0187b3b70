/** What calls are told apart by, as text and for programs. */
import type { Key } from '../../events/cells.js';
import type { KeyKind } from '../../plan/counting.js';
import type { Addresses } from '../../symbols/addresses.js';
import type { Type } from '../../symbols/type.js';
import type { StatKey } from '../../tree/function-stats.js';
import type { JsonKey, JsonReturn } from '../json-contract.js';
import { exactOrString } from '../number-json.js';
import { formatComm } from '../text.js';
import { formatReturn, formatWordJson } from '../values/value.js';

const commBytes = 16;

/** `cat`, `4321`, `-ENOENT`; `other` for those that found no room in the table. */
export function formatKey(
  key: Exclude<StatKey, null>,
  kind: KeyKind,
  returns: Type,
  addresses: Addresses,
): string {
  if (key === 'other') return 'other';
  switch (kind) {
    case 'comm':
      return formatComm(commOf(key));
    case 'retval':
      return formatReturn(returns, ...wordsOf(key), addresses) || 'void';
    default:
      return `${key.low}`;
  }
}

/** `{"comm":"cat"}`, `{"pid":4321}`, `{"retval":-2}`, `{"other":true}`. */
export function keyToJson(key: Exclude<StatKey, null>, kind: KeyKind, returns: Type): JsonKey {
  if (key === 'other') return { other: true };
  switch (kind) {
    case 'comm':
      return { comm: commOf(key) };
    case 'retval':
      return { retval: JSON.parse(formatWordJson(returns, ...wordsOf(key))) as JsonReturn };
    default:
      return { [kind]: exactOrString(key.low) };
  }
}

function commOf({ low, high }: Key): string {
  const bytes = Buffer.alloc(commBytes);
  bytes.writeBigUInt64LE(low);
  bytes.writeBigUInt64LE(high, commBytes / 2);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? commBytes : end);
}

/** The lower and the upper 32 bits. */
const wordsOf = ({ low }: Key) => [Number(low & 0xffffffffn), Number(low >> 32n)] as const;
