/** Names with commas, as the flags take them. */

const lineWidth = 80;

/** In lines that begin with so many spaces; '' for none. */
export function formatNames(names: readonly string[], indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const [place, name] of names.entries()) {
    const item = place === names.length - 1 ? name : `${name},`;
    if (line !== '' && indent + line.length + 1 + item.length > lineWidth) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? item : ` ${item}`;
  }
  if (line !== '') lines.push(line);
  return lines.map((text) => `${' '.repeat(indent)}${text}\n`).join('');
}
