// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* One program for all traced functions, run at their entry and at their return. */
#include "values.h"
#include "tree.h"

/* Where nobody asked for a limit, what lies behind that of a frame or a cookie is lost. */
static __always_inline void count_deeper(void)
{
	if (settings.tell_deeper)
		__sync_fetch_and_add(&counters.lost_entry, 1);
}

/*
 * Opens a call that is not simply below the open root, or a root where that takes a closer look.
 * The number of the call's frame, or 0 if it is not to be recorded.
 */
static __always_inline __u32 open_elsewhere(void *ctx, enum extent extent)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 id = own_function_or(bpf_get_attach_cookie(ctx));
	__u32 number = current_number();
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (number && frame->root && !is_root_gone(frame, number, ctx)) {
		if (IS_STAT && !is_wanted(ctx, id, extent))
			return 0;
		if (frame->level >= settings.max_level) {
			count_deeper();
			return 0;
		}
		frame->level++;
		frame->function = id;
		return number;
	}
	leave_root(frame);
	/* Only roots: a task may get another name, or cgroup, in an open tree. */
	if (!is_root(id) || !is_chosen(task))
		return 0;
	if (!is_wanted(ctx, id, extent))
		return 0;
	if (!number) {
		number = claim_owned(owner_of(task));
		if (!number) {
#ifndef PLAIN /* where its return, which has none either, is counted */
			__sync_fetch_and_add(&counters.lost_entry, 1);
#endif
			return 0;
		}
		remember_frame(task, number);
		frame = &frames[number & (FRAMES - 1)];
		frame->level = 1;
		frame->is_simple = !settings.by_comm && !settings.cgroup;
		frame->place.tree = (frame->place.tree & ~(FRAMES - 1)) | number;
	}
	copy_comm(frame->comm, task->comm);
	frame->function = id;
	begin_tree(ctx, frame);
	count_task(frame);
	return number;
}

/* One for each extent: what a program has no use for is not loaded with it. */
of_ctx __u32 open_times(void *ctx is_ctx)
{
	return open_elsewhere(ctx, TIMES);
}

of_ctx __u32 open_args(void *ctx is_ctx)
{
	return open_elsewhere(ctx, ARGS);
}

of_ctx __u32 open_options(void *ctx is_ctx)
{
	return open_elsewhere(ctx, OPTIONS);
}

/* That of the task's number, which is not its own where it has none yet. */
static __always_inline struct frame *frame_of(volatile struct kept *kept)
{
	struct frame *frame = &frames[kept->number & (FRAMES - 1)];

	opaque(frame);
	kept->frame = frame;
	return frame;
}

/* Whether a call is simply below the innermost that is open. */
static __always_inline bool is_below(struct frame *frame, void *ctx)
{
#if IS_KEPT
	return stack_at(ctx, ENTRY) < frame->innermost;
#else
	return (__u64)ctx < frame->root;
#endif
}

/* Notes where a call was entered, and its arguments. */
static __always_inline void keep_call(volatile struct kept *kept, enum extent extent)
{
#if IS_KEPT
	struct frame *frame = kept->frame;
	struct open_call *open = open_at(frame, frame->level);
	void *ctx = kept->ctx;

	frame->innermost = stack_at(ctx, ENTRY);
	open->stack = frame->innermost;
#ifdef KPROBE
	if (extent >= ARGS)
		read_registers(ctx, open->args);
#endif
#endif
}

/* The record of an entry, but for its start; or NULL. */
static __noinline struct record *begin_entry(void *ctx, struct frame *frame)
{
	__u32 level = frame->level, items = 0;
	__u64 function = frame->function;
	__u8 shape = slots_of(function);
	struct record *record;
	volatile struct kept kept;

	kept.ctx = ctx;
	kept.frame = frame;
	if (function & COOKIE_ENTRY)
		items = run_values(ctx, function, COOKIE_ENTRY);
	record = begin_record(&kept, RECORD_ENTRY, shape, level, items);
	if (!record)
		return NULL;
	record->function = function;
	record->cpu = bpf_get_smp_processor_id();
	record->retval = 0;
	if (items)
		copy_items(items_at(record, shape, level), items);
	kept.record = record;
	copy_args(&kept);
	return record;
}

static __always_inline int on_entry(volatile struct kept *kept, enum extent extent)
{
	__u64 id = own_function_or(bpf_get_attach_cookie(kept->ctx)), session;
	struct frame *frame = frame_of(kept);
	struct record *record = NULL;
	struct open_call *open;
	__u32 level, number;

	frame->function = id;
	if (is_below(frame, kept->ctx)) {
		if (IS_STAT && extent == OPTIONS) {
			if (!is_wanted(kept->ctx, id, extent))
				goto ignore;
			frame = kept->frame;
		}
		level = frame->level + 1;
		if (level > settings.max_level) {
			count_deeper();
			goto ignore;
		}
		frame->level = level;
	} else if (frame->root) {
		goto elsewhere;
	} else if (extent >= ARGS && id & COOKIE_GUARD ? !passes_guard(kept, id) : !is_root(id)) {
		goto ignore;
	} else if ((extent >= ARGS ? kept->frame : frame)->is_simple) {
		if (extent == OPTIONS && id & COOKIE_FILTER &&
		    !passes(kept->ctx, id, COOKIE_FILTER))
			goto ignore;
		if (extent >= ARGS)
			frame = kept->frame;
		begin_tree(kept->ctx, frame);
		count_task(frame);
	} else {
	elsewhere:
		number = extent == TIMES  ? open_times(kept->ctx)
		         : extent == ARGS ? open_args(kept->ctx)
		                          : open_options(kept->ctx);
		if (!number)
			goto ignore;
		kept->frame = &frames[number & (FRAMES - 1)];
	}
	keep_call(kept, extent);
	if (extent == OPTIONS && !IS_STAT) {
		if (has_entry(own_function_or(kept->frame->function)))
			record = begin_entry(kept->ctx, kept->frame);
		kept->record = record;
	}
#if !IS_KEPT
	kept->cookie = bpf_session_cookie(kept->ctx);
#endif
	session = bpf_ktime_get_ns();
	frame = kept->frame;
	level = frame->level;
	if (level <= OPEN_LEVELS) {
		open = &frame->open[level];
		open->start = session;
		open->function = frame->function;
#ifdef STAT
		open->below = 0;
#endif
	} else {
		level |= SESSION_RARE;
	}
#if !IS_KEPT
	*kept->cookie = session_pack(session, level);
#endif
	if (extent < OPTIONS || IS_STAT)
		return 0;
	record = kept->record;
	if (record) {
		record->start = session;
		submit_record(record, 0);
	}
	return 0;
ignore:
	return ignore(kept->ctx);
}

/* The kernel skipped the entry half, to keep the program out of itself. */
static __always_inline void on_unseen_entry(void *ctx, struct frame *frame)
{
	if (frame->root) {
		if (frame->level >= settings.max_level)
			return;
		frame->place.index++;
	} else {
#ifdef PAIR
		return; /* a root that was not seen, or one that was not wanted */
#endif
		if (!(own_function_or(bpf_get_attach_cookie(ctx)) & COOKIE_ROOT))
			return;
		if (!is_chosen(bpf_get_current_task_btf()))
			return;
	}
	__sync_fetch_and_add(&counters.lost_entry, 1);
}

#if IS_KEPT

static __always_inline bool is_innermost(struct frame *frame, __u64 stack, __u64 function)
{
	return frame->innermost == stack && open_at(frame, frame->level)->function == function;
}

/* The number of the frame of a call that returns and is not the innermost, or 0 as below. */
static __noinline __u32 find_returned(void *ctx)
{
	__u64 function = own_function_or(bpf_get_attach_cookie(ctx));
	__u32 number = current_number();
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (number && frame->root) {
		frame->here = stack_at(ctx, RETURN);
		close_gone(number);
		if (close_inner(number, function))
			return number;
	}
	on_unseen_entry(ctx, frame);
	return 0;
}

/*
 * Finds the frame of a call that returns, and what is known of it as a session cookie would tell
 * it; false where it is not to be recorded.
 */
static __always_inline bool find_call(volatile struct kept *kept, __u64 *session)
{
	struct frame *frame = frame_of(kept);
	__u64 stack = stack_at(kept->ctx, RETURN), function;
	__u32 number;

	/* Most of what was ignored at its entry. */
#ifdef PAIR
	if (!frame->root)
		return false;
#endif
#if defined(PAIR) || defined(PLAIN)
	if (stack < frame->innermost && frame->level >= settings.max_level)
		return false;
#endif
	function = own_function_or(bpf_get_attach_cookie(kept->ctx));
	frame = kept->frame;
	if (!is_innermost(frame, stack, function)) {
		number = find_returned(kept->ctx);
		if (!number)
			return false;
		frame = &frames[number & (FRAMES - 1)];
		kept->frame = frame;
	}
	*session = session_pack(open_at(frame, frame->level)->start, frame->level);
	return true;
}

#else

/*
 * The number of the frame of a call that returns and is not the one that it seems to be, or 0 for
 * one that is not to be recorded.
 */
of_ctx __u32 find_returned(void *ctx is_ctx)
{
	__u64 session = *bpf_session_cookie(ctx);
	__u32 level = session & SESSION_LEVELS, number = current_number();
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (!session) {
		if (is_root_gone(frame, number, ctx))
			leave_root(frame);
		on_unseen_entry(ctx, frame);
		return 0;
	}
	if (!frame->root || level > frame->level)
		return 0;
	/* The kernel skipped the return half of the calls in between. */
	frame->place.index += frame->level - level;
	frame->level = level;
	if (level > OPEN_LEVELS)
		frame->open[0].function = own_function_or(bpf_get_attach_cookie(ctx));
	return number;
}

/* Finds the frame and the session of a call that returns; false where it is not to be recorded. */
static __always_inline bool find_call(volatile struct kept *kept, __u64 *session)
{
	__u32 level = *session & (SESSION_RARE | SESSION_LEVELS), number;
	struct frame *frame = frame_of(kept);

	if (level != frame->level) {
		number = find_returned(kept->ctx);
		if (!number)
			return false;
		kept->frame = &frames[number & (FRAMES - 1)];
		*session = *bpf_session_cookie(kept->ctx);
	}
	return true;
}

#endif

/* A call on that level has returned. */
static __always_inline void leave_level(struct frame *frame, __u32 level)
{
	if (level == 1)
		frame->root = 0;
	else
		frame->level = level - 1;
#if IS_KEPT
	frame->innermost = level == 1 ? 0 : open_at(frame, level - 1)->stack;
#endif
}

/* What the entry noted is nearer than the attach cookie. */
static __always_inline __u64 noted_function(struct frame *frame, __u32 level)
{
#if IS_KEPT /* and no deeper ones are recorded */
	return own_function_or(open_at(frame, level)->function);
#else
	return own_function_or(frame->open[level <= OPEN_LEVELS ? level : 0].function);
#endif
}

/* The record of a call that returned, without arguments: less code where its size is known. */
static __always_inline void write_plain(volatile struct kept *kept, struct frame *frame,
                                        __u32 level, __u32 bytes)
{
	struct record *record = ring_reserve(bytes);
	__u32 cpu;

	if (!record) {
		frame->place.index++;
		return;
	}
	record->head.type = RECORD_CALL;
	record->head.shape = 0;
	record->head.depth = level - 1;
	record->place.both = frame->place.both;
	record->ids.both = frame->ids.both;
	frame->place.index++;
	kept->record = record;
	record->function = noted_function(frame, level);
	record->start = kept->start;
	if (level == 1)
		copy_comm((char *)(record + 1), frame->comm);
	get_returned(kept->ctx, &record->retval);
	cpu = bpf_get_smp_processor_id();
	record = kept->record;
	record->cpu = cpu;
	submit_sized(record, bytes, kept->duration);
}

#ifdef STAT
#include "stat.h"
#else

static __always_inline void on_return(volatile struct kept *kept, __u64 session, enum extent extent)
{
	__u64 now, duration;
	__u32 level, cpu, items = 0;
	__u8 type = RECORD_CALL, shape;
	struct record *record;
	struct frame *frame;
	__u64 function;

	if (!find_call(kept, &session))
		return;
	kept->session = session;
	now = bpf_ktime_get_ns();
	session = kept->session;
	duration = session_duration(session, now);
	kept->start = now - duration;
	kept->duration = duration;
	level = session & SESSION_LEVELS;
	frame = kept->frame;
	leave_level(frame, level);
	if (extent == OPTIONS && duration < settings.min_duration)
		return;
	if (extent == TIMES && level == 1)
		return write_plain(kept, frame, level, sizeof(struct root_record));
	if (extent == TIMES)
		return write_plain(kept, frame, level, sizeof(struct record));
	function = noted_function(frame, level);
	kept->function = function;
	shape = slots_of(function);
	if (extent == OPTIONS) {
		if (function & (COOKIE_RETURN_FILTER | COOKIE_RETURN))
			recall(kept);
		if (level == 1 && function & COOKIE_RETURN_FILTER &&
		    !passes(kept->ctx, function, COOKIE_RETURN_FILTER))
			type = RECORD_DROP;
		else if (function & COOKIE_RETURN)
			items = run_values(kept->ctx, function, COOKIE_RETURN);
		frame = kept->frame;
		function = kept->function;
		level = kept->session & SESSION_LEVELS;
		if (has_entry(function))
			shape |= SHAPE_ENTRY;
	}
	record = begin_record(kept, type, shape, level, items);
	kept->frame->place.index++;
	if (!record)
		return;
	kept->record = record;
	record->function = kept->function;
	record->start = kept->start;
	if (extent == OPTIONS && items)
		copy_items(items_at(record, shape, level), items);
	get_returned(kept->ctx, &kept->record->retval);
	copy_args(kept);
	cpu = bpf_get_smp_processor_id();
	record = kept->record;
	record->cpu = cpu;
	submit_record(record, kept->duration);
}

#endif

static __always_inline int run(void *ctx, enum half half, enum extent extent)
{
	volatile struct kept kept;
	__u64 session = 0;
	__u16 number;

	kept.ctx = ctx;
	if (is_outside(ctx))
		return 0;
	number = task_number(bpf_get_current_task_btf());
	/* First of all: most calls on a machine are of other tasks. */
	if (number == TASK_IGNORED)
		return IS_KEPT ? ignore(ctx) : 0;
	kept.number = number;
	if (!is_return(kept.ctx, half))
		return on_entry(&kept, extent);
#if !IS_KEPT
	session = *bpf_session_cookie(kept.ctx);
#endif
	if (session != SESSION_IGNORED)
		on_return(&kept, session, extent);
	return 0;
}

#ifdef EACH

static __always_inline struct machine *own_machine(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&machines, &zero);
}

/* Whether it is taken. */
static __always_inline bool take_machine(void *ctx, struct machine *machine)
{
#if IS_KEPT
	__u32 own = bpf_get_current_task_btf()->pid + 1, number;
	__u32 owner = __sync_val_compare_and_swap(&machine->is_busy, 0, own);
	struct frame *frame;

	/* By another task: the frame of this one can be told which calls are gone. */
	if (owner && owner != own) {
		number = current_number();
		frame = &frames[number & (FRAMES - 1)];
		if (number && frame->root)
			close_before(frame, number, ctx);
	}
	return owner;
#else
	return __sync_lock_test_and_set(&machine->is_busy, 1);
#endif
}

/*
 * With -DEACH the program is loaded again for each function. The kernel keeps each copy out of
 * itself, and not out of the others: an interrupt may bring one of those, or a helper, while this
 * one is at work on the frame of the task and the machine of the CPU. What is skipped for that is
 * what the kernel skips of one program for all.
 *
 * Functions are attached one by one, and tasks are traced when all are: a call that is ignored at
 * its entry is so at its return.
 */
static __always_inline int run_session(void *ctx, enum half half, enum extent extent)
{
	struct machine *machine;

	if (task_number(bpf_get_current_task_btf()) == TASK_IGNORED)
		return ignore(ctx);
	machine = own_machine();
	if (!machine)
		return 0; /* on no kernel that there is */
	/* An exchange, for tasks that preempt each other here. */
	if (take_machine(ctx, machine)) {
		__sync_fetch_and_add(&counters.lost_recursion, 1);
		return 0;
	}
	run(ctx, half, extent);
	machine = own_machine();
	asm volatile("" ::: "memory"); /* all that it does comes before */
	if (machine)
		*(volatile __u32 *)&machine->is_busy = 0;
	return 0;
}

#else
#define run_session run
#endif

#ifdef PAIR
#define program(name, extent)                                                                      \
	SEC(AT_ENTRY) int name(void *ctx)                                                          \
	{                                                                                          \
		return run_session(ctx, ENTRY, extent);                                            \
	}                                                                                          \
	SEC(AT_RETURN) int name##_return(void *ctx)                                                \
	{                                                                                          \
		return run_session(ctx, RETURN, extent);                                           \
	}
#else
#define program(name, extent)                                                                      \
	SEC(SESSION) int name(void *ctx)                                                           \
	{                                                                                          \
		return run_session(ctx, BOTH, extent);                                             \
	}
#endif

/*
 * Of these that is loaded which is needed. The verifier drops a branch that a setting closes,
 * not its load. The last is for live mode, a least duration, and programs that are more than a
 * guard.
 */
#ifdef PLAIN
#include "plain.h"
#elif defined(STAT)
program(on_stat, TIMES);
program(on_stat_options, OPTIONS);
#else
program(on_call_times, TIMES);
program(on_call, ARGS);
program(on_call_options, OPTIONS);
#endif

#include "mark.h"
#include "switch.h"
#include "task.h"
#include "pace.h"

char LICENSE[] SEC("license") = "GPL";
