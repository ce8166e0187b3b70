/** The trace tests on Linux 7.2. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('7.2');
