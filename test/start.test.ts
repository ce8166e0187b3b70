/** What a start of fsnoop loads, and that all of it is in the bundle. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { captureOutput } from '@oclif/test';
import { expect, test, vi } from 'vitest';
import { runCommand } from '../src/cli/main.js';

const loaded = vi.hoisted(() => [] as string[]);
const load = vi.hoisted(() => (name: string) => {
  loaded.push(name);
  return {};
});
vi.mock('../src/commands/list.js', () => load('list'));
vi.mock('../src/commands/trace.js', () => load('trace'));
vi.mock('../src/commands/vm.js', () => load('vm'));

const bundle = new URL('../dist/bundle/', import.meta.url);

test.each([['--help'], ['--version'], ['trace', '--help'], ['nonsense']])(
  '%s %s loads no command',
  async (...args) => {
    await captureOutput(() => runCommand(args));
    expect(loaded).toEqual([]);
  },
);

test('a command is loaded when it is run, and no other', async () => {
  await captureOutput(() => runCommand(['-k', 'vfs_read']));
  expect(loaded).toEqual(['trace']);
});

test.each(['list', 'trace', 'vm'])('fsnoop %s is in the bundle', (command) => {
  const path = fileURLToPath(new URL('../bin/run.js', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [path, command, '--nonsense'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: expect.stringContaining('Nonexistent flag: --nonsense') as string,
  });
});

test('the library has nothing of the command line', () => {
  const library = readFileSync(new URL('library.cjs', bundle), 'utf8');
  expect(library).toContain('// src/tracing/trace.ts');
  expect(library).not.toMatch(/^\/\/ (src\/cli|src\/commands|node_modules\/@oclif)/m);
});

test("standard input is the command's: nothing is taken from it", () => {
  const path = fileURLToPath(new URL('../bin/run.js', import.meta.url));
  const args = [path, 'trace', '-k', 'vfs_read', '-c', '/nowhere/cat'];
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', input: 'a line\n' });
  expect(stderr).not.toContain('a line');
  expect(stderr).toContain('/nowhere/cat');
});

test.each(['fsnoop', 'help'])('what V8 compiled (%s) is of this bundle and this V8', (name) => {
  const script = new Script(readFileSync(new URL('fsnoop.cjs', bundle), 'latin1'), {
    cachedData: readFileSync(new URL(`${name}.${process.arch}.compiled`, bundle)),
  });
  expect(script.cachedDataRejected).toBe(false);
});
