/** Thousands of functions in one run, by fsession.multi. */
import { beforeAll, expect, test } from 'vitest';
import { countShapes, fromJson, project } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { linesOf, onlyLineOf } from './json-lines.js';
import { attached, nothingAttached } from './safety.js';

const below = ['vfs_read', 'rw_verify_area', 'security_file_permission', 'read_zero'];
const shape = 'ksys_read(vfs_read(rw_verify_area(security_file_permission),read_zero))';
const command = 'dd if=/dev/zero of=/dev/null bs=1 count=10';

const sizes = [
  { about: 1000, letters: '[x-z]*' },
  { about: 5000, letters: '[ab]*' },
  { about: 20_000, letters: '[a-m]*' },
];

/** The links of functions, a line each: their type and program. bpftool has no name for the type. */
const showLinks = (letters: string) =>
  attached(
    `-k ksys_read -g --fgraph-include '${letters}' --args off --output /dev/null`,
    `bpftool link | sed -n 's/^[0-9]*: type \\(.*[0-9]\\) *$/\\1/p'; kill -INT $tracer; wait $tracer`,
  );

let run: GuestSession<string>;

beforeAll(async () => {
  const traces = sizes.map(
    ({ about, letters }) =>
      [
        `${about}`,
        `fsnoop -k ksys_read -g --fgraph-max-depth 20 --fgraph-include '${letters},${below.join(',')}' --format json -c '${command}'`,
      ] as const,
  );
  run = await guestSession({
    files: [{ path: '/usr/sbin/bpftool' }],
    timeoutMs: 900_000,
    stepTimeoutMs: 300_000,
    steps: Object.fromEntries([
      ...traces,
      ['one link', showLinks('[ab]*')],
      ['two links', showLinks('[a-k]*')],
      ['afterwards', nothingAttached],
    ]),
  });
}, 1_000_000);

test('nothing is wrong with the kernel, and nothing stays attached', () => {
  expect(run.splats).toEqual([]);
  expect(run.steps['afterwards']).toMatchObject({ status: 0, stdout: '' });
});

test.each(sizes)('$about are attached, trace what they should, and are detached', ({ about }) => {
  const { status, stdout = '' } = run.steps[`${about}`] ?? {};
  expect(status).toBe(0);
  const { functions, attachMs } = onlyLineOf(stdout, 'start');
  expect(functions).toBeGreaterThan(about * 0.85);
  expect(functions).toBeLessThan(about * 1.15);
  expect(attachMs).toBeGreaterThan(0);
  const { detachMs, lost } = onlyLineOf(stdout, 'summary');
  expect(detachMs).toBeGreaterThan(0);
  // what the kernel skipped, as a task was preempted in the program
  expect(lost).toMatchObject({ ring: 0, entry: 0, user: 0 });
  const trees = linesOf(stdout, 'tree');
  expect(trees.every(({ complete }) => complete)).toBe(true);
  expect(countShapes(trees.map(({ root }) => project(fromJson(root), below)))).toEqual({
    [shape]: 10,
  });
});

test('roots and what is busy while attaching have a link of their own, where there are many', () => {
  const linesOfStep = (step: string) => run.steps[step]?.stdout.trimEnd().split('\n') ?? [];
  expect(linesOfStep('one link')).toHaveLength(1);
  const [first, ...others] = linesOfStep('two links');
  expect(first).toMatch(/prog \d+/);
  expect(others).toEqual([first]);
});
