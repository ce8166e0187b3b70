/** What the text styles share: colours, lines as wide as the terminal, names. */
import { Chalk } from 'chalk';
import type { PlannedFunction } from '../plan/plan.js';
import type { Addresses } from '../symbols/addresses.js';
import type { Type } from '../symbols/type.js';
import type { Call, Mark, Tree } from '../tree/tree.js';
import { CallValues, entrySource, sourceOf, type Shown } from './values/call-values.js';
import type { Output } from './counting.js';
import { formatDuration, type SlowMark } from './duration.js';
import { errnoOf, formatReturn } from './values/value.js';
import { formatCount } from '../words/quantities.js';

export interface TextOptions {
  readonly functions: readonly PlannedFunction[];
  /** The expressions of the outputs. */
  readonly outputs: readonly Output[];
  readonly addresses: Addresses;
  /** Functions with the types that they take and return. */
  readonly prototypes?: boolean;
  /** How long each call was off the CPU. */
  readonly cpuTime?: boolean;
  /** What `startNs` of records and trees counts from, in ns of CLOCK_MONOTONIC. */
  readonly epochNs: bigint;
  /** Columns of the terminal; null: lines are never cut. */
  readonly width: number | null;
  readonly color: boolean;
}

/**
 * How text becomes bytes. Of `latin1` each character is a byte of UTF-8 already: V8 joins and copies such
 * strings twice as fast as those that have wider characters.
 */
export type Encoding = 'utf8' | 'latin1';

type Painter = (text: string) => string;

export interface Text {
  /** By place in the plan. */
  readonly names: readonly string[];
  /** The same with what is told before a call's arguments, and those of a call without values. */
  readonly heads: readonly string[];
  readonly bareCalls: readonly string[];
  readonly returns: readonly Type[];
  readonly values: CallValues;
  readonly addresses: Addresses;
  readonly cpuTime: boolean;
  readonly epochNs: bigint;
  readonly strong: Painter;
  readonly dim: Painter;
  readonly error: Painter;
  readonly warning: Painter;
  /** Of a mark. */
  readonly point: Painter;
  /** By ftrace's mark. */
  readonly slow: Readonly<Record<SlowMark, Painter>>;
  /** Cuts lines where they are too wide. */
  readonly fit: Painter;
  /** The same, of one line, which it ends. */
  readonly line: Painter;
  readonly encoding: Encoding;
  /** Text in the encoding, for styles that write in it. */
  readonly encode: Painter;
}

const plain: Painter = (text) => text;

export function makeText(options: TextOptions): Text {
  const { functions, outputs, addresses, width, color } = options;
  const { prototypes = false, cpuTime = false } = options;
  const names = functions.map(({ name, module }) =>
    module === null ? name : `${name} [${module}]`,
  );
  const heads = prototypes
    ? functions.map((planned, place) => formatHead(planned, names[place] ?? '?'))
    : names;
  const chalk = new Chalk({ level: color ? 1 : 0 });
  const paint = (painter: Painter): Painter => (color ? painter : plain);
  const fit: Painter =
    width === null ? plain : (lines) => lines.replace(/[^\n]+/g, (line) => cut(line, width));
  return {
    names,
    returns: functions.map(({ returns }) => returns),
    heads,
    bareCalls: functions.map(({ parameters }, place) => {
      const list = prototypes ? parameters.map(({ declaration }) => declaration) : [];
      return `${heads[place] ?? '?'}(${list.join(', ')})`;
    }),
    values: new CallValues(functions, outputs, addresses, prototypes ? 'declaration' : 'name'),
    addresses,
    cpuTime,
    epochNs: options.epochNs,
    strong: paint(chalk.bold),
    dim: paint(chalk.dim),
    error: paint(chalk.red.bold),
    warning: paint(chalk.yellow),
    point: paint(chalk.cyan),
    slow: {
      ' ': plain,
      '+': paint(chalk.green),
      '!': paint(chalk.yellow),
      '#': paint(chalk.magenta),
      '*': paint(chalk.red),
      '@': paint(chalk.red.bold),
      $: paint(chalk.red.bold.underline),
    },
    fit,
    line: (line) => fit(`${line}\n`),
    // what is cut is cut by characters
    encoding: width === null ? 'latin1' : 'utf8',
    encode: width === null ? toLatin1 : plain,
  };
}

const toLatin1: Painter = (text) => Buffer.from(text).toString('latin1');

/** `vfs_read`, or `ssize_t vfs_read`. */
function formatHead({ returnsName }: PlannedFunction, name: string): string {
  if (returnsName === '') return name;
  return returnsName.endsWith('*') ? `${returnsName}${name}` : `${returnsName} ${name}`;
}

/** The function's name, `?` where a record was lost. */
export function nameOf(text: Text, place: number): string {
  return text.names[place] ?? '?';
}

const returnsNothing: Type = { kind: 'void' };

export function returnTypeOf(text: Text, place: number): Type {
  return text.returns[place] ?? returnsNothing;
}

/** ` = 131072`, ` = -ENOENT`; '' for void. */
export function formatReturned(
  text: Text,
  { function: place, retvalLow, retvalHigh }: Returned,
): string {
  const type = returnTypeOf(text, place);
  const value = formatReturn(type, retvalLow, retvalHigh, text.addresses);
  if (value === '') return '';
  return errnoOf(type, retvalLow, retvalHigh) === null ? ` = ${value}` : text.error(` = ${value}`);
}

/** `vfs_read(file=0xffff…, count=1)`. */
export function formatCalled(text: Text, call: Call): string {
  const place = call.function;
  const args = text.values.hasArguments(place) ? text.values.arguments(place, sourceOf(call)) : '';
  if (args === '') return text.bareCalls[place] ?? '?()';
  return `${text.heads[place] ?? '?'}(${args})`;
}

/** A mark without its outputs: `◆ sched_switch(preempt=false, prev=0xffff…)`. */
export function formatMark(text: Text, mark: Omit<Mark, 'type'>): string {
  const args = text.values.arguments(mark.function, entrySource(mark));
  return text.point(`◆ ${text.heads[mark.function] ?? '?'}(${args})`);
}

export const formatMarkOutputs = (text: Text, mark: Omit<Mark, 'type'>): Outputs =>
  formatOutputs(text, text.values.outputs(mark.function, entrySource(mark)));

/** Outputs that fit behind a call: ` · skb->len = 84`, and those that take lines of their own. */
export function formatOutputs(text: Text, outputs: readonly Shown[]): Outputs {
  let behind = '';
  const below: string[] = [];
  for (const { label, text: value } of outputs) {
    if (value.includes('\n')) below.push(...`${label} = ${value}`.split('\n'));
    else behind += ` ${text.dim('·')} ${label} = ${value}`;
  }
  return { behind, below };
}

export interface Outputs {
  readonly behind: string;
  readonly below: readonly string[];
}

const noOutputs: Outputs = { behind: '', below: [] };

export function formatCallOutputs(text: Text, call: Call): Outputs {
  if (text.values.isBare(call.function)) return noOutputs;
  return formatOutputs(text, text.values.outputs(call.function, sourceOf(call)));
}

interface Returned {
  readonly function: number;
  readonly retvalLow: number;
  readonly retvalHigh: number;
}

/** Why a call has no duration: `not returned after 3.20 s`. */
export function formatUnreturned(status: Call['status'], durationNs: number): string {
  switch (status) {
    case 'returned':
      return '';
    case 'open':
      return `not returned after ${formatDuration(durationNs)}`;
    case 'exited':
      return `task exited after ${formatDuration(durationNs)}`;
    case 'lost':
      return 'record lost';
  }
}

/** `cat`, without what could command the terminal: a task chooses its name. */
export function formatComm(comm: string): string {
  return comm === '' ? '?' : comm.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}

/** `3 calls lost`. */
export function formatLost(lost: number): string {
  return `${formatCount(lost)} ${lost === 1 ? 'call' : 'calls'} lost`;
}

/** `cat 101:101`: the task, with process and thread. */
export function formatTask({ comm, pid, tid }: Pick<Tree, 'comm' | 'pid' | 'tid'>): string {
  return `${formatComm(comm)} ${pid}:${tid}`;
}

/** Cuts to so many columns, with `…` for what is gone; colours end where they would have. */
function cut(line: string, width: number): string {
  // Colours only make a line longer: one this short fits.
  if (line.length <= width) return line;
  let columns = 0;
  let end = 0;
  for (let at = 0; at < line.length;) {
    if (line.startsWith(escape, at)) {
      at = line.indexOf('m', at) + 1;
      continue;
    }
    columns++;
    if (columns === width) end = at;
    at += (line.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  if (columns <= width) return line;
  const [, ...colors] = line.slice(end).split(escape);
  const ends = colors.map((color) => escape + color.slice(0, color.indexOf('m') + 1));
  return `${line.slice(0, end)}…${ends.join('')}`;
}

const escape = '\u001b[';
