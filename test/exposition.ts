/** What Prometheus is served, read strictly: its text format 0.0.4, or OpenMetrics. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const types = ['histogram', 'counter', 'gauge', 'info'];
const sampleLine = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/;

/**
 * In the order in which they stand.
 * @throws {Error} for what a parser would refuse: a line that is none, a family that comes twice or has not
 * been announced, a sample that comes twice
 */
export function parseExposition(text: string): readonly Sample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const samples = new Map<string, Sample>();
  const families = new Map<string, string>();
  let family = '';
  for (const line of text.trimEnd().split('\n')) {
    if (line === '# EOF') continue;
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) (\S+) (.+)$/.exec(line) ?? [];
    if (word === 'TYPE') {
      if (families.has(name) || !types.includes(rest)) throw new Error(`no such family: ${line}`);
      families.set(name, rest);
      family = name;
    }
    if (word !== undefined) continue;
    const sample = parseSample(line);
    if (!sample.name.startsWith(family) || family === '') throw new Error(`out of place: ${line}`);
    const key = keyOf(sample);
    if (samples.has(key)) throw new Error(`twice: ${line}`);
    samples.set(key, sample);
  }
  return [...samples.values()];
}

function parseSample(line: string): Sample {
  const [, name, labels = '', value] = sampleLine.exec(line) ?? [];
  if (name === undefined || value === undefined || Number.isNaN(Number(value)))
    throw new Error(`no sample: ${line}`);
  const pairs = labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g);
  return {
    name,
    labels: Object.fromEntries(
      Array.from(pairs, ([, label = '', escaped = '']) => [
        label,
        escaped.replace(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter)),
      ]),
    ),
    value: Number(value),
  };
}

const keyOf = ({ name, labels }: Sample): string => `${name} ${JSON.stringify(labels)}`;

/** Of the samples of this name with these labels, and maybe others. */
export function valuesOf(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly number[] {
  return samples
    .filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
    .map(({ value }) => value);
}

/** Which value is lower than it was before: none may be. */
export function fallen(before: readonly Sample[], after: readonly Sample[]): readonly string[] {
  const values = new Map(before.map((sample) => [keyOf(sample), sample.value]));
  return after
    .filter((sample) => sample.value < (values.get(keyOf(sample)) ?? 0))
    .map((sample) => keyOf(sample));
}
