import { expect, test } from 'vitest';
import { parseExpression } from '../src/expr/parse.js';
import type { Plan } from '../src/plan/plan.js';
import { renderPlanJson, renderPlanText } from '../src/render/plan.js';
import { renderSummaryText, type Summary } from '../src/render/summary.js';
import { functions } from './fixtures/reads.js';

const refuse = (reason: Plan['refused'][number]['reason'], ...names: string[]) =>
  names.map((name) => ({ function: name, reason }));

const plan: Plan = {
  method: 'fsession.multi',
  functions,
  tracepoints: [],
  refused: [
    ...refuse('variadic', 'printk'),
    ...refuse('no patch site', 'memcpy', 'memset', 'strlen', 'strcmp', 'clear_page'),
  ],
  graph: true,
  callees: null,
  maxDepth: 5,
  minDurationNs: 1_000_000,
  pids: [3, 4],
  comm: 'cat',
  cgroup: 'system.slice',
  command: ['cat', '/etc/host name', "it's"],
  bufferBytes: 16 * 2 ** 20,
  live: true,
  args: 'compact',
  outputs: [parseExpression('*file')],
  filters: [parseExpression('count > 1')],
  errnos: [2],
  stack: true,
  cpuTime: true,
};

const bare: Plan = {
  ...plan,
  functions: functions.slice(0, 1),
  refused: [],
  graph: false,
  minDurationNs: 0,
  pids: [],
  comm: null,
  cgroup: null,
  command: null,
  bufferBytes: 4096,
  live: false,
  args: 'off',
  cpuTime: false,
  outputs: [],
  filters: [],
  errnos: null,
  stack: false,
};

const shown = (text: string) => `\n${text}`;

test('the plan tells what would be traced, how, and what not', () => {
  expect(shown(renderPlanText(plan))).toMatchInlineSnapshot(`
    "
    Method     fsession.multi
    Roots      1
               vfs_read
    Graph      6
               rw_verify_area, security_file_permission, read_zero, fsnotify,
               do_filp_open, ext4_readpage [ext4]
    Depth      5
    Filters    pid 3, 4; comm cat; cgroup system.slice; calls of 1.00 ms and longer; count > 1; errors: ENOENT
    Arguments  compact
    Outputs    *file
    Stack      of each root
    CPU time   how long each call was off the CPU
    Command    cat '/etc/host name' 'it'\\''s'
    Buffer     16M
    Live       a record at each entry too
    Refused    6
    ┌───────────────┬───────────┬───────────────────────────┐
    │ Reason        │ Functions │ Such as                   │
    ├───────────────┼───────────┼───────────────────────────┤
    │ no patch site │         5 │ memcpy, memset, strlen, … │
    ├───────────────┼───────────┼───────────────────────────┤
    │ variadic      │         1 │ printk                    │
    └───────────────┴───────────┴───────────────────────────┘
    "
  `);
});

test('a plan of one function is short', () => {
  expect(shown(renderPlanText(bare))).toMatchInlineSnapshot(`
    "
    Method     fsession.multi
    Roots      1
               vfs_read
    Graph      no: one line a call
    Filters    none
    Arguments  off
    Buffer     4K
    Refused    0
    "
  `);
});

test('a plan with tracepoints tells where they are shown', () => {
  const [read] = functions;
  if (read === undefined) throw new Error('there is a function');
  const tracepoints = [{ ...read, kind: 'tracepoint' as const, name: 'sched_switch' }];
  expect(renderPlanText({ ...bare, tracepoints })).toContain(
    'Points     1, marks in the trees\n           sched_switch\n',
  );
  const alone = renderPlanText({ ...bare, functions: [], tracepoints });
  expect(alone).toContain('Points     1, one line a hit\n');
  expect(alone).not.toContain('Roots');
});

test('the summary counts marks of trees, and hits of tracepoints that are alone', () => {
  const none = { ring: 0, recursion: 0, entry: 0, user: 0 };
  const counts = { trees: 1, calls: 3, unfinished: 0, marks: 1, lost: none };
  expect(renderSummaryText(counts)).toBe('1 tree, 3 calls, 1 mark. Lost: none.\n');
  const alone = { ...counts, trees: 0, calls: 0, marks: 2, isOfMarks: true };
  expect(renderSummaryText({ ...counts, isCut: true })).toBe(
    '1 tree, 3 calls, 1 mark. Not all of it was written.\n',
  );
  expect(renderSummaryText(alone)).toBe('2 hits. Lost: none.\n');
});

test('the plan as JSON is one line', () => {
  expect(renderPlanJson(bare)).toBe(
    '{"type":"plan","version":1,"method":"fsession.multi","roots":["vfs_read"],"functions":[],"tracepoints":[],"refused":[],"graph":false,"maxDepth":5,"minDurationNs":0,"pids":[],"comm":null,"cgroup":null,"command":null,"bufferBytes":4096,"live":false,"args":"off","outputs":[],"filters":[],"errnos":null,"stack":false,"cpuTime":false}\n',
  );
  expect(JSON.parse(renderPlanJson(plan))).toMatchObject({
    roots: ['vfs_read'],
    refused: plan.refused,
    command: plan.command,
    outputs: ['*file'],
    filters: ['count > 1'],
    errnos: [2],
  });
});

const none = { ring: 0, recursion: 0, entry: 0, user: 0 };
const one: Summary = { trees: 1, calls: 5, unfinished: 0, lost: none };
const bufferBytes = 16 * 2 ** 20;

test.each<[string, Summary, string]>([
  ['nothing lost', one, '1 tree, 5 calls. Lost: none.\n'],
  [
    'all there is to say',
    { trees: 1000, calls: 5000, unfinished: 2, refused: 3, lost: none },
    '1,000 trees, 5,000 calls, 2 unfinished, 3 left out. Lost: none.\n',
  ],
  [
    'a ring that was too small',
    { ...one, lost: { ...none, ring: 1200, recursion: 30 }, bufferBytes, method: 'fsession' },
    '1 tree, 5 calls.\nLost 1,230 records: ring 1,200 (try --buffer 64M), recursion 30.\n',
  ],
  [
    'other losses, which no buffer prevents',
    { ...one, lost: { ...none, entry: 1 }, bufferBytes },
    '1 tree, 5 calls.\nLost 1 record: entry 1.\n',
  ],
  [
    'runs that another method would not have skipped',
    { ...one, lost: { ...none, recursion: 30 }, bufferBytes, method: 'fsession.multi' },
    '1 tree, 5 calls.\nLost 30 records: recursion 30 (try --method kprobe.session).\n',
  ],
  [
    'runs that were skipped outside of trees, too',
    { ...one, lost: { ...none, recursion: 3000, outside: 2970 }, method: 'fsession.multi' },
    '1 tree, 5 calls.\nLost 3,000 records: recursion 3,000 (2,970 of them outside of trees, where only roots can be missing; try --method kprobe.session).\n',
  ],
  [
    'runs that were skipped outside of trees alone',
    { ...one, lost: { ...none, recursion: 30, outside: 30 } },
    '1 tree, 5 calls.\nLost 30 records: recursion 30 (all outside of trees, where only roots can be missing).\n',
  ],
  [
    'losses of our own',
    { ...one, lost: { ...none, user: 4 }, bufferBytes },
    '1 tree, 5 calls.\nLost 4 records: user 4.\n',
  ],
])('the summary: %s', (_, summary, expected) => {
  expect(renderSummaryText(summary)).toBe(expected);
});
