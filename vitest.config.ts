import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    disableConsoleIntercept: true,
    maxWorkers: 2, // each may keep a guest busy
    testTimeout: 30_000, // beside guests even small things take long
  },
});
