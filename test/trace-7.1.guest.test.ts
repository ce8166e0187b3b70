/** The trace tests on Linux 7.1. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('7.1');
