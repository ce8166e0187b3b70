/** The programs in test/programs/, built for a guest. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const source = (name: string): string =>
  fileURLToPath(new URL(`programs/${name}.c`, import.meta.url));

export interface BuiltProgram extends AsyncDisposable {
  readonly path: string;
}

/** Builds the program of known calls. */
export const buildCalls = (): Promise<BuiltProgram> => buildProgram('calls');

/** Builds a program in a folder of its own, which goes with it. */
export async function buildProgram(name: string): Promise<BuiltProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'fsnoop-test-'));
  const path = join(folder, name);
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-static', '-pthread'];
  await promisify(execFile)('cc', [...flags, '-o', path, source(name)]);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
