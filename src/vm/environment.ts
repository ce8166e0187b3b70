/** What the guest's programs are told of the terminal that their output ends up on. */

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const passedOn = ['TERM', 'COLUMNS', 'NO_COLOR', 'FORCE_COLOR'] as const;

/** In the guest the output is a pipe: on a terminal here, its width and colours have to be asked for. */
export function chooseEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  terminal: Terminal,
): Readonly<Record<string, string>> {
  const set = Object.fromEntries(
    passedOn.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  );
  if (terminal.isTTY !== true) return set;
  const colors = env['NO_COLOR'] === undefined ? { FORCE_COLOR: '1' } : {};
  const columns =
    terminal.columns === undefined || terminal.columns === 0
      ? {}
      : { COLUMNS: `${terminal.columns}` };
  return { ...columns, ...colors, ...set };
}
