/** Which tasks to trace, from text. */
import { exitStatus, Failure } from '../failure.js';
import { errnoNumber } from '../symbols/errno.js';

/** The kernel keeps 15 bytes of a task's name: TASK_COMM_LEN in include/linux/sched.h. */
const longestComm = 15;
const pidLimit = 2 ** 22;

/**
 * Process ids from `4321` or `4321,4322`.
 * @throws {Failure} when one can't be a process id
 */
export function parsePids(text: string): number[] {
  return text.split(',').map((word) => {
    const pid = Number(word);
    if (/^\d+$/.test(word.trim()) && pid > 0 && pid < pidLimit) return pid;
    throw new Failure(
      exitStatus.usage,
      `--filter-pid '${text}' is not a process id.`,
      'Find one with: pgrep NAME',
    );
  });
}

/**
 * The name of a task, as ps and /proc/PID/comm show it.
 * @throws {Failure} when no task can have it
 */
export function parseComm(text: string): string {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > 0 && bytes <= longestComm) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(longestComm));
  throw new Failure(
    exitStatus.usage,
    bytes === 0
      ? '--comm is empty.'
      : `--comm '${text}' has ${bytes} bytes; the kernel keeps ${longestComm} of a task's name.`,
    `See the names with: ps -eo comm${bytes === 0 ? '' : `; the kernel would call it '${text.slice(0, read)}'`}`,
  );
}

/**
 * The folder of a cgroup, which is looked for when it is needed.
 * @throws {Failure} when it is empty, which would be all cgroups
 */
export function parseCgroup(text: string): string {
  if (text !== '') return text;
  throw new Failure(
    exitStatus.usage,
    '--cgroup is empty.',
    'That of a process: cat /proc/PID/cgroup',
  );
}

/**
 * What `--errors`, and `--errno ENOENT,EACCES` or `--errno 2`, ask for; null for nothing.
 * @throws {Failure} on what is no error
 */
export function chooseErrnos(errors: boolean, texts: readonly string[]): number[] | 'any' | null {
  if (texts.length === 0) return errors ? 'any' : null;
  return texts.flatMap((text) => text.split(',')).map((text) => parseErrno(text.trim()));
}

const mostErrno = 4095;

function parseErrno(text: string): number {
  const number = /^-?\d+$/.test(text)
    ? Math.abs(Number(text))
    : errnoNumber(text.toUpperCase().replace(/^-/, ''));
  if (number !== undefined && number > 0 && number <= mostErrno) return number;
  throw new Failure(
    exitStatus.usage,
    `--errno '${text}' is no error that the kernel knows.`,
    'Name one: --errno ENOENT; all of them: --errors',
  );
}
