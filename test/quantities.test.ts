/** Sizes and times, as the flags take them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../src/failure.js';
import { parseBytes, parseCount, parseDurationNs, parsePercent } from '../src/words/quantities.js';

const digits = [
  '0',
  '1',
  '5',
  '99',
  '.',
  '-',
  ' ',
  'e',
  'n',
  'u',
  'µ',
  'm',
  's',
  'h',
  'K',
  'M',
  'G',
];
const almostQuantity = fc.string({ unit: fc.constantFrom(...digits), maxLength: 8 });

/** Fails unless what `parse` throws, if it does, is a Failure. */
function throwsOnlyFailures(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
  }
}

describe('a part', () => {
  test.each([
    ['0%', 0],
    ['5%', 0.05],
    ['0.5%', 0.005],
    ['100%', 1],
  ])('%s is %d', (text, part) => {
    expect(parsePercent('--tolerance', text)).toBe(part);
  });

  test.each(['', '5', '-5%', '101%', '5 %', 'some'])("is not '%s'", (text) => {
    expect(() => parsePercent('--tolerance', text)).toThrow(
      new Failure(2, `--tolerance '${text}' is not a part, such as 5%, 0.5%.`),
    );
  });
});

describe('a number', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['500K', 500_000],
    ['2.5m', 2_500_000],
    ['1G', 1_000_000_000],
  ])('%s is %i', (text, count) => {
    expect(parseCount('--max-rate', text)).toBe(count);
  });

  test.each(['', 'many', '-1', '1T', '2 M', '1e6', '9007199254740993'])("'%s' is none", (text) => {
    expect(() => parseCount('--max-rate', text)).toThrow(
      `--max-rate '${text}' is not a number, such as 500K, 2M, 0.`,
    );
  });

  test('or a Failure comes of any text', () => {
    fc.assert(
      fc.property(almostQuantity, (text) => {
        throwsOnlyFailures(() => parseCount('--max-rate', text));
      }),
    );
  });
});

describe('a size', () => {
  test.each([
    ['1', 1],
    ['4096', 4096],
    ['4096B', 4096],
    ['512K', 524_288],
    ['512KB', 524_288],
    ['16M', 16_777_216],
    ['16m', 16_777_216],
    ['2G', 2_147_483_648],
    ['1.5K', 1536],
    ['0.5G', 536_870_912],
    ['007', 7],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseBytes('--buffer', text)).toBe(bytes);
  });

  test.each(['', '0', '0G', '0.1', '-1', '+1', '1e6', ' 1', '1 K', '.5K', '1.', '1KiB', '1T', 'K'])(
    "is not '%s'",
    (text) => {
      expect(() => parseBytes('--buffer', text)).toThrow(
        new Failure(2, `--buffer '${text}' is not a size, such as 4096, 512K, 16M.`),
      );
    },
  );

  test('is a whole number of bytes, or wrong usage', () => {
    fc.assert(
      fc.property(fc.oneof(almostQuantity, fc.string()), (text) => {
        throwsOnlyFailures(() => {
          const bytes = parseBytes('--buffer', text);
          expect(bytes).toSatisfy(Number.isSafeInteger);
          expect(bytes).toBeGreaterThan(0);
        });
      }),
    );
  });

  test('too large for any machine is not a size', () => {
    expect(() => parseBytes('--buffer', `${'9'.repeat(400)}G`)).toThrow('is not a size');
  });
});

describe('a time', () => {
  test.each([
    ['500ns', 500],
    ['10us', 10_000],
    ['10µs', 10_000],
    ['1ms', 1_000_000],
    ['0.5ms', 500_000],
    ['2s', 2_000_000_000],
    ['5m', 300_000_000_000],
    ['1.5h', 5_400_000_000_000],
  ])('%s is %d ns', (text, ns) => {
    expect(parseDurationNs('--min-duration', text)).toBe(ns);
  });

  test.each(['', '0', '0s', '0.1ns', '10', '-1s', '1 s', '1e3s', '.5s', '1M', '1MS', '1d', 's'])(
    "is not '%s'",
    (text) => {
      expect(() => parseDurationNs('--min-duration', text)).toThrow(
        new Failure(2, `--min-duration '${text}' is not a time, such as 10us, 1ms.`),
      );
    },
  );

  test('is in seconds without a unit, where the flag has it so', () => {
    expect(parseDurationNs('--duration', '300', 's')).toBe(300_000_000_000);
    expect(parseDurationNs('--duration', '0.25', 's')).toBe(250_000_000);
    expect(parseDurationNs('--duration', '300ms', 's')).toBe(300_000_000);
  });

  test.each(['', '0', 'soon'])("is then not '%s' either", (text) => {
    expect(() => parseDurationNs('--duration', text, 's')).toThrow(
      new Failure(2, `--duration '${text}' is not a time, such as 300, 5m.`),
    );
  });

  test('longer than a double can count is not a time', () => {
    expect(() => parseDurationNs('--duration', '9999999h')).toThrow('is not a time');
  });

  test('is a whole number of nanoseconds, or wrong usage', () => {
    fc.assert(
      fc.property(fc.oneof(almostQuantity, fc.string()), (text) => {
        throwsOnlyFailures(() => {
          const ns = parseDurationNs('--duration', text, 's');
          expect(ns).toSatisfy(Number.isSafeInteger);
          expect(ns).toBeGreaterThan(0);
        });
      }),
    );
  });
});
