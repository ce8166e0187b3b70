/**
 * Makes one script of fsnoop and the packages it uses, dist/bundle/fsnoop.cjs: node takes longer to find and
 * read 200 modules than to run them. Beside it come their licences, and what V8 compiles of it at a start:
 * for --help alone, and for all else.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { fileURLToPath, URL } from 'node:url';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const url = new URL('../dist/bundle/fsnoop.cjs', import.meta.url);
const compiled = new URL('fsnoop.compiled', url);
const compiledHelp = new URL('help.compiled', url);

// first: V8 knows the script they belong to by its length alone
for (const file of [compiled, compiledHelp]) rmSync(file, { force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: fileURLToPath(url),
  bundle: true,
  metafile: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  external: ['typescript'], // oclif has it for plugins in TypeScript
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: '(function (require, moduleUrl) { const module = {};' },
  footer: { js: 'return module.exports; })' },
});
writeFileSync(new URL('LICENSES', url), readLicences(Object.keys(metafile.inputs)).join('\n\n'));
await compile();

/** Starts fsnoop as it is started most, so that V8 has compiled what that takes. */
async function compile() {
  const script = new Script(readFileSync(url, 'latin1'), { filename: url.pathname });
  const { runCommand } = script.runInThisContext()(createRequire(url), url.href);
  const { write } = process.stdout;
  process.stdout.write = () => true;
  await runCommand(['--help']);
  process.stdout.write = write;
  writeFileSync(compiledHelp, script.createCachedData());
  // most machines that build lack something for it, and most of it has run by then
  await runCommand(['-k', 'vfs_read', '--dry-run', '-o', devNull]).catch(() => undefined);
  writeFileSync(compiled, script.createCachedData());
}

/** Of the packages that these files are from. */
function readLicences(paths) {
  const folders = paths.flatMap(
    (path) => /^.*node_modules\/(@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  return [...new Set(folders)].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${root}/${folder}/package.json`));
    const file = readdirSync(`${root}/${folder}`).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? license : readFileSync(`${root}/${folder}/${file}`, 'utf8');
    return `${name} ${version}\n\n${text}`;
  });
}
