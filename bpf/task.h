/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Tasks that begin and end, and the calls that they had not returned from. */
#ifndef FSNOOP_TASK_H
#define FSNOOP_TASK_H

#include "ring.h"
#include "switch.h"
#include "tree.h"

/* The innermost level of which the open call is known; 0: no root is open. */
static __always_inline __u32 innermost_open(struct frame *frame)
{
	if (!frame->root)
		return 0;
	return frame->level < OPEN_LEVELS ? frame->level : OPEN_LEVELS;
}

/* No arguments: of them only those at the entry could be told. */
static __always_inline __u8 open_shape(struct open_call *open)
{
	return has_entry(open->function) ? SHAPE_ENTRY : 0;
}

/* Fills in what is known of an open call, but for its duration until now, which it returns. */
static __always_inline __u64 tell_open(struct record *record, struct open_call *open)
{
	record->function = open->function;
	record->cpu = bpf_get_smp_processor_id();
	record->start = open->start;
	record->retval = 0;
	return bpf_ktime_get_ns() - open->start;
}

/*
 * Tasks that a traced one starts are traced before they run: its threads always. Where they are
 * woken first nobody is preempted. In sched_process_fork, since v7.0, a task may be, and the kernel
 * would skip this for the next one that forks on that CPU: of what its child calls nothing was
 * told.
 */
SEC("tp_btf/sched_wakeup_new")
int on_fork(__u64 *ctx)
{
	struct task_struct *parent = bpf_get_current_task_btf();
	struct task_struct *child = (void *)ctx[0];
	bool traced = task_number(parent) != TASK_IGNORED &&
	              (settings.follow || child->tgid == parent->tgid);

	set_number(child, traced ? TASK_TRACED : TASK_IGNORED);
	return 0;
}

SEC("tp_btf/task_rename")
int on_rename(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	const char *name = (void *)ctx[1];
	__u32 number = own_number(task);

	if (number)
		bpf_probe_read_kernel_str(frames[number & (FRAMES - 1)].comm, COMM_BYTES, name);
	return 0;
}

/*
 * A thread that executes a program takes the id of its leader, which has exited by then. So from
 * here on that id does not tell whose frame it is.
 */
SEC("tp_btf/sched_process_exit")
int on_exit(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (task->pid == task->tgid && task_number(task) != TASK_IGNORED) {
		settle_left(task);
		set_number(task, TASK_SEARCHED);
	}
	return 0;
}

struct telling {
	__u32 number; /* of the frame */
	__u32 innermost;
	struct seq_file *seq;
};

static __always_inline struct telling tell_of(__u32 number)
{
	number &= FRAMES - 1;
	return (struct telling){.number = number, .innermost = innermost_open(&frames[number])};
}

/* The level of the `n`th open call from the innermost that there can be; 0: it is not open. */
static __always_inline __u32 open_level(struct telling *telling, __u32 n)
{
	__u32 level = (OPEN_LEVELS - n) & OPEN_LEVELS;

	return level <= telling->innermost ? level : 0;
}

static long tell_exit(__u32 n, struct telling *telling)
{
	struct frame *frame = &frames[telling->number & (FRAMES - 1)];
	__u32 level = open_level(telling, n);
	struct open_call *open = &frame->open[level];
	volatile struct kept kept = {.frame = frame};
	struct record *record;

	if (!level)
		return 0;
	record = begin_record(&kept, RECORD_EXIT, open_shape(open), level, 0);
	frame->place.index++;
	if (record)
		submit_record(record, tell_open(record, open));
	return 0;
}

/*
 * A task is gone, and with it the calls that it had not returned from. Its exit is too early a
 * point to say so: it makes calls after that, in the open tree.
 */
SEC("tp_btf/sched_process_free")
int on_free(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	__u32 number = task_number(task) == TASK_TRACED ? 0 : find_frame(task);
	struct frame *frame = &frames[number & (FRAMES - 1)];
	struct telling telling;

	settle_left(task);
	set_number(task, settings.by_task ? TASK_IGNORED : TASK_TRACED);
	if (!number)
		return 0;
	telling = tell_of(number);
	bpf_loop(OPEN_LEVELS, tell_exit, &telling, 0);
	leave_root(frame);
	frame->away = 0;
	uncount_task(frame);
	__sync_lock_test_and_set(&frame->owner, 0);
	return 0;
}

static long tell_unreturned(__u32 n, struct telling *telling)
{
	struct frame *frame = &frames[telling->number & (FRAMES - 1)];
	__u32 level = open_level(telling, n), bytes;
	struct open_call *open = &frame->open[level];
	struct root_record out = {};

	if (!level)
		return 0;
	bytes = level > 1 ? sizeof(out.record) : sizeof(out);
	copy_comm(out.comm, frame->comm);
	out.record.size = bytes;
	out.record.head.type = RECORD_OPEN;
	out.record.head.shape = open_shape(open);
	out.record.head.depth = level - 1;
	out.record.place = frame->place;
	out.record.ids = frame->ids;
	out.record.duration = tell_open(&out.record, open);
	bpf_seq_write(telling->seq, &out, bytes);
	frame->place.index++;
	return 0;
}

static __noinline void tell_away(struct telling *telling)
{
	struct frame *frame = &frames[telling->number & (FRAMES - 1)];
	struct record out = {.size = sizeof(out)};

	if (!frame->root || !frame->away)
		return;
	fill_away(&out, frame);
	out.duration = bpf_ktime_get_ns() - frame->away;
	bpf_seq_write(telling->seq, &out, sizeof(out));
}

/*
 * Read once, after the functions are detached: the calls that were still open, of a task that is
 * off the CPU behind how long it has been.
 */
SEC("iter/task")
int tell_open_calls(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct telling telling;

	if (!task)
		return 0;
	telling = tell_of(find_frame(task));
	telling.seq = ctx->meta->seq;
	tell_away(&telling);
	bpf_loop(OPEN_LEVELS, tell_unreturned, &telling, 0);
	return 0;
}

#endif
