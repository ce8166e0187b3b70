/** What a person is told of learning, on stderr. */
import type { Learnt } from '../plan/learnt.js';
import type { Plan } from '../plan/plan.js';
import { formatDuration } from './duration.js';
import { formatNames } from './names.js';
import { formatCount } from '../words/quantities.js';

const indent = 4;
/** How many roots, or functions that are gone, are named. */
const maxNamed = 3;

/**
 * `Learning from 10 calls, with 41,551 functions attached: each call of them, by any task, takes longer meanwhile.`
 * @param calls how many are followed at most, or null
 */
export function renderLearning(
  { functions, command }: Pick<Plan, 'functions' | 'command'>,
  calls: number | null,
): string {
  const from = calls === null ? '' : ` from ${count(calls, 'call')}`;
  const by = command === null ? '' : ' while the command runs, which then runs again';
  const attached = `with ${count(functions.length, 'function')} attached`;
  return `Learning${from}${by}, ${attached}: each call of them, by any task, takes longer meanwhile.\n`;
}

/** `Learning was cut short: nothing is learnt, and reads.learnt is not written.` */
export function renderNotLearnt(saveTo: string | null): string {
  const unsaved = saveTo === null ? '' : `, and ${saveTo} is not written`;
  return `Learning was cut short: nothing is learnt${unsaved}.\n`;
}

/** What was learnt, in lines, and what it took. */
export function renderLearnt(
  { functions, roots, calls, lost }: Learnt,
  { attachMs, detachMs }: { readonly attachMs: number; readonly detachMs: number },
): string {
  const below = `${count(functions.length, 'function')} below ${nameSome(roots)}`;
  const took = `attaching took ${formatDuration(attachMs * 1e6)}, detaching ${formatDuration(detachMs * 1e6)}`;
  const missing =
    lost === 0
      ? ''
      : `Of all tasks ${count(lost, 'call')} went unseen: learn again if a function is missing.\n`;
  return `Learnt ${below} from ${count(calls, 'call')}; ${took}.\n${formatNames(functions, indent)}${missing}`;
}

/**
 * Where what was learnt is less than what is asked for; else ''.
 * @param gone functions that were learnt, and are not in the kernel now
 */
export function renderLess(
  { maxDepth }: Learnt,
  wantedDepth: number,
  gone: readonly string[],
): string {
  const deeper =
    wantedDepth <= maxDepth
      ? ''
      : `Only ${maxDepth} levels were learnt: what is deeper, down to ${wantedDepth}, is not shown.\n`;
  const missing =
    gone.length === 0
      ? ''
      : `This kernel does not have ${count(gone.length, 'function')} that ${gone.length === 1 ? 'was' : 'were'} learnt: ${nameSome(gone)}.\n`;
  return deeper + missing;
}

function nameSome(names: readonly string[]): string {
  return names.slice(0, maxNamed).join(', ') + (names.length > maxNamed ? ', …' : '');
}

function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`;
}
