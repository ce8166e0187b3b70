// Counts the results in vitest's JSON reports and judges the run:
// count.js REPORT REPORT_OF_THE_SECOND_RUN REPORT_OF_THE_BROWSER ERRORS_OUTSIDE_OF_TESTS \
//          TEST_STATUS BROWSER_STATUS CHECK_STATUS BENCH_STATUS
import { readdirSync, readFileSync } from 'node:fs';
import { isFailed, isOfGuests, loadFiles, mergeFiles, nameOf } from './report.js';

const [firstPath, secondPath, browserPath, errorsPath, ...statuses] = process.argv.slice(2);
const [testStatus, browserStatus, checkStatus, benchStatus] = statuses;

const again = loadFiles(secondPath);
const files = [...mergeFiles(loadFiles(firstPath), again), ...loadFiles(browserPath)];
const count = (...counted) =>
  files.flatMap((file) => file.assertionResults).filter(({ status }) => counted.includes(status))
    .length;

const passed = count('passed');
const skipped = count('skipped', 'pending', 'todo', 'disabled');
const failures = [
  ...files
    .filter((file) => isFailed(file) && !file.assertionResults.some(isFailed))
    .map((file) => `${nameOf(file)} failed as a whole`),
  ...listErrors(),
  ...missingGuests(),
  ...(browserStatus === '0' ? [] : ['npm run test:browser failed']),
  ...(checkStatus === '0' ? [] : ['npm run check failed']),
  ...(benchStatus === '0' ? [] : ['npm run bench -- quick failed']),
];
const failed = count('failed') + failures.length;
if (passed + failed === 0) failures.push('no test ran');
else if (testStatus !== '0' && failed === 0) failures.push(`npm test ended with ${testStatus}`);

for (const file of again.filter((file) => !isFailed(file)))
  console.log(`ci: ${nameOf(file)} failed beside other guests, and passed alone`);
for (const failure of failures) console.log(`ci: ${failure}`);
console.log(`${passed} passed, ${Math.max(failed, failures.length)} failed, ${skipped} skipped`);
process.exitCode = failed + failures.length === 0 ? 0 : 1;

/** Also where all tests passed. */
function listErrors() {
  const lines = readFileSync(errorsPath, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => `outside of any test: ${line}`);
}

/** A guest that should have run and did not is a failure, even if nothing says so. */
function missingGuests() {
  return readdirSync('test')
    .filter(isOfGuests)
    .filter((name) => {
      const results = files.find((file) => nameOf(file) === name)?.assertionResults ?? [];
      return (
        results.length === 0 || results.some(({ status }) => !['passed', 'failed'].includes(status))
      );
    })
    .map((name) => `${name} did not run whole`);
}
