/** Results as text: the table on a terminal, BENCHMARKS.md. Pure. */
import chalk from 'chalk';
import Table from 'cli-table3';
import { ratioTo, units } from './rows.js';

/** @typedef {import('./rows.js').Row} Row */
/** @typedef {import('./rows.js').Target} Target */
/** @typedef {import('./rows.js').Peer} Peer */
/** @typedef {import('./rows.js').Results} Results */

/**
 * One table of all rows, with a line of heading for each measure.
 * @param {Results} results
 */
export function renderTable(results) {
  const table = new Table({
    head: ['', 'fsnoop', 'target', 'peers, same run', 'holds'].map((text) => chalk.bold(text)),
    colAligns: ['left', 'right', 'left', 'left', 'left'],
    style: { head: [], border: [] },
  });
  for (const [measure, { kernel, fsnoop, rows }] of Object.entries(results)) {
    const heading = `${chalk.bold(measure)}  ${kernel}, fsnoop ${fsnoop}`;
    table.push([{ colSpan: 5, content: heading }]);
    for (const row of rows)
      table.push([
        row.name,
        formatValue(row.value, row.unit),
        row.targets.map(formatTarget).join('\n'),
        row.peers.map((peer) => formatPeer(row, peer)).join('\n'),
        formatHolds(row),
      ]);
  }
  return table.toString();
}

/** @param {Row} row */
function formatHolds({ targets, holds }) {
  if (holds === null) return targets.length === 0 ? '' : chalk.yellow('not known');
  return holds ? chalk.green('yes') : chalk.red('NO');
}

/**
 * BENCHMARKS.md: the fixed text with the results in the place of its mark.
 * @param {string} text
 * @param {Results} results
 */
export function renderDocument(text, results) {
  const parts = Object.entries(results).map(([measure, { kernel, fsnoop, rows }]) =>
    [
      `### ${measure}`,
      `${kernel === 'host' ? 'On the host' : `Linux ${kernel}`}; fsnoop ${fsnoop}.`,
      renderMarkdownTable(rows),
    ].join('\n\n'),
  );
  return text.replace(resultsMark, () => parts.join('\n\n'));
}

const resultsMark = '<!-- results -->';

/** @param {readonly Row[]} rows */
function renderMarkdownTable(rows) {
  const lines = rows.map((row) => [
    row.name,
    formatValue(row.value, row.unit),
    row.targets.map(formatTarget).join('<br>'),
    row.peers.map((peer) => formatPeer(row, peer)).join('<br>'),
    row.holds === null
      ? row.targets.length === 0
        ? ''
        : 'not known'
      : row.holds
        ? 'yes'
        : '**no**',
  ]);
  const head = ['', 'fsnoop', 'target', 'peers, same run', 'holds'];
  const rule = ['---', '---:', '---', '---', '---'];
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * @param {number} value
 * @param {string} unit
 */
function formatValue(value, unit) {
  const digits = units[/** @type {keyof typeof units} */ (unit)];
  const text = value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${text} ${unit}`;
}

/** `≤ 550`, `≥ 10 × trace-cmd report`. @param {Target} target */
function formatTarget({ most, least, of }) {
  const times = of === undefined ? '' : ` × ${of}`;
  return `${least === undefined ? '≤' : '≥'} ${(least ?? most)?.toLocaleString('en')}${times}`;
}

/** `bpftrace 0.27.1-1: 1,728 (0.32)`, with fsnoop's value in times of it. @param {Row} row @param {Peer} peer */
function formatPeer(row, { name, version, value, notRun }) {
  const title = version === null ? name : `${name} ${version}`;
  if (value === undefined) return `${title}: not run: ${notRun}`;
  const digits = units[/** @type {keyof typeof units} */ (row.unit)];
  const text = value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${title}: ${text} (${ratioTo(row, name)?.toFixed(2)})`;
}
