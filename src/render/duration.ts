/** Durations as text, and the marks that make the slow ones stand out. */

/** ftrace's marks, for durations above so many ns: kernel/trace/trace_output.c. */
const marks = [
  { aboveNs: 1_000_000_000, mark: '$' },
  { aboveNs: 100_000_000, mark: '@' },
  { aboveNs: 10_000_000, mark: '*' },
  { aboveNs: 1_000_000, mark: '#' },
  { aboveNs: 100_000, mark: '!' },
  { aboveNs: 10_000, mark: '+' },
] as const;

export type SlowMark = (typeof marks)[number]['mark'] | ' ';

export function markOf(durationNs: number): SlowMark {
  if (durationNs <= 10_000) return ' ';
  return marks.find(({ aboveNs }) => durationNs > aboveNs)?.mark ?? ' ';
}

/** `2.74 µs`, `1.23 ms`, `3.20 s`. */
export function formatDuration(ns: number): string {
  return formatIn(ns, '');
}

/** Columns of a cell, at least. */
export const cellColumns = 10;

/** Printed durations by 10 ns, which is all that is shown: most are short, and soon there again. */
export class DurationCells {
  readonly #print: (ns: number) => string;
  readonly #cells = new Array<string | undefined>(20_000);

  /** @param print the same for durations that formatDuration() shows as the same, but for their marks */
  constructor(print: (ns: number) => string) {
    this.#print = print;
  }

  print(ns: number): string {
    const place = Math.round(ns / 10);
    // a mark may begin within the 10 ns
    if (place >= this.#cells.length || place === 1000 || place === 10_000) return this.#print(ns);
    return (this.#cells[place] ??= this.#print(ns));
  }
}

const cells = new DurationCells((ns) => formatIn(ns, ' ').padStart(cellColumns));

/**
 * The same with units equally wide, so that points stand below each other: `3.20  s`. With blanks in
 * front.
 */
export function formatDurationCell(ns: number): string {
  return cells.print(ns);
}

function formatIn(ns: number, secondsPad: string): string {
  const hundredths = Math.round(ns / 10);
  if (hundredths < 100_000) return `${formatHundredths(hundredths)} µs`;
  const ofMs = Math.round(ns / 10_000);
  if (ofMs < 100_000) return `${formatHundredths(ofMs)} ms`;
  return `${formatHundredths(Math.round(ns / 10_000_000))} ${secondsPad}s`;
}

function formatHundredths(hundredths: number): string {
  const rest = hundredths % 100;
  const whole = (hundredths - rest) / 100;
  return rest < 10 ? `${whole}.0${rest}` : `${whole}.${rest}`;
}

/** `2.738 us    `, as trace_print_graph_duration() fits it into a row. */
export function formatDurationFtrace(ns: number): string {
  const rest = ns % 1000;
  let digits = `${(ns - rest) / 1000}`;
  // The kernel doesn't exceed seven digits: large durations lose digits behind the point.
  const room = 7 - digits.length;
  if (room > 0) digits += `.${`${rest}`.padStart(3, '0').slice(0, room)}`;
  return `${digits} us ${' '.repeat(Math.max(8 - digits.length, 0))}`;
}
