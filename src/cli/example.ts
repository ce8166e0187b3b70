/**
 * An example of a command's help: what it is for, and its lines, whole, to be copied. oclif would break
 * long ones, in quotes too, and join several to one.
 */
export const example = (description: string, ...lines: readonly string[]): string =>
  [description, ...lines.map((line) => `  $ ${line}`)].join('\n');
