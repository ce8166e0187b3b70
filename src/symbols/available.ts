/**
 * available_filter_functions of tracefs: the functions that ftrace can patch, one a line.
 *
 *	vfs_read
 *	ext4_readdir [ext4]
 */

export interface Listed {
  readonly name: string;
  /** Null for vmlinux. */
  readonly module: string | null;
}

/**
 * Those whose whole name a pattern matches.
 * @param names source of a RegExp
 */
export function findListed(text: string, names: string): Listed[] {
  const lines = text.matchAll(new RegExp(`^(${names})(?: \\[(.*)\\])?$`, 'gm'));
  return Array.from(lines, ([, name = '', module = null]) => ({ name, module }));
}
