/** Callees that say little of what a function does: left out of its graph if not asked for. */
import { compileGlobs } from './glob.js';

export interface LeftOut {
  /** Shell globs. */
  readonly functions: readonly string[];
  readonly why: string;
}

/** Left out but with `--fgraph-all-paths`. */
export const coldList: readonly LeftOut[] = [
  {
    functions: ['__warn*', 'warn_*', '*_warn_saturate', 'report_bug', '*bug_handler*'],
    why: 'warns of what should not be',
  },
  {
    functions: ['*panic*', 'die', 'die_addr', '__die*', 'oops_*', 'emergency_restart'],
    why: 'ends the machine or the task at fault',
  },
  {
    functions: [
      ...[
        '*printk*',
        '_dev_*',
        'dev_printk_*',
        'dev_err_probe',
        '__dynamic_*_dbg',
        '__dynamic_pr_debug',
      ],
      ...['netdev_printk', 'netdev_err', 'netdev_warn', 'netdev_info'],
    ],
    why: 'writes to the log',
  },
  {
    functions: [
      '__stack_chk_fail',
      '__fortify_*',
      'fortify_*',
      '__copy_overflow',
      'usercopy_abort',
    ],
    why: 'a check of the compiler found memory overwritten',
  },
  {
    functions: [
      ...['__list_*_or_report', 'object_err', 'slab_err', 'bad_page*', 'print_bad_*'],
      ...['kfence_report_*', '__kasan_*', 'kasan_report*', '__asan_*', '__ubsan_*', '__kcsan_*'],
      ...['__tsan_*', '__msan_*', 'kmsan_*', 'lockdep_rcu_suspicious', 'debug_locks_off'],
    ],
    why: 'a check of the kernel found memory or locks broken',
  },
  {
    functions: ['dump_stack*', 'show_stack*', 'show_regs*', 'dump_page*', 'print_hex_dump*'],
    why: 'shows the state of a kernel in trouble',
  },
  {
    functions: [
      ...['__traceiter_*', '__SCT__tp_func_*', '__bpf_trace_*', 'bpf_trace_run*', 'perf_trace_*'],
      ...['trace_event_*', '__do_trace_*', 'do_trace_*', '__trace_set_*', '__trace_*puts'],
    ],
    why: 'runs where a tracepoint is switched on',
  },
];

/** In the place of a call or return: never a function that somebody calls. */
const thunks = {
  indirect: compileGlobs(['__x86_indirect_*']),
  none: compileGlobs([
    ...['*_return_thunk', '__x86_return_skl', '__fentry__', 'ftrace_caller', 'ftrace_regs_caller'],
    ...['__pfx_*', '__cfi_*'],
  ]),
};

const all = compileGlobs(coldList.flatMap(({ functions }) => functions));
const each = coldList.map(({ functions, why }) => ({ names: compileGlobs(functions), why }));

/** Null for what is not cold. */
export function whyCold(name: string): string | null {
  return all.test(name) ? (each.find(({ names }) => names.test(name))?.why ?? null) : null;
}

/**
 * What a call of this name is: of a function, indirect (a retpoline takes the address in a register),
 * or none (a return, or the way into ftrace of a function that is traced).
 */
export function kindOfCall(name: string): 'function' | 'indirect' | 'none' {
  if (thunks.indirect.test(name)) return 'indirect';
  return thunks.none.test(name) ? 'none' : 'function';
}
