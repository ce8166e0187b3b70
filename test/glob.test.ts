/** Names and globs as one RegExp: however it is put together, it matches what each of them matches. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGlobs, toRegExpSource } from '../src/symbols/glob.js';

describe('a RegExp of many names', () => {
  test('has what they begin with once', () => {
    expect(toRegExpSource(['write', 'read_iter', 'read', 'read'])).toBe(
      '(?:(?:read(?:_iter)?|write))',
    );
    expect(toRegExpSource(['a.isra.0', 'b*'])).toBe('(?:a\\.isra\\.0|b[!-~]*)');
  });

  const name = fc.string({ unit: fc.constantFrom('a', 'b', '_', '.', '$'), minLength: 1 });
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', '[', ']'), minLength: 1 });

  test('matches what each matches alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(name, glob), { minLength: 1, maxLength: 40 }),
        fc.array(name),
        (wanted, others) => {
          const together = compileGlobs(wanted);
          const alone = wanted.map((one) => compileGlobs([one]));
          for (const text of [...wanted, ...others])
            expect(together.test(text)).toBe(alone.some((one) => one.test(text)));
        },
      ),
    );
  });
});
