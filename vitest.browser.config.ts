/** `npm run test:browser`: what is exported for a browser, in one: Chromium is large, so npm test does without. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.browser.ts'],
    disableConsoleIntercept: true,
    maxWorkers: 1,
    testTimeout: 30_000,
    hookTimeout: 60_000, // the browser starts
  },
});
