/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Where tasks are switched it is known how long one was off the CPU, and of whom the kernel skipped
 * what it skipped.
 */
#ifndef FSNOOP_SWITCH_H
#define FSNOOP_SWITCH_H

#include "ring.h"
#include "tree.h"

static __always_inline void fill_away(struct record *record, struct frame *frame)
{
	record->head.type = RECORD_AWAY;
	record->head.shape = 0;
	record->head.depth = frame->level;
	record->function = COOKIE_ROOT - 1; /* none has that place */
	record->cpu = bpf_get_smp_processor_id();
	record->place.both = frame->place.both;
	record->ids.both = frame->ids.both;
	record->start = frame->away;
	record->retval = 0;
}

static __always_inline struct frame *task_frame(struct task_struct *task)
{
	return &frames[own_number(task) & (FRAMES - 1)];
}

/* What a task is off the CPU in a tree is told when it is back: in the calls that are open then. */
static __always_inline void tell_switch(struct frame *from, struct frame *to)
{
	__u64 now = bpf_ktime_get_ns(), since = to->away;
	struct record *record;

	if (from->root)
		from->away = now;
	if (!since)
		return;
	record = to->root ? ring_reserve(sizeof(*record)) : NULL;
	if (record) {
		fill_away(record, to);
		record->duration = sizeof(*record);
		submit_record(record, now - since);
	}
	to->away = 0;
}

struct skipping skipping[SKIPPING] SEC(".bss.skipping");

/* What was known of a CPU at its last switch. */
struct turn {
	__u64 skips; /* what the kernel had skipped */
	__u64 tree;  /* see tree_of */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct turn);
} turns SEC(".maps");

/* What the kernel skipped of our programs on this CPU. */
static __always_inline __u64 count_skips(__u64 offset)
{
	__u64 sum = 0;

	for (int i = 0; i < SKIPPING; i++) {
		const void *address = (const void *)(skipping[i].stats + offset);
		__u32 type = bpf_core_type_id_kernel(struct bpf_prog_stats);
		struct bpf_prog_stats *stats = bpf_rdonly_cast(address, type);
		const __u64 *misses = (const void *)&stats->misses;

		opaque(misses); /* libbpf moves addresses, and no loads of what is a struct there */
		if (skipping[i].stats)
			sum += *misses;
	}
	return sum;
}

#ifdef BELOW

/* The last tree of the task; another one than that, and than any, while it is open. */
static __always_inline __u64 tree_of(struct task_struct *task)
{
	struct frame *frame = task_frame(task);

	return frame->root ? ~0ULL : frame->place.tree;
}

/* Whether the task had no root open since the last switch of its CPU. */
static __always_inline bool was_outside(struct turn *turn, struct task_struct *task)
{
	return tree_of(task) == turn->tree && turn->tree != ~0ULL;
}

#else

/* There it is not known whether some are no roots. */
static __always_inline __u64 tree_of(struct task_struct *task)
{
	return 0;
}

static __always_inline bool was_outside(struct turn *turn, struct task_struct *task)
{
	return false;
}

#endif

/*
 * While a task is preempted in a program, the kernel skips that program for whoever is on the CPU:
 * what it skips between two switches is of one task, and nobody misses what is not traced. Outside
 * of trees a root may be missed, and nothing else.
 */
static __always_inline void account_skips(struct task_struct *from, struct task_struct *to)
{
	__u32 key = 0;
	__u64 sum;
	struct turn *turn;
	const unsigned long *offset;

	if (!settings.account_skips || !skipping[0].stats || !&this_cpu_off)
		return;
	turn = bpf_map_lookup_elem(&turns, &key);
	offset = bpf_this_cpu_ptr(&this_cpu_off);
	if (!turn)
		return;
	sum = count_skips(*offset);
	if (sum != turn->skips) {
		if (task_number(from) == TASK_IGNORED)
			__sync_fetch_and_add(&counters.skipped_others, sum - turn->skips);
		else if (was_outside(turn, from))
			__sync_fetch_and_add(&counters.skipped_outside, sum - turn->skips);
		turn->skips = sum;
	}
	turn->tree = tree_of(to);
}

SEC("tp_btf/sched_switch")
int on_switch(__u64 *ctx)
{
	struct task_struct *from = (void *)ctx[1], *to = (void *)ctx[2];

	if (settings.tell_away)
		tell_switch(task_frame(from), task_frame(to));
	account_skips(from, to);
#ifdef BELOW
	if (roots.reach >= REACH_TASK)
		uncount_task(task_frame(from));
#endif
	return 0;
}

/* Run before functions are attached. */
SEC("iter/bpf_prog")
int find_stats(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *program = ctx->prog;

	if (!program)
		return 0;
	for (int i = 0; i < SKIPPING; i++) {
		if (skipping[i].id == program->aux->id)
			skipping[i].stats = (__u64)program->stats;
	}
	return 0;
}

#endif
