/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Tracepoints, by themselves and in trees. Each has a copy of on_mark, and the kernel keeps each
 * copy out of itself only. They share a machine, and change nothing of a frame, so they may come in
 * the midst of the programs of functions.
 */
#ifndef FSNOOP_MARK_H
#define FSNOOP_MARK_H

#include "values.h"

struct hit {
	struct run run;
	__u64 function; /* the cookie of the copy: before v6.10 a tracepoint's program gets none */
	struct frame *frame;
	__u64 here; /* where its arguments are on the stack: a number, no pointer */
};

static __always_inline struct machine *mark_machine(void)
{
	__u32 place = 1;

	return bpf_map_lookup_elem(&machines, &place);
}

/* What lies behind the arguments that there are is read too, and not used. */
static __always_inline void read_hit(struct hit *hit)
{
	struct machine *machine = hit->run.machine;

	machine->args[0] = (__u64)hit->run.ctx;
	hit->here = *(volatile __u64 *)&machine->args[0];
	bpf_probe_read_kernel(machine->args, sizeof(machine->args), (void *)hit->here);
}

/* The bytes of values that the machine then has; FAILED where a filter did not hold. */
static __noinline __u32 run_mark(struct hit *hit, __u64 when)
{
	struct range *range = range_of(program_of(hit->function), when);

	prepare(hit->run.machine, range);
	bpf_loop(range->count, step_mark, &hit->run, 0);
	return result_of(hit->run.machine);
}

/* The open tree of the task, if its root is not gone: see is_root_gone(). */
static __always_inline bool is_in_tree(struct hit *hit)
{
	__u64 root = hit->frame->root;

	return root && (hit->here < root || (hit->here ^ root) >= STACK_BYTES);
}

static __always_inline bool is_hit_wanted(struct hit *hit)
{
	struct program *program = program_of(hit->function);
	struct machine *machine = hit->run.machine;
	__u32 slot = program->guard_slot;

	if (hit->function & COOKIE_GUARD &&
	    (slot >= ARGS_MAX || !is_guarded(program, machine->args[slot])))
		return false;
	return !(hit->function & COOKIE_FILTER) || run_mark(hit, COOKIE_FILTER) != FAILED;
}

static __always_inline void write_mark(struct hit *hit, struct task_struct *task)
{
	struct machine *machine = hit->run.machine;
	__u32 items = hit->function & COOKIE_ENTRY ? run_mark(hit, COOKIE_ENTRY) : 0;
	__u32 args = 8 * slots_of(hit->function);
	__u32 comm = settings.in_trees ? 0 : COMM_BYTES;
	struct record *record;
	char *more;

	if (items > sizeof(machine->items))
		items = 0;
	if (args > sizeof(machine->args))
		return; /* of no plan */
	record = ring_reserve(sizeof(*record) + args + comm + items);
	if (!record)
		return;
	record->head.type = RECORD_MARK;
	record->head.shape = slots_of(hit->function);
	record->head.depth = settings.in_trees ? hit->frame->level : 0;
	record->function = hit->function;
	record->cpu = bpf_get_smp_processor_id();
	record->place.both = settings.in_trees ? hit->frame->place.both : 0;
	record->ids.tid = task->pid;
	record->ids.pid = task->tgid;
	record->start = bpf_ktime_get_ns();
	record->duration = sizeof(*record) + args + comm + items;
	record->retval = 0;
	more = (char *)(record + 1);
	bpf_probe_read_kernel(more, args, machine->args);
	more += args;
	if (comm)
		copy_comm(more, task->comm);
	more += comm;
	opaque(items); /* or the check is left out, where it was made before */
	if (items <= sizeof(machine->items))
		bpf_probe_read_kernel(more, items, machine->items);
	submit_record(record, 0);
}

static __always_inline void mark(void *ctx, struct machine *machine, struct task_struct *task)
{
	struct hit hit = {.run = {.ctx = ctx, .machine = machine}, .function = own_function()};

	read_hit(&hit);
	if (settings.in_trees) {
		hit.frame = &frames[current_number() & (FRAMES - 1)];
		if (!is_in_tree(&hit))
			return;
	} else if (!is_chosen(task)) {
		return;
	}
	if (is_hit_wanted(&hit))
		write_mark(&hit, task);
}

SEC("mark") int on_mark(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct machine *machine;

	if (task_number(task) == TASK_IGNORED)
		return 0;
	machine = mark_machine();
	if (!machine)
		return 0; /* on no kernel that there is */
	if (__sync_lock_test_and_set(&machine->is_busy, 1)) {
		__sync_fetch_and_add(&counters.lost_recursion, 1);
		return 0;
	}
	mark(ctx, machine, task);
	asm volatile("" ::: "memory"); /* all that it does comes before */
	*(volatile __u32 *)&machine->is_busy = 0;
	return 0;
}

#endif
