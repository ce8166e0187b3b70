/** CPU time on this machine, in seconds, user and system: of code here and of commands. */
import { execFileSync } from 'node:child_process';

/** @param {() => void | Promise<void>} run */
export async function secondsOf(run) {
  const begin = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1e6;
}

/**
 * Of a command whose output is dropped.
 * @param {string[]} command
 * @throws when it fails
 */
export function secondsOfCommand(command) {
  const script = '{ TIMEFORMAT="%3U %3S"; time "$@" >/dev/null 2>/dev/null; } 2>&1';
  const times = execFileSync('bash', ['-ec', script, 'bash', ...command], {
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'utf8',
  });
  const [user, system] = times.trim().split(' ').map(Number);
  return user + system;
}

const turns = 6;
/** The first runs after another way's are slower: of caches, and of V8, which then frees memory. */
const runsOfTurn = 5;

/**
 * The least seconds of each, which take turns: what else the machine does then slows all of them.
 * @template {string} Name
 * @param {Record<Name, () => number | Promise<number>>} ways each gives seconds
 * @returns {Promise<Record<Name, number>>}
 */
export async function bestByTurns(ways) {
  const best = Object.fromEntries(Object.keys(ways).map((name) => [name, Infinity]));
  for (let turn = 0; turn < turns; turn++)
    for (const [name, time] of Object.entries(ways))
      for (let run = 0; run < runsOfTurn; run++) best[name] = Math.min(best[name], await time());
  return best;
}
