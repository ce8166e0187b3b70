/** The trace tests on Linux 6.19. */
import { testTracingOn } from './trace-tests.js';

await testTracingOn('6.19');
