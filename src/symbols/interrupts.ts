/** Where the kernel enters and leaves interrupts, which are not called by what they interrupt. */
import { compileGlobs } from './glob.js';

/** Of arch/x86/include/asm/idtentry.h and kernel/softirq.c, v7.2: those that can be traced. */
const entries = compileGlobs([
  ...['__sysvec_*', 'fred_sysvec_*', '__common_interrupt', 'nmi_handle', 'default_do_nmi'],
  ...['irq_enter', 'irq_enter_rcu', 'irq_exit', 'irq_exit_rcu', 'kcpustat_irq_*'],
  ...['tick_irq_enter', 'tick_nohz_irq_exit', '*hrtimer_rearm_deferred*'],
  ...['preempt_schedule_irq', 'raw_irqentry_exit_cond_resched'],
]);

/** Whether a call of it, with all below, is of an interrupt. */
export function isInterruptEntry(name: string): boolean {
  return entries.test(name);
}
