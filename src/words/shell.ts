/** Words as a shell takes them. */

/** `vfs_read`, `'a b'`: what it reads back exactly. */
export function quoteShell(word: string): string {
  return /^[\w%+,./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
