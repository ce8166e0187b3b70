/**
 * available_filter_functions of tracefs: the functions that ftrace can patch, one a line.
 *
 *	vfs_read
 *	ext4_readdir [ext4]
 */

/**
 * Those of vmlinux whose whole name a pattern matches.
 * @param names source of a RegExp
 */
export function findListed(text: string, names: string): string[] {
  return text.match(new RegExp(`^(?:${names})$`, 'gm')) ?? [];
}
