/** A command that waits until it is told to go: real processes of this machine. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startWaiting } from '../src/attach/command.js';
import { Failure } from '../src/failure.js';

const advice = [
  'Give a command as at a shell: cat /etc/hostname',
  "A shell's own command needs the shell: sh -c 'ulimit -a'",
];

let folder: string;
/** What the commands write, if they run. */
let mark: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-command-'));
  mark = join(folder, 'mark');
});
beforeEach(() => {
  rmSync(mark, { force: true });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const sh = (script: string) => ['/bin/sh', '-c', script];
const programOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');

/** Lets it run to its end. */
async function run(argv: readonly string[]): Promise<number> {
  using command = startWaiting(argv);
  command.go();
  return await command.ended;
}

test('waits until it is told to go, and then is the same process', async () => {
  using command = startWaiting(sh(`echo $$ > ${mark}`));
  await delay(200);
  expect(existsSync(mark)).toBe(false);
  expect(programOf(command.pid)[0]).toMatch(/launch$/);
  command.go();
  expect(await command.ended).toBe(0);
  expect(readFileSync(mark, 'utf8')).toBe(`${command.pid}\n`);
});

test('gets its words as they are', async () => {
  expect(await run(['/bin/sh', '-c', `printf '%s|' "$@" > ${mark}`, 'sh', 'a b', '', '-c'])).toBe(
    0,
  );
  expect(readFileSync(mark, 'utf8')).toBe('a b||-c|');
});

test('is found on PATH', async () => {
  expect(await run(['touch', mark])).toBe(0);
  expect(existsSync(mark)).toBe(true);
});

test.each([
  ['exit 0', 0],
  ['exit 3', 3],
  ['exit 255', 255],
  ['kill -TERM $$', 143],
  ['kill -SEGV $$', 139],
])('passes on its status: %s gives %d', async (script, status) => {
  expect(await run(sh(script))).toBe(status);
});

test('has no descriptors of ours but the standard ones', async () => {
  await run(sh(`ls /proc/$$/fd > ${mark}`));
  const open = readFileSync(mark, 'utf8').trim().split('\n').map(Number);
  expect(open).not.toContain(3);
});

test('gets signals while it waits and while it runs', async () => {
  using waiting = startWaiting(['touch', mark]);
  waiting.kill('SIGINT');
  expect(await waiting.ended).toBe(130);
  expect(existsSync(mark)).toBe(false);

  using running = startWaiting(['sleep', '60']);
  running.go();
  running.kill('SIGTERM');
  expect(await running.ended).toBe(143);
});

test('is ended, and not run, when it is disposed of before it was told to go', async () => {
  const command = startWaiting(['touch', mark]);
  command[Symbol.dispose]();
  expect(await command.ended).toBe(1);
  expect(existsSync(mark)).toBe(false);
  expect(existsSync(`/proc/${command.pid}`)).toBe(false);
});

test('goes on when it is disposed of after it was told to go', async () => {
  const command = startWaiting(sh(`sleep 0.2; echo done > ${mark}`));
  command.go();
  while (programOf(command.pid)[0]?.endsWith('launch') === true) await delay(5);
  command[Symbol.dispose]();
  expect(await command.ended).toBe(0);
  expect(readFileSync(mark, 'utf8')).toBe('done\n');
});

test.each(['no-such-program', '/no/such/program', tmpdir()])(
  'there is no program %s',
  (program) => {
    expect(() => startWaiting([program])).toThrow(
      new Failure(2, `There is no program ${program} to run.`, ...advice),
    );
  },
);

test('a file is there that can not be executed', () => {
  writeFileSync(mark, '#!/bin/sh\n', { mode: 0o644 });
  expect(() => startWaiting([mark])).toThrow(`${mark} is not executable.`);
});

test.each([[[]], [['']]])('there is no command in %j', (argv) => {
  expect(() => startWaiting(argv)).toThrow(new Failure(2, 'The command is empty.', ...advice));
});
