/** Says in words why the kernel did not let us trace. */
import { release } from 'node:os';
import { exitStatus, Failure } from '../failure.js';
import { guestAdvice } from '../plan/method.js';
import type { NativeError } from './native.js';

/** What a failed load or attach means for the user. */
export function explainRefusal(error: NativeError): Failure {
  if (error.code === 'EPERM' || error.code === 'EACCES') return noPrivilege(error);
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
        'Look at: cat /sys/kernel/security/lockdown; grep CapEff /proc/self/status',
        guestAdvice,
      )
    : new Failure(
        exitStatus.cannotTrace,
        'Tracing the kernel needs CAP_BPF and CAP_PERFMON, which this user has not.',
        'Run it with sudo',
      );
}
