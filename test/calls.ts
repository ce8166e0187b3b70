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
export const buildProgram = (name: string): Promise<BuiltProgram> =>
  build('cc', ['-O1', '-Wall', '-Wextra', '-Werror', '-static', '-pthread'], name, name);

/** Builds a BPF object, `xdp.bpf.o` of `xdp.bpf.c`. */
export const buildBpf = (name: string): Promise<BuiltProgram> =>
  build('clang', bpfFlags, `${name}.bpf`, `${name}.bpf.o`);

const bpfFlags = '-g -O2 -target bpf -I/usr/include/x86_64-linux-gnu -c'.split(' ');

async function build(
  compiler: string,
  flags: readonly string[],
  from: string,
  to: string,
): Promise<BuiltProgram> {
  const folder = await mkdtemp(join(tmpdir(), 'fsnoop-test-'));
  const path = join(folder, to);
  await promisify(execFile)(compiler, [...flags, '-o', path, source(from)]);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
