// A vitest reporter: errors outside of any test, of which vitest's JSON has nothing, a line each in the file $ERRORS.
import { appendFileSync } from 'node:fs';

export default class Errors {
  onTestRunEnd(_modules, errors) {
    for (const { name, message } of errors)
      appendFileSync(process.env.ERRORS, `${name}: ${message}`.replaceAll('\n', ' ') + '\n');
  }
}
