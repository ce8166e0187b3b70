/** What turns trees into another program's format: each method returns what to write next, maybe nothing. */
import type { Attached, Opening } from '../recording/opening.js';
import type { Addresses } from '../symbols/addresses.js';
import type { Tree } from '../tree/tree.js';

export interface Exporter {
  readonly start: () => string | Uint8Array;
  readonly tree: (tree: Tree) => string | Uint8Array;
  /** In pieces, where it is all that there is. */
  readonly end: () => Iterable<string>;
}

/** What is known of the recording that the trees are from. */
export interface ExportParts {
  readonly opening: Opening;
  readonly attached: Attached;
  readonly addresses: Addresses;
}
