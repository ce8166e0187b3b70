/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * How fast the machine is while it is traced: how long the kernel's own tick takes, which does much
 * the same each time, and the same kind of work as what is traced. Runs whose times are compared
 * may be of a machine at two speeds: see src/tree/pace.ts.
 */
#ifndef FSNOOP_PACE_H
#define FSNOOP_PACE_H

#include "frame.h"

struct hrtimer {
	void *function;
} on_task;

__u64 ticks[TICK_BUCKETS] SEC(".bss.ticks");

/* Since when the CPU is in a tick that counts; 0: it is in none. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} tick_starts SEC(".maps");

static __always_inline __u64 *tick_start(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&tick_starts, &key);
}

/* In buckets as those of cell.h. */
static __always_inline void count_tick(__u64 ns)
{
	__u32 shift = 0, bucket;

	while (ns >= 64 && shift < TICK_SHIFTS) {
		ns >>= 1;
		shift++;
	}
	bucket = 32 * shift + ns;
	/* always less than TICK_BUCKETS then, which the verifier does not see */
	if (ns < 64)
		__sync_fetch_and_add(&ticks[bucket < TICK_BUCKETS ? bucket : 0], 1);
}

/* An idle CPU may be slow because it is. */
SEC("tp_btf/hrtimer_expire_entry")
int on_tick(__u64 *ctx)
{
	struct hrtimer *timer = (void *)ctx[0];
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 *start = tick_start();

	if (start && (__u32)(__u64)timer->function == settings.tick && task->pid &&
	    task_number(task) != TASK_IGNORED)
		*start = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/hrtimer_expire_exit")
int on_tick_end(__u64 *ctx)
{
	__u64 *start = tick_start();

	if (!start || !*start)
		return 0;
	count_tick(bpf_ktime_get_ns() - *start);
	*start = 0;
	return 0;
}

#endif
