/** The trace tests on Linux 6.18. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('6.18');
