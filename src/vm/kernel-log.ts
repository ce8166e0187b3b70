/** What the kernel says on its console: its complaints, and the last words of a crash. */

/** Lines by which a kernel says that something is badly wrong. After libbpf's CI. */
const splat = /BUG:|WARNING:|Oops|soft lockup|rcu.*stall|hung task|Kernel panic/;

const lastWordsCount = 30;

/** The console's bytes as lines, without terminal control sequences. */
export function parseConsole(bytes: Buffer): readonly string[] {
  return bytes
    .toString('utf8')
    .replaceAll(controlSequence, '')
    .split(/\r*\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

/** The lines that are a splat. */
export function findSplats(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => splat.test(line));
}

/** What to show of a crash: from the first splat on, else the end; the panic itself is always in it. */
export function findLastWords(lines: readonly string[]): readonly string[] {
  const first = lines.findIndex((line) => splat.test(line));
  if (first < 0) return lines.slice(-lastWordsCount);
  const words = lines.slice(first, first + lastWordsCount);
  const panic = lines.slice(first + lastWordsCount).filter((line) => line.includes('Kernel panic'));
  return [...words, ...panic];
}

// eslint-disable-next-line no-control-regex -- that is what it is for
const controlSequence = /\u001b(?:\[[0-9;?=]*[A-Za-z]|[=>c])/g;
