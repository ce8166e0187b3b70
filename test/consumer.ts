/** fsnoop as somebody has it who installed it: packed, and installed offline in a folder of its own. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

export interface Consumer extends AsyncDisposable {
  /** Has a node_modules with fsnoop in it, and what was added. */
  readonly path: string;
  /** What is in the package, as paths. */
  readonly packed: readonly string[];
}

/**
 * Packs what is built, without building it again.
 * @param files text by name, written beside it
 * @param copied paths in this repository, copied beside it
 */
export async function installPackage(
  files: Readonly<Record<string, string>>,
  copied: readonly string[],
): Promise<Consumer> {
  const path = await mkdtemp(join(tmpdir(), 'fsnoop-consumer-'));
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', path];
  const { stdout } = await run('npm', pack, { cwd: root });
  const [{ filename, files: packed }] = JSON.parse(stdout) as [PackResult];
  await writeFile(join(path, 'package.json'), '{"type":"module"}');
  const install = ['install', '--offline', '--no-audit', '--no-fund', `./${filename}`];
  await run('npm', install, { cwd: path });
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  for (const from of copied)
    await cp(join(root, from), join(path, from.replace(/^.*\//, '')), { recursive: true });
  return {
    path,
    packed: packed.map((file) => file.path),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

interface PackResult {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** What tsc says of these files of a consumer, strictly; '' when all is well. */
export async function checkTypes(path: string, files: readonly string[]): Promise<string> {
  const tsconfig = {
    compilerOptions: {
      ...{ module: 'nodenext', target: 'es2022', lib: ['es2022'], strict: true, noEmit: true },
      ...{ exactOptionalPropertyTypes: true, allowJs: true, checkJs: true, skipLibCheck: false },
      ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
    },
    files,
  };
  await writeFile(join(path, 'tsconfig.json'), JSON.stringify(tsconfig));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return run(process.execPath, [tsc, '-p', path], { cwd: path }).then(
    () => '',
    (error: unknown) => (error as { readonly stdout: string }).stdout,
  );
}
