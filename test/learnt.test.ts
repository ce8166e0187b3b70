/** What was learnt of the calls below roots: collected, kept in a file, told. */
import { describe, expect, test } from 'vitest';
import { exitStatus, Failure } from '../src/failure.js';
import { checkLearnt, parseLearnt, printLearnt, type Learnt } from '../src/plan/learnt.js';
import { renderLearning, renderLearnt, renderLess } from '../src/render/learnt.js';
import { isInterruptEntry } from '../src/symbols/interrupts.js';
import { collectCalled } from '../src/tree/below.js';
import { TreeBuilder } from '../src/tree/builder.js';
import { functions } from './fixtures/reads.js';
import { recordsOf, type Sketch } from './fixtures/records.js';

const learnt: Learnt = {
  type: 'learnt',
  version: 1,
  kernel: '7.2.13+deb14-cloud-amd64',
  roots: ['vfs_read', 'vfs_write'],
  maxDepth: 5,
  calls: 3,
  lost: 0,
  functions: ['ext4_file_read_iter', 'rw_verify_area'],
};

/** f0 { f1 { f2 } f3 { f4 { f1 } } } */
const sketch: Sketch = {
  function: 0,
  startNs: 0,
  durationNs: 100,
  calls: [
    {
      function: 1,
      startNs: 10,
      durationNs: 20,
      calls: [{ function: 2, startNs: 15, durationNs: 5 }],
    },
    {
      function: 3,
      startNs: 40,
      durationNs: 50,
      calls: [
        {
          function: 4,
          startNs: 45,
          durationNs: 30,
          calls: [{ function: 1, startNs: 50, durationNs: 10 }],
        },
      ],
    },
  ],
};

describe('what is called below', () => {
  const collect = (records: ReturnType<typeof recordsOf>, ...skipped: number[]) => {
    const seen = new Set<number>();
    const builder = new TreeBuilder({
      onTree: (tree) => {
        collectCalled(tree, (place) => skipped.includes(place), seen);
      },
    });
    for (const record of records) builder.add(record);
    builder.finish();
    return [...seen].sort();
  };

  test('is every function in the tree', () => {
    expect(collect(recordsOf(sketch))).toEqual([0, 1, 2, 3, 4]);
  });

  test('is without what only skipped calls lead to', () => {
    expect(collect(recordsOf(sketch), 3)).toEqual([0, 1, 2]);
    expect(collect(recordsOf(sketch), 1)).toEqual([0, 3, 4]);
  });

  test('is what is left where the records of callers were lost', () => {
    const left = recordsOf(sketch).filter((record) => record.function !== 3);
    expect(collect(left)).toEqual([0, 1, 2, 4]);
  });
});

test('what runs in an interrupt is not of the call that it interrupts', () => {
  expect(isInterruptEntry('__sysvec_apic_timer_interrupt')).toBe(true);
  expect(isInterruptEntry('irq_exit_rcu')).toBe(true);
  // packets to this machine are received in these, called by what sends them
  expect(isInterruptEntry('do_softirq')).toBe(false);
  expect(isInterruptEntry('handle_softirqs')).toBe(false);
});

describe('a file', () => {
  test('is read as it was written', () => {
    expect(parseLearnt(printLearnt(learnt), 'reads')).toEqual(learnt);
  });

  test.each([
    ['no JSON', 'vfs_read'],
    ['JSON of something else', '{"type":"plan","version":1}'],
    ['of a later version', printLearnt({ ...learnt, version: 2 as never })],
    ['with names that are none', printLearnt({ ...learnt, functions: [7 as never] })],
    ['null', 'null'],
  ])('that is %s is refused', (_, text) => {
    expect(() => parseLearnt(text, 'reads')).toThrow(/^reads is not what --fgraph-save writes\.$/);
  });

  const here = { kernel: learnt.kernel, roots: ['vfs_read'] };

  test('serves the kernel and the roots that it was learnt of', () => {
    expect(() => {
      checkLearnt(learnt, here, 'reads');
    }).not.toThrow();
  });

  test.each([
    [{ kernel: '7.3.1' }, 'reads was learnt of Linux 7.2.13+deb14-cloud-amd64; this is 7.3.1.'],
    [
      { roots: ['vfs_read', 'ksys_read'] },
      'reads was learnt below vfs_read, vfs_write, not below ksys_read.',
    ],
  ])('is refused where there is %j', (other, message) => {
    const failure = new Failure(
      exitStatus.usage,
      message,
      'Learn again: --fgraph-learn --fgraph-save reads',
    );
    expect(() => {
      checkLearnt(learnt, { ...here, ...other }, 'reads');
    }).toThrow(failure);
  });
});

describe('a person is told', () => {
  test('what learning costs, and whether the command runs twice', () => {
    expect(renderLearning({ functions, command: null }, 10)).toBe(
      `Learning from 10 calls, with ${functions.length} functions attached: each call of them, by any task, takes longer meanwhile.\n`,
    );
    expect(renderLearning({ functions, command: ['cat'] }, null)).toBe(
      `Learning while the command runs, which then runs again, with ${functions.length} functions attached: each call of them, by any task, takes longer meanwhile.\n`,
    );
  });

  test('what was learnt', () => {
    expect(renderLearnt(learnt, { attachMs: 4120, detachMs: 812.5 })).toBe(
      `Learnt 2 functions below vfs_read, vfs_write from 3 calls; attaching took 4.12 s, detaching 812.50 ms.
    ext4_file_read_iter, rw_verify_area
`,
    );
    expect(
      renderLearnt(
        { ...learnt, functions: [], calls: 1, lost: 1234 },
        { attachMs: 1, detachMs: 1 },
      ),
    ).toBe(
      `Learnt 0 functions below vfs_read, vfs_write from 1 call; attaching took 1.00 ms, detaching 1.00 ms.
Of all tasks 1,234 calls went unseen: learn again if a function is missing.
`,
    );
  });

  test('what a file does not have', () => {
    expect(renderLess(learnt, 5, [])).toBe('');
    expect(renderLess(learnt, 7, [])).toBe(
      'Only 5 levels were learnt: what is deeper, down to 7, is not shown.\n',
    );
    expect(renderLess(learnt, 5, ['a', 'b', 'c', 'd'])).toBe(
      'This kernel does not have 4 functions that were learnt: a, b, c, ….\n',
    );
    expect(renderLess(learnt, 5, ['a'])).toBe(
      'This kernel does not have 1 function that was learnt: a.\n',
    );
  });
});
