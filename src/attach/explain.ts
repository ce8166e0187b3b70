/** Says in words why the kernel did not let us trace. */
import { release } from 'node:os';
import { exitStatus, Failure } from '../failure.js';
import { readSetting } from '../machine.js';
import { guestAdvice } from '../plan/method.js';
import type { NativeError } from './native.js';

/**
 * Programs attach where ftrace is off, and never run.
 * @throws {Failure} where it is off
 */
export function checkFtrace(): void {
  if (readSetting('kernel.ftrace_enabled') !== '0') return;
  throw new Failure(
    exitStatus.cannotTrace,
    'ftrace is off (kernel.ftrace_enabled is 0): what attaches to functions never runs.',
    'sudo sysctl kernel.ftrace_enabled=1',
  );
}

const isJitOff = () => readSetting('net.core.bpf_jit_enable') === '0';

/** What a failed load or attach means for the user. What the verifier refuses is no matter of privileges. */
export function explainRefusal(error: NativeError): Failure {
  const isVerified = error.log.includes('END PROG LOAD LOG');
  if (!isVerified && (error.code === 'EPERM' || error.code === 'EACCES')) return noPrivilege(error);
  if (isJitOff())
    return new Failure(
      exitStatus.cannotTrace,
      'The BPF JIT is off (net.core.bpf_jit_enable is 0), and tracing programs need it.',
      'sudo sysctl net.core.bpf_jit_enable=1',
    );
  const said = error.log.trim().split('\n').slice(-8).join('\n');
  return new Failure(
    exitStatus.cannotTrace,
    `The kernel (${release()}, ${process.arch}) refused: ${error.syscall}: ${error.code}${said && `\n${said}`}`,
    ...(error.code === 'EMFILE' ? ['Allow this process more open files: ulimit -n'] : []),
    guestAdvice,
  );
}

function noPrivilege(error: NativeError): Failure {
  return process.geteuid?.() === 0
    ? new Failure(
        exitStatus.cannotTrace,
        `The kernel refuses BPF tracing programs even to root (${error.syscall}: ${error.code}): it is locked down, or this is a container without CAP_BPF and CAP_PERFMON.`,
        'See what this kernel allows: fsnoop doctor',
        guestAdvice,
      )
    : new Failure(
        exitStatus.cannotTrace,
        'Tracing the kernel needs CAP_BPF and CAP_PERFMON, which this user has not.',
        'Run it with sudo',
        'Which capabilities suffice without: fsnoop doctor',
      );
}
