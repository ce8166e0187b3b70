// Counts the results in vitest's JSON report and judges the run:
// count.js REPORT TEST_STATUS CHECK_STATUS BENCH_STATUS
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

const [reportPath, testStatus, checkStatus, benchStatus] = process.argv.slice(2);

const files = loadFiles();
const count = (...statuses) =>
  files.flatMap((file) => file.assertionResults).filter(({ status }) => statuses.includes(status))
    .length;

const passed = count('passed');
const skipped = count('skipped', 'pending', 'todo', 'disabled');
const failures = [
  ...files
    .filter((file) => file.status === 'failed' && !file.assertionResults.some(isFailed))
    .map((file) => `${basename(file.name)} failed as a whole`),
  ...missingGuests(),
  ...(checkStatus === '0' ? [] : ['npm run check failed']),
  ...(benchStatus === '0' ? [] : ['npm run bench -- quick failed']),
];
const failed = count('failed') + failures.length;
if (passed + failed === 0) failures.push('no test ran');
else if (testStatus !== '0' && failed === 0) failures.push(`npm test ended with ${testStatus}`);

for (const failure of failures) console.log(`ci: ${failure}`);
console.log(`${passed} passed, ${Math.max(failed, failures.length)} failed, ${skipped} skipped`);
process.exitCode = failed + failures.length === 0 ? 0 : 1;

function loadFiles() {
  try {
    return JSON.parse(readFileSync(reportPath, 'utf8')).testResults;
  } catch {
    return [];
  }
}

function isFailed({ status }) {
  return status === 'failed';
}

/** A guest that should have run and did not is a failure, even if nothing says so. */
function missingGuests() {
  return readdirSync('test')
    .filter((name) => name.endsWith('.guest.test.ts'))
    .filter((name) => {
      const results = files.find((file) => basename(file.name) === name)?.assertionResults ?? [];
      return (
        results.length === 0 || results.some(({ status }) => !['passed', 'failed'].includes(status))
      );
    })
    .map((name) => `${name} did not run whole`);
}
