/** One guest for many steps: what a guest test asks to be run, and what came of each step. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { runInGuest, type GuestOptions, type GuestRun, type Sink } from '../src/vm/guest.js';

// a guest needs 5 s to boot and more on a busy machine; whoever imports this file boots guests
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

export interface GuestSessionOptions<Step extends string> extends Pick<
  GuestOptions,
  'architecture' | 'files' | 'modules' | 'env' | 'icount' | 'smp' | 'memoryBytes' | 'timeoutMs'
> {
  /** 7.2 without it. */
  readonly kernel?: string;
  /** Shell scripts, run one after the other in /root, each by a shell of its own. */
  readonly steps: Readonly<Record<Step, string>>;
  /** For each step; 60 s without it. A step that takes longer is killed: status 143. */
  readonly stepTimeoutMs?: number;
}

export interface StepResult {
  readonly stdout: string;
  /** The same, byte for byte. */
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
  readonly status: number;
}

export interface GuestSession<Step extends string> extends Pick<GuestRun, 'kernelLog' | 'splats'> {
  readonly steps: Readonly<Record<Step, StepResult>>;
}

/**
 * Boots one guest and runs all steps in it. A step that fails or hangs doesn't keep the others from running.
 * @throws {Error} when the guest crashed, timed out or could not start, with the kernel's last words
 */
export async function guestSession<Step extends string>(
  options: GuestSessionOptions<Step>,
): Promise<GuestSession<Step>> {
  const { steps, stepTimeoutMs = 60_000, kernel = '7.2', files = [], ...machine } = options;
  const names = Object.keys(steps) as Step[];
  await using folder = await writeSteps(names.map((name) => steps[name]));
  const stdout = keepOutput();
  const stderr = keepOutput();
  const run = await runInGuest({
    ...machine,
    kernel,
    files: [...files, { path: folder.path, guestPath: '/steps' }],
    command: ['sh', '-c', renderRunner(names.length, stepTimeoutMs)],
    stdout: stdout.sink,
    stderr: stderr.sink,
  });
  if (run.outcome !== 'exited')
    throw new Error([`the guest ${run.outcome}`, ...run.lastWords, stderr.text()].join('\n'));
  const results = parseResults(stdout.text());
  const entries = names.map((name, at) => {
    const result = results[at];
    if (result === undefined) throw new Error(`no result of step '${name}'\n${stderr.text()}`);
    return [name, result] as const;
  });
  return {
    steps: Object.fromEntries(entries) as Record<Step, StepResult>,
    kernelLog: run.kernelLog,
    splats: run.splats,
  };
}

export interface KeptOutput {
  readonly sink: Sink;
  readonly bytes: () => Buffer;
  readonly text: () => string;
}

/** Keeps what is written to it. */
export function keepOutput(): KeptOutput {
  const chunks: Buffer[] = [];
  const bytes = (): Buffer => Buffer.concat(chunks);
  return {
    sink: (chunk) => {
      chunks.push(chunk);
      return Promise.resolve();
    },
    bytes,
    text: () => bytes().toString(),
  };
}

interface Folder extends AsyncDisposable {
  readonly path: string;
}

async function writeSteps(scripts: readonly string[]): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'fsnoop-steps-'));
  await Promise.all(scripts.map((script, at) => writeFile(join(path, `${at}.sh`), `${script}\n`)));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Three lines a step: status, stdout and stderr, the latter two as base64. */
function renderRunner(count: number, stepTimeoutMs: number): string {
  return `
at=0
while [ $at -lt ${count} ]; do
  timeout -k 5 ${Math.ceil(stepTimeoutMs / 1000)} sh /steps/$at.sh >/tmp/step-stdout 2>/tmp/step-stderr
  echo $?
  base64 -w 0 /tmp/step-stdout; echo
  base64 -w 0 /tmp/step-stderr; echo
  at=$((at + 1))
done`;
}

function parseResults(text: string): readonly StepResult[] {
  const lines = text.split('\n');
  const results: StepResult[] = [];
  for (let at = 0; at + 2 < lines.length; at += 3) {
    const [status, stdout, stderr] = lines.slice(at, at + 3);
    const stdoutBytes = Buffer.from(stdout ?? '', 'base64');
    results.push({
      status: Number(status),
      stdout: stdoutBytes.toString(),
      stdoutBytes,
      stderr: Buffer.from(stderr ?? '', 'base64').toString(),
    });
  }
  return results;
}
