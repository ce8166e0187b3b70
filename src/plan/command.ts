/** The command of `-c`, from text to an argument vector. */
import { exitStatus, Failure } from '../failure.js';

const shellCharacters = /["'\\`$&|;<>()*?[\]{}~#!\n=]/;

/**
 * Plain words are run directly; anything that a shell would interpret, by `/bin/sh -c`.
 * @throws {Failure} when there is no word
 */
export function parseCommand(text: string): string[] {
  const words = text.trim().split(/[ \t]+/);
  if (words[0] === '') {
    throw new Failure(
      exitStatus.usage,
      'The command is empty.',
      "Give it as at a shell: -c 'cat /etc/hostname'",
    );
  }
  return isPlain(words) ? words : ['/bin/sh', '-c', text];
}

/** `if=/dev/zero` is a plain word, `LANG=C ls` is not. */
function isPlain([program = '', ...rest]: readonly string[]): boolean {
  return (
    !shellCharacters.test(program) &&
    !rest.some((word) => shellCharacters.test(word.replaceAll('=', '')))
  );
}
