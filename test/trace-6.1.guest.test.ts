/** The trace tests on Linux 6.1. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('6.1');
