/**
 * Names of C's integers: `unsigned long` has several, and compilers write another one into BTF than
 * people write.
 *
 *	gcc      long unsigned int
 *	clang    unsigned long
 */

/** As most people spell it: `unsigned long`, `short`, `unsigned char`. Names of other types stay. */
export function spellInt(name: string): string {
  const words = name.split(/\s+/);
  if (!words.every((word) => keywords.has(word))) return name;
  const count = (keyword: string) => words.filter((word) => word === keyword).length;
  const signs = count('unsigned') > 0 ? ['unsigned'] : [];
  if (count('char') > 0) return [...(count('signed') > 0 ? ['signed'] : signs), 'char'].join(' ');
  if (count('__int128') > 0) return [...signs, '__int128'].join(' ');
  if (count('short') > 0) return [...signs, 'short'].join(' ');
  const longs = words.filter((word) => word === 'long');
  return [...signs, ...(longs.length > 0 ? longs : ['int'])].join(' ');
}

const keywords = new Set(['signed', 'unsigned', 'char', 'short', 'int', 'long', '__int128']);
