/** Where the trace is written, and what goes wrong there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseOutput } from '../src/cli/printing-flags.js';
import { Failure } from '../src/failure.js';
import { openOutput, writeReadyFile } from '../src/tracing/output.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fsnoop-output-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The failure as bin/run.js prints it. */
async function complaint(run: () => Promise<unknown>): Promise<string> {
  const error = await run().then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw error as Error;
  expect(error.oclif.exit).toBe(1);
  return [error.message, ...error.suggestions].join('\n').replaceAll(folder, '/tmp/folder');
}

describe('a file', () => {
  test('has all that was written, in order', async () => {
    const path = join(folder, 'trace.txt');
    const long = `${'0.48 µs  ├─ rw_verify_area()\n'.repeat(50_000)}end\n`;
    {
      await using output = await openOutput(path);
      await output.write('vfs_read · cat\n');
      await output.write('');
      await output.write(long);
    }
    expect(readFileSync(path, 'utf8') === `vfs_read · cat\n${long}`).toBe(true);
  });

  test('takes the place of the one before it', async () => {
    const path = join(folder, 'again.txt');
    for (const text of ['a long line\n', 'short\n']) {
      await using output = await openOutput(path);
      await output.write(text);
    }
    expect(readFileSync(path, 'utf8')).toBe('short\n');
  });

  test('in a folder that is not there', async () => {
    expect(await complaint(() => openOutput(join(folder, 'none/trace.txt')))).toBe(
      `\
/tmp/folder/none/trace.txt could not be written: no such file or directory (ENOENT).
Create its folder first`,
    );
  });

  test('that is a folder', async () => {
    expect(await complaint(() => openOutput(folder))).toBe(
      '/tmp/folder could not be written: illegal operation on a directory (EISDIR).',
    );
  });

  test('with a name that node quotes', async () => {
    expect(await complaint(() => openOutput(join(folder, "it's, none/x")))).toBe(
      `\
/tmp/folder/it's, none/x could not be written: no such file or directory (ENOENT).
Create its folder first`,
    );
  });

  test('without a name', async () => {
    expect(await complaint(() => openOutput(''))).toBe(
      'The file to write has an empty name.\nGive it one: --output FILE',
    );
  });

  test('on a full disk', async () => {
    await using output = await openOutput('/dev/full');
    expect(await complaint(() => output.write('vfs_read · cat\n'))).toBe(
      `\
/dev/full could not be written: no space left on device (ENOSPC).
Make room, or write elsewhere: --output /another/place`,
    );
  });
});

test.each([undefined, '-'])('--output %s is standard output', (output) => {
  expect(parseOutput({ output, color: true })).toMatchObject({ output: null, color: true });
});

describe('the ready file', () => {
  test('holds our pid', async () => {
    const path = join(folder, 'ready');
    await writeReadyFile(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  });

  test('in a folder that is not there', async () => {
    expect(await complaint(() => writeReadyFile(join(folder, 'none/ready')))).toBe(
      `\
/tmp/folder/none/ready could not be written: no such file or directory (ENOENT).
Create its folder first`,
    );
  });

  test('that nobody asked for', async () => {
    await expect(writeReadyFile(null)).resolves.toBeUndefined();
  });
});

describe('standard output', () => {
  /** Runs a module beside dist/tracing/output.js, with a pipe for its standard output. */
  function start(script: string) {
    const url = new URL('../dist/tracing/output.js', import.meta.url).href;
    const descriptor = new URL('../dist/descriptor.js', import.meta.url).href;
    const source = `import { ClosedPipe } from '${descriptor}';
      import { openOutput } from '${url}';
      const output = await openOutput(null);
      ${script}`;
    return spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  test('that nobody reads any more is a closed pipe', async () => {
    const child = start(`
      try {
        for (;;) await output.write('a line\\n');
      } catch (error) {
        process.exitCode = error instanceof ClosedPipe ? 7 : 8;
      }`);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  test('that is read slowly holds up the writer, not its event loop', async () => {
    const child = start(`
      let done = false;
      const writing = output.write('x'.repeat(4_000_000)).then(() => (done = true));
      await new Promise((resolve) => setTimeout(resolve, 200));
      console.error(done);
      await writing;
      process.exit();`);
    expect((await once(child.stderr, 'data')).toString()).toBe('false\n');
    expect((await readText(child.stdout)).length).toBe(4_000_000);
  });
});
