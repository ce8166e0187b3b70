/** Addresses by their symbols' names. */
import type { Place } from '../symbols/addresses.js';

/** `vfs_read`, `vfs_read+0x1c`, `ext4_readdir+0x8 [ext4]`. */
export function formatSymbol({ name, offset, module }: Place): string {
  const spot = offset === 0 ? name : `${name}+0x${offset.toString(16)}`;
  return module === null ? spot : `${spot} [${module}]`;
}
