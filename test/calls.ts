/** The program of known calls, test/programs/calls.c, built for a guest. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const source = fileURLToPath(new URL('programs/calls.c', import.meta.url));

export interface BuiltProgram extends AsyncDisposable {
  readonly path: string;
}

/** Builds it in a folder of its own, which goes with it. */
export async function buildCalls(): Promise<BuiltProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'fsnoop-calls-'));
  const path = join(folder, 'calls');
  const flags = ['-O1', '-Wall', '-Wextra', '-Werror', '-static', '-pthread'];
  await promisify(execFile)('cc', [...flags, '-o', path, source]);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
