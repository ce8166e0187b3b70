#!/usr/bin/env node
// Starts fsnoop. All of it is one script (scripts/bundle.js makes it), and beside it lies what V8
// compiled of it when it was built. Another V8 than that one refuses it and compiles anew.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { URL } from 'node:url';
import { Script } from 'node:vm';

const url = new URL('../dist/bundle/fsnoop.cjs', import.meta.url);
const script = new Script(readFileSync(url, 'latin1'), {
  filename: url.pathname,
  cachedData: readCompiled(),
});
const { main } = script.runInThisContext()(createRequire(url), url.href);
await main(process.argv.slice(2));

function readCompiled() {
  try {
    return readFileSync(new URL('fsnoop.compiled', url));
  } catch {
    return undefined; // it only saves time
  }
}
