/**
 * Makes one script of fsnoop and the packages it uses, dist/bundle/fsnoop.cjs: node takes longer to find and
 * read 200 modules than to run them. Beside it come the packages that single commands need, for no other start
 * to read them; fsnoop as a library, library.cjs, with its types; licences; the page of `fsnoop export --to html`;
 * and what V8 compiles of it at a start: for --help alone, and for all else.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { Script } from 'node:vm';
import { build } from 'esbuild';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const url = new URL('../dist/bundle/fsnoop.cjs', import.meta.url);
const compiled = new URL(`fsnoop.${process.arch}.compiled`, url);
const compiledHelp = new URL(`help.${process.arch}.compiled`, url);

/** In files of their own, libraries/NAME.cjs. */
const apart = [
  'ajv/dist/2020.js',
  'yaml',
  '@opentelemetry/api',
  '@opentelemetry/exporter-trace-otlp-proto',
  '@opentelemetry/resources',
];

/** What the library's types are made of: all that its entry, the first, exports, and nothing else. */
const typed = [
  'library/index',
  'library/options',
  'library/trace-object',
  'render/json-contract',
  'failure',
];

// first: V8 knows the script they belong to by its length alone
for (const file of [compiled, compiledHelp]) rmSync(file, { force: true });
const common = {
  absWorkingDir: root,
  bundle: true,
  metafile: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
};
const { metafile } = await build({
  ...common,
  entryPoints: ['src/cli/main.ts'],
  outfile: fileURLToPath(url),
  external: ['typescript'], // oclif has it for plugins in TypeScript
  alias: { ejs: './src/cli/templates.ts' },
  plugins: [{ name: 'apart', setup: keepApart }],
  define: { 'import.meta.url': 'moduleUrl' },
  banner: { js: '(function (require, moduleUrl) { const module = {};' },
  footer: { js: 'return module.exports; })' },
});
const { metafile: librariesMetafile } = await build({
  ...common,
  entryPoints: apart.map((name) => ({ in: name, out: nameApart(name) })),
  outdir: fileURLToPath(new URL('libraries', url)),
  outExtension: { '.js': '.cjs' },
});
const { metafile: libraryMetafile } = await build({
  ...common,
  entryPoints: ['src/library/index.ts'],
  outfile: fileURLToPath(new URL('library.cjs', url)),
  define: { 'import.meta.url': 'moduleUrl' },
  banner: {
    js: `'use strict'; const moduleUrl = require('node:url').pathToFileURL(__filename).href;`,
  },
});
typed.forEach(writeTypes);
cpSync(new URL('../src/recorded/page.html', import.meta.url), new URL('page.html', url));
writeFileSync(
  new URL('LICENSES', url),
  readLicences(
    [metafile, librariesMetafile, libraryMetafile].flatMap(({ inputs }) => Object.keys(inputs)),
  ).join('\n\n'),
);
await compile();

function keepApart({ onResolve }) {
  for (const name of apart) {
    onResolve({ filter: new RegExp(`^${name}$`) }, () => ({
      path: `./libraries/${nameApart(name)}.cjs`,
      external: true,
    }));
  }
}

function nameApart(name) {
  return name.replace(/\W+/g, '-');
}

/** The declarations of one file of src/, in types/, as those of a CommonJS module. */
function writeTypes(name) {
  const { outputText, diagnostics } = ts.transpileDeclaration(
    readFileSync(`${root}/src/${name}.ts`, 'utf8'),
    {
      fileName: `${name}.ts`,
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext },
    },
  );
  for (const { messageText } of diagnostics) throw new Error(`types of ${name}: ${messageText}`);
  const path = fileURLToPath(new URL(`types/${name}.d.cts`, url));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, outputText.replace(/(from '\.[^']*)\.js'/g, "$1.cjs'"));
}

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
