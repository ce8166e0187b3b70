/** What is told on stderr beside the trace. */
import { expect, test } from 'vitest';
import { renderMany } from '../src/render/notes.js';

test('so many functions that a machine feels it are told, fewer are not', () => {
  expect(renderMany(2000)).toBe('');
  expect(renderMany(41_551)).toBe(
    'Attaching to 41,551 functions: each call of them, by any task, takes longer until fsnoop ends.\n',
  );
});
