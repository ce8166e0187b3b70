/** The trace tests on Linux 6.12. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('6.12');
