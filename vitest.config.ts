import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/matrix-table.ts'],
    sequence: { sequencer: LongestFirst },
    disableConsoleIntercept: true,
    maxWorkers: 2, // each may keep a guest busy
    testTimeout: 30_000, // beside guests even small things take long
  },
});
