/** `npm run test:safety`: what takes too long for `npm test`. One guest at a time. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.long.ts'],
    disableConsoleIntercept: true,
    maxWorkers: 1,
  },
});
