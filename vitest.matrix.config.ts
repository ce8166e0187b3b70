/**
 * `npm run test:matrix`: the trace tests on all kernels, with those that `npm test` leaves out, all of them by all
 * methods; and so what counts and what learns.
 */
import { defineConfig } from 'vitest/config';
import usual from './vitest.config.js';

const include = [
  ...['test/trace-*.guest.test.ts', 'test/trace-*.matrix.ts'],
  ...['test/stat.guest.test.ts', 'test/learn.guest.test.ts'],
];

process.env['FSNOOP_MATRIX'] = 'whole'; // see test/matrix.ts

export default defineConfig({ ...usual, test: { ...usual.test, include } });
