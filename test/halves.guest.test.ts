/** Methods with a program for each half of a call, on the oldest kernels with them: what is their own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildCalls, type BuiltProgram } from './calls.js';
import { countEach, countShapes, fromJson } from './function-graph.js';
import { guestSession, type GuestSession } from './guest.js';
import { childrenOf, linesOf, onlyLineOf, type JsonNode } from './json-lines.js';
import { leftovers } from './safety.js';

const below = 'vfs_read,rw_verify_area,security_file_permission,read_zero';
const shape = 'ksys_read(vfs_read(rw_verify_area(security_file_permission),read_zero))';
/** What our own program calls when it reads a string. */
const helpers = 'copy_from_kernel_nofault,strncpy_from_kernel_nofault';

/** One half of rw_verify_area is attached to a function that nobody calls: as if the kernel skipped it. */
const skipHalf = `
const { execSync } = require('node:child_process');
const { dlopen, env } = process;
const dumped = execSync("bpftool btf dump file /sys/kernel/btf/vmlinux | grep -E \\"FUNC '(rw_verify_area|bpf_fentry_test1)'\\"");
const ids = Object.fromEntries([...String(dumped).matchAll(/\\[(\\d+)\\] FUNC '(\\w+)'/g)].map(([, id, name]) => [name, Number(id)]));
const isSkipped = (program) => program.endsWith('_return') === (env.SKIPPED === 'return');
process.dlopen = (module, ...rest) => {
  dlopen(module, ...rest);
  module.exports.Object = class extends module.exports.Object {
    attachCopy(program, id, cookie) {
      const isMeant = isSkipped(program) && id === ids.rw_verify_area;
      return super.attachCopy(program, isMeant ? ids.bpf_fentry_test1 : id, cookie);
    }
    attachKprobes(program, names, cookies, flags) {
      const rename = (name) => isSkipped(program) && name === 'rw_verify_area' ? 'bpf_fentry_test1' : name;
      return super.attachKprobes(program, names.map(rename), cookies, flags);
    }
  };
};
`;

const stepsBy = (fsnoop: string) => ({
  values: `${fsnoop} -k ksys_read -g --fgraph-include vfs_read --output-arg 'count + 1' --output-arg '$retval * 10 + count' --output-arg 'str(file->f_path.dentry->d_name.name)' -c 'calls read 3'`,
  'filters at the entry': `${fsnoop} -k ksys_read --filter-arg 'count == 4096' -c 'calls mixed'`,
  'filters at the return': `${fsnoop} -k ksys_read,ksys_write --args off --filter-arg '(long)$retval < (long)count' -c 'calls mixed'`,
  'one in the other': `${fsnoop} -k ksys_read -g --fgraph-include '${below},${helpers}' --output-arg 'str(file->f_path.dentry->d_name.name)' --output-arg count -c 'calls read 300'`,
  'no entry': `cat >/tmp/skip.cjs <<'END'\n${skipHalf}END
    SKIPPED=entry NODE_OPTIONS='--require /tmp/skip.cjs' ${fsnoop} -k ksys_read -g --fgraph-include '${below}' -c 'calls read 20'`,
  'no return': `SKIPPED=return NODE_OPTIONS='--require /tmp/skip.cjs' ${fsnoop} -k ksys_read -g --fgraph-include '${below}' -c 'calls read 20'`,
  'a jump': `${fsnoop} -k __x64_sys_read -g --fgraph-include 'ksys_read,${below}' -c 'calls read 20'`,
  'too deep': `${fsnoop} -k ksys_read -g --fgraph-include vfs_read --fgraph-max-depth 31 --dry-run`,
  'not so deep': `${fsnoop} -k ksys_read -g --fgraph-max-depth 2 --fgraph-include '${below}' -c 'calls read 20'`,
  SIGKILL: `
    ${fsnoop} -k ksys_read -g --fgraph-include '${below}' --ready-file /tmp/traced -c 'calls forever' >/dev/null &
    while ! [ -s /tmp/traced ]; do sleep 0.1; done
    kill -KILL $!; wait $!; status=$?
    kill -KILL $(pidof calls); exit $status`,
  'after SIGKILL': leftovers,
});

let calls: BuiltProgram;

beforeAll(async () => {
  calls = await buildCalls();
});

afterAll(() => calls[Symbol.asyncDispose]());

describe.each([
  ['6.1', 'fentry+fexit'],
  ['6.12', 'kprobe.multi'],
])('on %s, by %s', (kernel, method) => {
  type Step = keyof ReturnType<typeof stepsBy>;
  let run: GuestSession<Step>;

  beforeAll(async () => {
    run = await guestSession({
      kernel,
      files: [{ path: calls.path }, { path: '/usr/sbin/bpftool' }],
      timeoutMs: 900_000,
      stepTimeoutMs: 240_000,
      steps: stepsBy(`fsnoop --method ${method} --format json`),
    });
  }, 1_000_000);

  const step = (name: Step) => run.steps[name];
  const treesOf = (name: Step) => linesOf(step(name).stdout, 'tree');
  const summaryOf = (name: Step) => onlyLineOf(step(name).stdout, 'summary');

  test('nothing is wrong with the kernel', () => {
    expect(run.splats).toEqual([]);
  });

  test('arguments and values are those of the call', () => {
    expect(step('values').status).toBe(0);
    expect(onlyLineOf(step('values').stdout, 'start').method).toBe(method);
    expect(treesOf('values').length).toBe(3);
    for (const { root } of treesOf('values'))
      expect(root).toMatchObject({
        retval: 1,
        args: [{ name: 'fd' }, { name: 'buf' }, { name: 'count', value: 1 }],
        outputs: [{ value: 2 }, { value: 11 }],
        children: [
          {
            retval: 1,
            args: [{ name: 'file' }, { name: 'buf' }, { name: 'count', value: 1 }, { name: 'pos' }],
            outputs: [{ value: 2 }, { value: 11 }, { value: 'zero' }],
          },
        ],
      });
  });

  test('filters ask for them at the entry, and at the return', () => {
    const made = (name: Step) =>
      linesOf(step(name).stdout, 'call').map(
        (call) => `${call.function ?? ''} ${call.retval ?? ''}`,
      );
    expect(made('filters at the entry')).toEqual(['ksys_read 4096']);
    expect(made('filters at the return')).toEqual([
      ...['ksys_read -9', 'ksys_read -21', 'ksys_read -14', 'ksys_write -28', 'ksys_write -9'],
    ]);
  });

  test('what our own programs call is skipped, and harms nothing', () => {
    expect(step('one in the other').status).toBe(0);
    const trees = treesOf('one in the other');
    expect(countShapes(trees.map(({ root }) => fromJson(root)))).toEqual({ [shape]: 300 });
    expect(trees.every(({ complete }) => complete)).toBe(true);
    const { calls: made, lost } = summaryOf('one in the other');
    expect(made).toBe(5 * 300);
    expect(lost).toMatchObject({ ring: 0, entry: 0, user: 0 });
  });

  /** Where its record would be, and nothing else. */
  const gapOf = (name: Step) => {
    for (const { complete, lost, root } of treesOf(name)) {
      expect({ complete, lost }).toEqual({ complete: false, lost: 1 });
      expectSums(root);
    }
    const named = treesOf(name).flatMap(({ root }) => namesOf(root));
    return { status: step(name).status, calls: countEach(named), lost: summaryOf(name).lost };
  };
  const others = { ksys_read: 20, vfs_read: 20, security_file_permission: 20, read_zero: 20 };

  test('a call whose entry was skipped is a gap, and is counted', () => {
    const { status, calls: seen, lost } = gapOf('no entry');
    expect({ status, seen, entry: lost.entry }).toEqual({ status: 0, seen: others, entry: 20 });
  });

  /** What is called from the same place may be called by it: fprobe sees a jump as it sees a call. */
  test('a call whose return was skipped is a gap', () => {
    const { status, calls: seen } = gapOf('no return');
    expect({ status, seen }).toEqual({ status: 0, seen: others });
    if (method !== 'fentry+fexit') return;
    for (const { root } of treesOf('no return')) {
      const [read] = childrenOf(root);
      expect(read && childrenOf(read).map((child) => child.function)).toContain('read_zero');
    }
  });

  test('a function that another jumps to is below it', () => {
    const shapes = countShapes(treesOf('a jump').map(({ root }) => fromJson(root)));
    expect(shapes).toEqual({ [`__x64_sys_read(${shape})`]: 20 });
    expect(treesOf('a jump').every(({ complete }) => complete)).toBe(true);
  });

  test('calls that are too deep are no gap', () => {
    expect(countShapes(treesOf('not so deep').map(({ root }) => fromJson(root)))).toEqual({
      'ksys_read(vfs_read(rw_verify_area,read_zero))': 20,
    });
    expect(treesOf('not so deep').every(({ complete }) => complete)).toBe(true);
    expect(summaryOf('not so deep').lost.entry).toBe(0);
    expect(step('too deep').status).toBe(2);
    expect(step('too deep').stderr).toContain(
      `--fgraph-max-depth 31 is too deep for the method ${method}`,
    );
  });

  test('SIGKILL leaves nothing attached', () => {
    expect(step('SIGKILL').status).toBe(137);
    expect(step('after SIGKILL')).toMatchObject({ stdout: '', stderr: '' });
  });
});

function namesOf(call: JsonNode): string[] {
  return [...(call.function === null ? [] : [call.function]), ...childrenOf(call).flatMap(namesOf)];
}

/** No call that is known takes longer than its caller. */
function expectSums(call: JsonNode): void {
  const inside = childrenOf(call).reduce((sum, { durationNs }) => sum + (durationNs ?? 0), 0);
  expect(inside).toBeLessThanOrEqual(call.durationNs ?? Infinity);
  childrenOf(call).forEach(expectSums);
}
