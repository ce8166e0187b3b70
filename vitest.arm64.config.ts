/** `npm run test:arm64`: a guest that is arm64, which takes long where this machine is not. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.arm64.ts'],
    disableConsoleIntercept: true,
    maxWorkers: 1,
  },
});
