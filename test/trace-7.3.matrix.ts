/** The trace tests on Linux 7.3. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('7.3');
