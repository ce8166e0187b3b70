/** In the guest: records machine code of a function and of what it calls, as it is while the kernel runs. */
import { URL } from 'node:url';

// beside this folder in the guest; scripts/record-code.mjs in a clone
const { recordCode } = await import(new URL('../record-code.mjs', import.meta.url));

export const measure = ({ root, maxDepth }) => recordCode(root, maxDepth);
