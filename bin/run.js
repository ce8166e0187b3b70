#!/usr/bin/env node
// Starts fsnoop. All of it is one script (scripts/bundle.js makes it), and beside it lies what V8
// compiled of it when it was built. Another V8 than that one refuses it and compiles anew, but not the
// same one of another architecture, which would crash. This file is no ES module, whose loader would
// take node a third of its start.
const { readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const path = join(__dirname, '../dist/bundle/fsnoop.cjs');
const args = process.argv.slice(2);
const isHelp = ['-h', '--help', 'help', undefined].includes(args[0]);
const script = new Script(readFileSync(path, 'latin1'), {
  filename: path,
  cachedData: readCompiled(isHelp ? 'help' : 'fsnoop'),
});
const { main } = script.runInThisContext()(createRequire(path), pathToFileURL(path).href);
main(args);

function readCompiled(name) {
  try {
    return readFileSync(join(__dirname, `../dist/bundle/${name}.${process.arch}.compiled`));
  } catch {
    return undefined; // it only saves time
  }
}
