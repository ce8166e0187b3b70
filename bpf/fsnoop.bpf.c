// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* One program for all traced functions, run at their entry and at their return. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "record.h"

#define on_task __attribute__((preserve_access_index))

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	char comm[COMM_BYTES] __attribute__((aligned(8))); /* for loads of 8 bytes */
} on_task;

#define PF_EXITING 0x4 /* in task_struct.flags; include/linux/sched.h */

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} on_task;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} on_task;

/* Keeps from the compiler what it knows of a value, where it would make more code of that. */
#define opaque(value) asm volatile("" : "+r"(value))

/* With a context since v7.0; v6.10 to v6.19 have both as (void), for kprobe.session only. */
extern bool bpf_session_is_return(void *ctx) __ksym;
extern __u64 *bpf_session_cookie(void *ctx) __ksym;

/*
 * The session cookie carries a call's entry time and level from its entry to its return. A root is
 * on level 1. The trampoline clears the cookie: 0 at return means that the entry half did not run.
 * The time loses its upper bits, which a difference of two does not need.
 */
#define SESSION_LEVELS 0x1ff
#define SESSION_RARE 0x200 /* the return takes a closer look */
#define SESSION_IGNORED SESSION_RARE
#define SESSION_TIME_SHIFT 10

static __always_inline __u64 session_pack(__u64 start, __u32 level)
{
	return start << SESSION_TIME_SHIFT | level;
}

static __always_inline __u64 session_duration(__u64 session, __u64 now)
{
	now <<= SESSION_TIME_SHIFT;
	opaque(now);
	return (now + (SESSION_LEVELS | SESSION_RARE) - session) >> SESSION_TIME_SHIFT;
}

/* THREAD_SIZE in the kernel's asm/page_64_types.h; it is aligned to its size. */
#define STACK_BYTES 16384

/* The outermost calls of a task that have not returned, to be told when they never will. */
#define OPEN_LEVELS 15

struct open_call {
	__u64 start;
	__u32 function;
	__u32 unused;
};

/*
 * State of one task. The program never runs twice at once on a CPU, so no two of it meet here.
 * The other side of that: while a task is preempted in the program, the kernel skips it for all
 * other tasks on that CPU. It counts those runs, and fsnoop tells them.
 */
struct frame {
	__u64 root;     /* where on the stack the context of the open root lies; 0: none is open */
	__u32 level;    /* of the innermost open call */
	__u32 function; /* of the call that is being entered: its attach cookie */
	union place place; /* of the next record */
	union ids ids;
	__u64 owner; /* address of the task's struct; 0: free */
	__u64 here;  /* to make a number of a pointer */
	char comm[COMM_BYTES];
	bool is_simple;                         /* a root that is entered needs no closer look */
	struct open_call open[OPEN_LEVELS + 1]; /* by level; 0: a deeper one that returns */
};

/*
 * A task gets a frame at its first root and keeps it to its end. Task storage is meant for this,
 * and costs 62 instructions a look-up, where this costs 9.
 */
#define FRAMES (1 << 16)

const volatile struct settings settings SEC(".rodata.settings");
struct counters counters SEC(".bss.counters");
struct root_record *in_btf SEC(".bss.in_btf");  /* for nothing but its type, which tests compare */
struct ring ring SEC(".bss.ring");              /* its size is cut down before loading */
struct frame frames[FRAMES] SEC(".bss.frames"); /* the first ones are nobody's */
__u16 tasks[TID_LIMIT] SEC(".bss.tasks");       /* by tid, written before and while tracing */

static __always_inline __u16 *task_number(struct task_struct *task)
{
	return &tasks[task->pid & (TID_LIMIT - 1)];
}

/* A task's frame lies at, or soon behind, a number that follows from the task's address. */
#define FRAME_TRIES 64

static __always_inline __u32 first_number(struct task_struct *task)
{
	__u64 address = (__u64)task;

	/* Of pointers the verifier allows differences only. */
	asm volatile("%0 -= %1" : "+r"(address) : "r"(frames));
	return address >> 6;
}

/* The number of the task's frame, or 0. */
static __noinline __u32 find_frame(struct task_struct *task)
{
	__u32 first = first_number(task), number;
	int i;

	for (i = 0; i < FRAME_TRIES; i++) {
		number = (first + i) & (FRAMES - 1);
		if (number >= TASK_FRAMES && frames[number].owner == (__u64)task)
			return number;
	}
	return 0;
}

static __noinline __u32 claim_frame(struct task_struct *task)
{
	__u32 first = first_number(task), number;
	int i;

	for (i = 0; i < FRAME_TRIES; i++) {
		number = (first + i) & (FRAMES - 1);
		if (number >= TASK_FRAMES &&
		    !__sync_val_compare_and_swap(&frames[number].owner, 0, (__u64)task))
			return number;
	}
	return 0;
}

/*
 * Room in the ring, or NULL and one more lost record. Each writer that passes the check at the same
 * time as others finds its room in the slack.
 */
static __always_inline void *ring_reserve(__u32 bytes)
{
	__u64 position;

	if (*(volatile __u64 *)&ring.head > *(volatile __u64 *)&ring.end) {
		__sync_fetch_and_add(&counters.lost_ring, 1);
		return NULL;
	}
	position = __sync_fetch_and_add(&ring.head, bytes);
	return ring.data + (position & settings.ring_mask);
}

static __always_inline void copy_comm(char *to, const char *from)
{
	((__u64 *)to)[0] = ((const __u64 *)from)[0];
	((__u64 *)to)[1] = ((const __u64 *)from)[1];
}

static __always_inline bool is_called(struct task_struct *task, const volatile char *comm)
{
	return ((__u64 *)task->comm)[0] == ((const volatile __u64 *)comm)[0] &&
	       ((__u64 *)task->comm)[1] == ((const volatile __u64 *)comm)[1];
}

/* Room for the next record of a tree, with what the frame knows of it; or NULL. */
static __always_inline struct record *begin_record(struct frame *frame, __u16 type, __u32 level)
{
	struct record *record;

	if (level == 1) {
		record = ring_reserve(sizeof(struct root_record));
		if (!record)
			return NULL;
		copy_comm(((struct root_record *)record)->comm, frame->comm);
		record->duration = sizeof(struct root_record);
	} else {
		record = ring_reserve(sizeof(struct record));
		if (!record)
			return NULL;
		record->duration = sizeof(struct record);
	}
	record->type = type;
	record->depth = level - 1;
	record->place.both = frame->place.both;
	record->ids.both = frame->ids.both;
	return record;
}

/* The exchange orders what was written before it, on every architecture. */
static __always_inline void submit_record(struct record *record, __u64 duration)
{
	__u32 bytes = record->duration;

	record->duration = duration;
	__sync_lock_test_and_set(&record->size, bytes);
}

static __noinline int write_entry(struct frame *frame)
{
	struct record *record = begin_record(frame, RECORD_ENTRY, frame->level);

	if (!record)
		return 0;
	record->function = frame->function;
	record->cpu = bpf_get_smp_processor_id();
	record->start = frame->here;
	record->retval = 0;
	submit_record(record, 0);
	return 0;
}

/*
 * Whether the open root is gone, because the kernel skipped the program at its return: what is
 * called below it lies lower on the same stack (or on another one, in an interrupt).
 */
static __always_inline bool is_root_gone(struct frame *frame, void *ctx)
{
	__u64 here;

	frame->here = (__u64)ctx;
	here = *(volatile __u64 *)&frame->here; /* a number, no longer a pointer */
	return here >= frame->root && (here ^ frame->root) < STACK_BYTES;
}

static __always_inline void begin_tree(void *ctx, struct frame *frame)
{
	frame->root = (__u64)ctx;
	frame->place.index = 0;
	frame->place.tree += FRAMES; /* so that no two frames have trees of the same number */
}

/* Unless its id is to be another task's: see on_exit. Idle tasks share theirs. */
static __always_inline void remember_frame(struct task_struct *task, __u32 number)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];

	frame->ids.tid = task->pid;
	frame->ids.pid = task->tgid;
	if (task->pid && !(task->flags & PF_EXITING))
		*task_number(task) = number;
}

/* The number of the frame of a task that has one, or 0. */
static __always_inline __u32 own_number(struct task_struct *task)
{
	__u32 number = *task_number(task);

	if (number == TASK_TRACED)
		return 0;
	if (number != TASK_SEARCHED)
		return number;
	number = find_frame(task);
	if (number)
		remember_frame(task, number);
	return number;
}

/*
 * Opens a call that is not simply below the open root, or a root where that takes a closer look.
 * The call's frame, or NULL if it is not to be recorded.
 */
static __noinline struct frame *open_elsewhere(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 id = bpf_get_attach_cookie(ctx);
	__u32 number = own_number(task);
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (number && frame->root && !is_root_gone(frame, ctx)) {
		if (frame->level >= settings.max_level)
			return NULL;
		frame->level++;
		frame->function = id;
		return frame;
	}
	frame->root = 0;
	frame->level = 1;
	/* Only roots: a task may get another name in an open tree. */
	if (!(id & COOKIE_ROOT) || (settings.by_comm && !is_called(task, settings.comm)))
		return NULL;
	if (!number) {
		number = claim_frame(task);
		if (!number) {
			__sync_fetch_and_add(&counters.lost_entry, 1);
			return NULL;
		}
		remember_frame(task, number);
		frame = &frames[number & (FRAMES - 1)];
		frame->level = 1;
		frame->is_simple = !settings.by_comm;
		frame->place.tree = (frame->place.tree & ~(FRAMES - 1)) | number;
	}
	copy_comm(frame->comm, task->comm);
	frame->function = id;
	begin_tree(ctx, frame);
	return frame;
}

/*
 * What on_call keeps over calls of helpers. On the stack: a register that something is kept in
 * costs four instructions, of ignored calls too.
 */
struct kept {
	void *ctx;
	struct frame *frame;
	__u64 *cookie;
	__u64 session;
	__u64 start;
	__u64 duration;
	struct record *record;
};

static __always_inline void on_entry(volatile struct kept *kept, bool has_options)
{
	__u32 id = bpf_get_attach_cookie(kept->ctx), level;
	struct frame *frame = kept->frame;
	struct open_call *open;
	__u64 session;

	frame->function = id;
	if ((__u64)kept->ctx < frame->root) {
		level = frame->level + 1;
		if (level > settings.max_level)
			goto ignore;
		frame->level = level;
	} else if (frame->root) {
		goto elsewhere;
	} else if (!(id & COOKIE_ROOT)) {
		goto ignore;
	} else if (frame->is_simple) {
		begin_tree(kept->ctx, frame);
	} else {
	elsewhere:
		frame = open_elsewhere(kept->ctx);
		if (!frame)
			goto ignore;
		kept->frame = frame;
	}
	kept->cookie = bpf_session_cookie(kept->ctx);
	session = bpf_ktime_get_ns();
	frame = kept->frame;
	level = frame->level;
	if (level <= OPEN_LEVELS) {
		open = &frame->open[level];
		open->start = session;
		open->function = frame->function;
	} else {
		level |= SESSION_RARE;
	}
	*kept->cookie = session_pack(session, level);
	if (has_options && settings.live) {
		frame->here = session;
		write_entry(frame);
	}
	return;
ignore:
	*bpf_session_cookie(kept->ctx) = SESSION_IGNORED;
}

/* The kernel skipped the entry half, to keep the program out of itself. */
static __always_inline void on_unseen_entry(void *ctx, struct task_struct *task)
{
	struct frame *frame = &frames[own_number(task) & (FRAMES - 1)];

	if (frame->root) {
		if (frame->level >= settings.max_level)
			return;
		frame->place.index++;
	} else {
		if (!(bpf_get_attach_cookie(ctx) & COOKIE_ROOT))
			return;
		if (settings.by_comm && !is_called(task, settings.comm))
			return;
	}
	__sync_fetch_and_add(&counters.lost_entry, 1);
}

/*
 * The frame of a call that returns and is not the one that it seems to be, or NULL for one that
 * is not to be recorded.
 */
static __noinline struct frame *find_returned(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 session = *bpf_session_cookie(ctx);
	__u32 level = session & SESSION_LEVELS;
	struct frame *frame;

	if (!session) {
		on_unseen_entry(ctx, task);
		return NULL;
	}
	frame = &frames[own_number(task) & (FRAMES - 1)];
	if (!frame->root || level > frame->level)
		return NULL;
	/* The kernel skipped the return half of the calls in between. */
	frame->place.index += frame->level - level;
	frame->level = level;
	if (level > OPEN_LEVELS)
		frame->open[0].function = bpf_get_attach_cookie(ctx);
	return frame;
}

static __always_inline void on_return(volatile struct kept *kept, bool has_options)
{
	__u64 session = *bpf_session_cookie(kept->ctx), now, duration;
	__u32 level = session & (SESSION_RARE | SESSION_LEVELS), cpu;
	struct frame *frame = kept->frame;
	struct record *record;

	if (level != frame->level) {
		if (session == SESSION_IGNORED)
			return;
		frame = find_returned(kept->ctx);
		if (!frame)
			return;
		kept->frame = frame;
		session = *bpf_session_cookie(kept->ctx);
	}
	kept->session = session;
	now = bpf_ktime_get_ns();
	session = kept->session;
	duration = session_duration(session, now);
	kept->start = now - duration;
	kept->duration = duration;
	level = session & SESSION_LEVELS;
	frame = kept->frame;
	if (level == 1)
		frame->root = 0;
	else
		frame->level = level - 1;
	if (has_options && duration < settings.min_duration)
		return;
	record = begin_record(frame, RECORD_CALL, level);
	frame->place.index++;
	if (!record)
		return;
	kept->record = record;
	/* What the entry noted is nearer than the attach cookie. */
	record->function = frame->open[level <= OPEN_LEVELS ? level : 0].function;
	record->start = kept->start;
	bpf_get_func_ret(kept->ctx, &record->retval);
	cpu = bpf_get_smp_processor_id();
	record = kept->record;
	record->cpu = cpu;
	submit_record(record, kept->duration);
}

static __always_inline int run(void *ctx, bool has_options)
{
	volatile struct kept kept;
	struct frame *frame;
	__u32 number;

	kept.ctx = ctx;
	number = *task_number(bpf_get_current_task_btf());
	/* First of all: most calls on a machine are of other tasks. */
	if (number == TASK_IGNORED)
		return 0;
	frame = &frames[number];
	opaque(frame);
	kept.frame = frame;
	if (bpf_session_is_return(kept.ctx))
		on_return(&kept, has_options);
	else
		on_entry(&kept, has_options);
	return 0;
}

/* One of the two is loaded. The verifier drops a branch that a setting closes, not its load. */
SEC("fsession.multi")
int on_call(void *ctx)
{
	return run(ctx, false);
}

/* For live mode and a least duration. */
SEC("fsession.multi")
int on_call_options(void *ctx)
{
	return run(ctx, true);
}

/* The innermost level of which the open call is known; 0: no root is open. */
static __always_inline __u32 innermost_open(struct frame *frame)
{
	if (!frame->root)
		return 0;
	return frame->level < OPEN_LEVELS ? frame->level : OPEN_LEVELS;
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

/* Tasks that a traced one starts are traced before they run: its threads always. */
SEC("tp_btf/sched_process_fork")
int on_fork(__u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0];
	struct task_struct *child = (void *)ctx[1];
	bool traced = *task_number(parent) != TASK_IGNORED &&
	              (settings.follow || child->tgid == parent->tgid);

	*task_number(child) = traced ? TASK_TRACED : TASK_IGNORED;
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

	if (task->pid == task->tgid && *task_number(task) != TASK_IGNORED)
		*task_number(task) = TASK_SEARCHED;
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
	__u32 number = *task_number(task) == TASK_TRACED ? 0 : find_frame(task);
	struct frame *frame = &frames[number & (FRAMES - 1)];
	__u32 innermost = innermost_open(frame);
	struct record *record;
	int level;

	*task_number(task) = settings.by_task ? TASK_IGNORED : TASK_TRACED;
	if (!number)
		return 0;
	for (level = OPEN_LEVELS; level > 0; level--) {
		if (level > innermost)
			continue;
		record = begin_record(frame, RECORD_EXIT, level);
		frame->place.index++;
		if (record)
			submit_record(record, tell_open(record, &frame->open[level]));
	}
	frame->root = 0;
	frame->level = 1;
	__sync_lock_test_and_set(&frame->owner, 0);
	return 0;
}

/* Read once, after the functions are detached: the calls that were still open. */
SEC("iter/task")
int tell_open_calls(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct root_record out = {};
	struct frame *frame;
	__u32 innermost, bytes;
	int level;

	if (!task)
		return 0;
	frame = &frames[find_frame(task) & (FRAMES - 1)];
	innermost = innermost_open(frame);
	copy_comm(out.comm, task->comm);
	for (level = OPEN_LEVELS; level > 0; level--) {
		if (level > innermost)
			continue;
		bytes = level > 1 ? sizeof(out.record) : sizeof(out);
		out.record.size = bytes;
		out.record.type = RECORD_OPEN;
		out.record.depth = level - 1;
		out.record.place = frame->place;
		out.record.ids = frame->ids;
		out.record.duration = tell_open(&out.record, &frame->open[level]);
		bpf_seq_write(seq, &out, bytes);
		frame->place.index++;
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
