import { expect, test } from 'vitest';
import { explainRefusal } from '../src/attach/explain.js';
import { NativeError } from '../src/attach/native.js';

const refused = (log: string) =>
  explainRefusal(new NativeError(13, 'EACCES', 'bpf_object__load', log)).message;

test('what the verifier refuses is told in its words, all else of that errno as a lack of privileges', () => {
  const log = 'R2 max value is outside of the allowed memory range\n-- END PROG LOAD LOG --\n';
  expect(refused(log)).toContain('R2 max value is outside');
  expect(refused('')).toMatch(/CAP_BPF and CAP_PERFMON/);
});
