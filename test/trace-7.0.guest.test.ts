/** The trace tests on Linux 7.0. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('7.0');
