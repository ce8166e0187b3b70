/**
 * What the bench finds, as data: rows, their targets, whether they hold. Pure.
 *
 * @typedef {object} Peer What was measured beside fsnoop, in the same run and unit.
 * @property {string} name
 * @property {string | null} version null when that is no program of its own
 * @property {number} [value]
 * @property {string} [notRun] why there is no value
 *
 * @typedef {object} Target
 * @property {number} [most]
 * @property {number} [least]
 * @property {string} [of] times the value of this peer
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {string} unit a key of `units`
 * @property {number} value
 * @property {Target[]} targets
 * @property {Peer[]} peers
 * @property {boolean | null} holds null without a target, and when a peer to compare with was not run
 *
 * @typedef {object} Result
 * @property {string} kernel the guest's, or `host`
 * @property {string} fsnoop version and commit
 * @property {Row[]} rows
 *
 * @typedef {Record<string, Result>} Results by measure
 */

/** How many digits are shown behind the point. */
export const units = {
  instructions: 0,
  'million instructions': 0,
  s: 2,
  'million calls/s': 2,
  'calls/s': 0,
  'bytes/call': 1,
  MB: 1,
};

/**
 * The row with its verdict.
 * @param {Omit<Row, 'holds'>} row
 * @returns {Row}
 * @throws when there is no number
 */
export function judge(row) {
  if (!Number.isFinite(row.value)) throw new Error(`${row.name}: nothing was measured`);
  const verdicts = row.targets.map((target) => meets(row, target));
  const holds = verdicts.includes(false) ? false : verdicts.includes(null) ? null : true;
  return { ...row, holds: verdicts.length === 0 ? null : holds };
}

/**
 * @param {Omit<Row, 'holds'>} row
 * @param {Target} target
 */
function meets(row, { most = Infinity, least = -Infinity, of }) {
  const value = of === undefined ? row.value : ratioTo(row, of);
  return value === null ? null : value >= least && value <= most;
}

/**
 * How often the peer's value goes into the row's; null when the peer was not run.
 * @param {Omit<Row, 'holds'>} row
 * @param {string} name
 */
export function ratioTo({ value, peers }, name) {
  const reference = peers.find((peer) => peer.name === name)?.value;
  return reference === undefined ? null : value / reference;
}

/**
 * The results with those of one measure in the place of its older ones.
 * @param {Results} results
 * @param {string} measure
 * @param {Result} result
 * @param {readonly string[]} order of all measures
 * @returns {Results}
 */
export function merge(results, measure, result, order) {
  const merged = { ...results, [measure]: result };
  return Object.fromEntries(
    order.flatMap((name) => (merged[name] === undefined ? [] : [[name, merged[name]]])),
  );
}

/** A quick bench fails above so many times the committed figure. */
const tolerance = 1.05;

/**
 * What got dearer than the committed rows say, a line each.
 * @param {readonly Row[]} rows
 * @param {readonly Row[]} committed
 */
export function findDearer(rows, committed) {
  return rows.flatMap(({ name, value }) => {
    const before = committed.find((row) => row.name === name);
    if (before === undefined) return [`${name}: bench/results.json has no figure`];
    if (value <= before.value * tolerance) return [];
    const percent = ((value / before.value - 1) * 100).toFixed(1);
    return [
      `${name}: ${value.toFixed(0)}, committed ${before.value.toFixed(0)}: ${percent} % more`,
    ];
  });
}
