/** Functions and tracepoints that are never traced, though the kernel would let us. */
import { compileGlobs } from './glob.js';

export interface Denied {
  /** Shell globs. */
  readonly functions: readonly string[];
  readonly why: string;
}

export const denyList: readonly Denied[] = [
  {
    functions: ['*text_poke*', '*int3*'],
    why: 'patches kernel text, or runs while it is patched: Linux 7.2 panicked on detach',
  },
  {
    functions: ['arch_cpu_idle', 'default_idle'],
    why: 'runs where RCU does not watch the idle CPU',
  },
  {
    functions: ['rcu_*', '__rcu_*'],
    why: 'the trampoline itself enters and leaves RCU: btf_id_deny of kernel/bpf/verifier.c',
  },
  {
    functions: ['migrate_*', '___migrate_*', 'preempt_count_*'],
    why: 'the trampoline itself calls it: btf_id_deny of kernel/bpf/verifier.c',
  },
  {
    functions: [
      '__bpf_prog_enter*',
      '__bpf_prog_exit*',
      '__bpf_tramp_enter',
      '__bpf_tramp_exit',
      'update_prog_stats',
    ],
    why: 'the trampoline calls it around the program',
  },
  {
    functions: ['bpf_dispatcher_xdp_func', '__ftrace_invalid_address__*'],
    why: 'a place in the text that the kernel patches or left out',
  },
  {
    functions: ['bpf_spin_*'],
    why: 'a lock of BPF programs: waiting in it for ourselves never ends',
  },
  {
    functions: [
      'bpf_get_attach_cookie*',
      'bpf_get_current_*',
      'bpf_get_func_*',
      'bpf_get_smp_processor_id',
      'bpf_ktime_get_*',
      'bpf_map_lookup_elem',
      'bpf_ringbuf_*',
      'bpf_session_*',
      'bpf_task_storage_*',
    ],
    why: 'our own program calls it: the call would be skipped and counted as lost',
  },
];

/**
 * Functions that never return, so that the return half of the program would never run: noreturn_deny
 * of kernel/bpf/verifier.c, and what it has of x86 for arm64.
 */
export const noReturn: readonly string[] = [
  'do_exit',
  'do_group_exit',
  'make_task_dead',
  'kthread_exit',
  'kthread_complete_and_exit',
  '__module_put_and_kthread_exit',
  '__x64_sys_exit',
  '__x64_sys_exit_group',
  '__ia32_sys_exit',
  '__ia32_sys_exit_group',
  '__ia32_compat_sys_exit',
  '__ia32_compat_sys_exit_group',
  '__arm64_sys_exit',
  '__arm64_sys_exit_group',
];

/** The kernel enters and leaves RCU around each program of a tracepoint. */
const deniedTracepoints: readonly {
  readonly tracepoints: readonly string[];
  readonly why: string;
}[] = [
  {
    tracepoints: ['sched_set_need_resched_tp'],
    why: 'is come by where RCU is left behind each program, again and again: Linux 7.2 ran out of stack',
  },
  {
    tracepoints: ['rcu_*'],
    why: 'is inside of RCU, which is entered and left around each program',
  },
];

const eachTracepoint = deniedTracepoints.map(({ tracepoints, why }) => ({
  names: compileGlobs(tracepoints),
  why,
}));

/** Null for a tracepoint that is not denied. */
export function whyDeniedTracepoint(name: string): string | null {
  return eachTracepoint.find(({ names }) => names.test(name))?.why ?? null;
}

const all = compileGlobs(denyList.flatMap(({ functions }) => functions));
const each = denyList.map(({ functions, why }) => ({ names: compileGlobs(functions), why }));
const neverReturns = new Set(noReturn);

export function isDenied(name: string): boolean {
  return all.test(name);
}

/** Null for what is not denied. */
export function whyDenied(name: string): string | null {
  return each.find(({ names }) => names.test(name))?.why ?? null;
}

export function isNoReturn(name: string): boolean {
  return neverReturns.has(name);
}
