/** What the machine's files say, and how a diagnosis reads. */
import { describe, expect, test } from 'vitest';
import { parseCapabilities, parseLockdown, parseLockedMemory } from '../src/machine.js';
import { renderDiagnosisJson, renderDiagnosisText, type Diagnosis } from '../src/render/doctor.js';

describe('the lockdown', () => {
  test.each([
    ['[none] integrity confidentiality\n', 'none'],
    ['none [integrity] confidentiality\n', 'integrity'],
    ['none integrity [confidentiality]\n', 'confidentiality'],
    ['', null],
  ])('of %j', (text, lockdown) => {
    expect(parseLockdown(text)).toBe(lockdown);
  });
});

describe('capabilities', () => {
  test.each([
    ['0000000000000000', []],
    ['000000c000000004', ['CAP_DAC_READ_SEARCH', 'CAP_PERFMON', 'CAP_BPF']],
    ['0000000000200000', ['CAP_SYS_ADMIN']],
    [
      '000001fffeffffff',
      [
        'CAP_DAC_OVERRIDE',
        'CAP_DAC_READ_SEARCH',
        'CAP_SYS_RAWIO',
        'CAP_SYS_ADMIN',
        'CAP_SYSLOG',
        'CAP_PERFMON',
        'CAP_BPF',
      ],
    ],
  ])('of CapEff %s', (held, names) => {
    const status = `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${held}\nCapBnd:\t0\n`;
    expect([...parseCapabilities(status)]).toEqual(names);
  });
});

test.each([
  ['Max locked memory         8388608              8388608              bytes', 8388608],
  ['Max locked memory         unlimited            unlimited            bytes', null],
])('locked memory of %j', (line, bytes) => {
  expect(parseLockedMemory(`Max processes  31\n${line}\nMax file locks\n`)).toBe(bytes);
});

const diagnosis: Diagnosis = {
  kernel: '7.0.9-cloud',
  arch: 'x64',
  method: 'fsession',
  machine: [
    { name: 'privileges', answer: 'yes', detail: 'root', advice: [] },
    { name: 'ftrace', answer: 'no', detail: 'is off', advice: ['turn it on', 'or else'] },
    { name: 'lockdown', answer: 'could not tell', detail: 'there is none', advice: [] },
  ],
  methods: [
    { name: 'fsession.multi', answer: 'no', detail: 'it came with Linux 7.2', advice: [] },
    { name: 'fsession', answer: 'yes', detail: 'one program', advice: [] },
  ],
};

test('a diagnosis as text', () => {
  expect(renderDiagnosisText(diagnosis, false)).toBe(`Linux 7.0.9-cloud, x64

✓ privileges       root
✗ ftrace           is off
                   → turn it on
                   → or else
? lockdown         could not tell: there is none

✗ fsession.multi   it came with Linux 7.2
✓ fsession         one program

fsnoop can trace here, by fsession.
`);
});

test('nothing to trace with, in color', () => {
  const text = renderDiagnosisText({ ...diagnosis, method: null }, true);
  expect(text).toContain('\u001b[31m✗\u001b[39m ftrace');
  expect(text).toMatch(/Nothing can trace here\..* fsnoop vm --kernel 7\.2 -- fsnoop …\n$/);
});

test('a diagnosis as JSON', () => {
  expect(renderDiagnosisJson(diagnosis)).toMatch(/^[^\n]+\n$/);
  expect(JSON.parse(renderDiagnosisJson(diagnosis))).toEqual({
    type: 'doctor',
    version: 1,
    canTrace: true,
    ...diagnosis,
  });
});
