import { availableParallelism, totalmem } from 'node:os';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';

/** Each may keep a guest busy: it takes a CPU, and 2 or 3 GiB. */
const workers = Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 32));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/matrix-table.ts'],
    sequence: { sequencer: LongestFirst },
    disableConsoleIntercept: true,
    maxWorkers: Math.max(2, workers),
    testTimeout: 30_000, // beside guests even small things take long
  },
});
