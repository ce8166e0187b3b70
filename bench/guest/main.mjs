/** In the guest: runs one measure, `node main.mjs NAME ARGUMENTS-AS-JSON`, and prints what it found as JSON. */
import { release } from 'node:os';

const [name, args] = process.argv.slice(2);
const { measure } = await import(`./${name}.mjs`);
const found = await measure(JSON.parse(args));
console.log(JSON.stringify({ kernel: release(), found }));
