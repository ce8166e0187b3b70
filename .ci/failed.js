// failed.js REPORT: the files with guests that failed, a line each; none where they are so many that a busy machine
// can't be the reason.
import { isFailed, isOfGuests, loadFiles, nameOf } from './report.js';

const failed = loadFiles(process.argv[2]).filter(isFailed);
if (failed.length <= 3 && failed.every((file) => isOfGuests(nameOf(file))))
  for (const { name } of failed) console.log(name);
