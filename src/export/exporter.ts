/** What turns trees into another program's format: each method returns what to write next, maybe nothing. */
import type { Attached, Opening } from '../recording/opening.js';
import type { Addresses } from '../symbols/addresses.js';
import type { Mark, Tree } from '../tree/tree.js';

/** A tracepoint that a task came by, in no tree. */
export type Hit = Omit<Mark, 'type'> & Pick<Tree, 'pid' | 'tid' | 'comm'>;

export interface Exporter {
  readonly start: () => string | Uint8Array;
  readonly tree: (tree: Tree) => string | Uint8Array;
  /** Absent where the format has no place for it. */
  readonly hit?: (hit: Hit) => string | Uint8Array;
  /** In pieces, where it is all that there is. */
  readonly end: () => Iterable<string>;
}

/** What is known of the recording that the trees are from. */
export interface ExportParts {
  readonly opening: Opening;
  readonly attached: Attached;
  readonly addresses: Addresses;
}
