// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* One program for all traced functions, run at their entry and at their return. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include "record.h"

#define on_task __attribute__((preserve_access_index))

struct task_struct {
	int pid;
	int tgid;
	char comm[COMM_BYTES] __attribute__((aligned(8))); /* for loads of 8 bytes */
} on_task;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} on_task;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} on_task;

/* With a context since v7.0; v6.10 to v6.19 have both as (void), for kprobe.session only. */
extern bool bpf_session_is_return(void *ctx) __ksym;
extern __u64 *bpf_session_cookie(void *ctx) __ksym;

/*
 * The session cookie carries a call's entry time and depth from its entry to its return. The
 * trampoline clears it: 0 at return means that the entry half did not run.
 */
#define SESSION_IGNORED 1
#define SESSION_DEPTH_BITS 9
#define MAX_DEPTH ((1 << SESSION_DEPTH_BITS) - 1)

static __always_inline __u64 session_pack(__u64 start, __u32 depth)
{
	return (start + 1) << SESSION_DEPTH_BITS | depth;
}

static __always_inline __u64 session_start(__u64 session)
{
	return (session >> SESSION_DEPTH_BITS) - 1;
}

static __always_inline __u32 session_depth(__u64 session)
{
	return session & MAX_DEPTH;
}

/* THREAD_SIZE in the kernel's asm/page_64_types.h; it is aligned to its size. */
#define STACK_BYTES 16384

/* The outermost calls of a task that have not returned, to be told when they never will. */
#define OPEN_LEVELS 32

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
	__u32 depth; /* of the next call: 0 when no root is open */
	__u32 tree;
	__u32 index;
	__u32 unused;
	__u64 here; /* where on the stack the context of the last call lies */
	__u64 root; /* and that of the open root */
	struct open_call open[OPEN_LEVELS];
};

const volatile struct settings settings SEC(".rodata.settings");
struct counters counters SEC(".bss.counters");
struct root_record *in_btf SEC(".bss.in_btf"); /* for nothing but its type, which tests compare */
struct ring ring SEC(".bss.ring");             /* its size is cut down before loading */
__u8 traced[PID_LIMIT] SEC(".bss.traced");     /* by pid, written before and while tracing */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct frame);
} frames SEC(".maps");

static __always_inline __u64 now(void)
{
	return bpf_ktime_get_ns() - settings.epoch;
}

/*
 * Room in the ring, or NULL and one more lost record. Each writer that passes the check at the same
 * time as others finds its room in the slack.
 */
static __always_inline void *ring_reserve(__u32 bytes)
{
	__u64 position;

	if (*(volatile __u64 *)&ring.head - *(volatile __u64 *)&ring.tail > settings.ring_limit) {
		__sync_fetch_and_add(&counters.lost_ring, 1);
		return NULL;
	}
	position = __sync_fetch_and_add(&ring.head, bytes);
	return ring.data + (position & settings.ring_mask);
}

/* The exchange orders what was written before it, on every architecture. */
static __always_inline void ring_submit(struct record *record, __u32 bytes)
{
	__sync_lock_test_and_set(&record->size, bytes);
}

static __always_inline void copy_comm(char *to, struct task_struct *task)
{
	((__u64 *)to)[0] = ((__u64 *)task->comm)[0];
	((__u64 *)to)[1] = ((__u64 *)task->comm)[1];
}

static __always_inline bool is_called(struct task_struct *task, const volatile char *comm)
{
	return ((__u64 *)task->comm)[0] == ((const volatile __u64 *)comm)[0] &&
	       ((__u64 *)task->comm)[1] == ((const volatile __u64 *)comm)[1];
}

static __always_inline __u8 *traced_byte(__u32 pid)
{
	return &traced[pid & (PID_LIMIT - 1)];
}

/* Room for the next record of a task, all filled but what its caller knows; or NULL. */
static __always_inline struct record *begin_record(struct task_struct *task, struct frame *frame,
                                                   __u16 type, __u32 depth)
{
	struct record *record;

	if (depth) {
		record = ring_reserve(sizeof(struct record));
		if (!record)
			return NULL;
	} else {
		record = ring_reserve(sizeof(struct root_record));
		if (!record)
			return NULL;
		copy_comm(((struct root_record *)record)->comm, task);
	}
	record->type = type;
	record->depth = depth;
	record->tree = frame->tree;
	record->tid = task->pid;
	record->pid = task->tgid;
	record->cpu = bpf_get_smp_processor_id();
	return record;
}

static __always_inline void end_record(struct record *record, __u32 depth)
{
	ring_submit(record, depth ? sizeof(struct record) : sizeof(struct root_record));
}

static __always_inline void write_entry(struct task_struct *task, struct frame *frame, __u32 depth,
                                        __u32 function, __u64 start)
{
	struct record *record = begin_record(task, frame, RECORD_ENTRY, depth);

	if (!record)
		return;
	record->function = function;
	record->index = frame->index;
	record->start = start;
	record->duration = 0;
	record->retval = 0;
	end_record(record, depth);
}

/*
 * Whether the open root is gone, because the kernel skipped the program at its return: what is
 * called below it lies lower on the same stack (or on another one, in an interrupt).
 */
static __always_inline bool is_root_gone(struct frame *frame)
{
	__u64 here = *(volatile __u64 *)&frame->here;

	return here >= frame->root && (here ^ frame->root) < STACK_BYTES;
}

/* Notes a call's entry; false: the call is not to be recorded. */
static __always_inline bool open_call(void *ctx, struct task_struct *task, __u64 *session)
{
	struct frame *frame;
	__u32 id, depth;
	__u64 start;

	id = bpf_get_attach_cookie(ctx);
	/* Only roots: a task may get another name in an open tree. */
	if (settings.by_comm && id & COOKIE_ROOT && !is_called(task, settings.comm))
		return false;
	frame = bpf_task_storage_get(&frames, task, 0,
	                             id & COOKIE_ROOT ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (!frame) {
		if (id & COOKIE_ROOT)
			__sync_fetch_and_add(&counters.lost_entry, 1);
		return false;
	}
	depth = frame->depth;
	frame->here = (__u64)ctx;
	if (depth && is_root_gone(frame))
		frame->depth = depth = 0;
	if (depth > settings.max_depth)
		return false;
	if (!depth) {
		if (!(id & COOKIE_ROOT))
			return false;
		frame->root = (__u64)ctx;
		frame->tree = __sync_fetch_and_add(&counters.trees, 1);
		frame->index = 0;
	}
	id &= ~COOKIE_ROOT;
	frame->depth = depth + 1;
	start = now();
	if (depth < OPEN_LEVELS) {
		frame->open[depth].start = start;
		frame->open[depth].function = id;
	}
	*session = session_pack(start, depth);
	if (settings.live)
		write_entry(task, frame, depth, id, start);
	return true;
}

static __always_inline void on_entry(void *ctx, struct task_struct *task)
{
	__u64 *session = bpf_session_cookie(ctx);

	if (!open_call(ctx, task, session))
		*session = SESSION_IGNORED;
}

/* The kernel skipped the entry half, to keep the program out of itself. */
static __always_inline void on_unseen_entry(void *ctx, struct task_struct *task,
                                            struct frame *frame)
{
	if (frame && frame->depth) {
		if (frame->depth > settings.max_depth)
			return;
		frame->index++;
	} else {
		if (!(bpf_get_attach_cookie(ctx) & COOKIE_ROOT))
			return;
		if (settings.by_comm && !is_called(task, settings.comm))
			return;
	}
	__sync_fetch_and_add(&counters.lost_entry, 1);
}

static __always_inline void on_return(void *ctx, struct task_struct *task)
{
	__u64 session = *bpf_session_cookie(ctx);
	struct record *record;
	struct frame *frame;
	__u64 start, duration;
	__u32 depth, index;

	if (session == SESSION_IGNORED)
		return;
	frame = bpf_task_storage_get(&frames, task, 0, 0);
	if (!session) {
		on_unseen_entry(ctx, task, frame);
		return;
	}
	if (!frame)
		return;
	/* More than one level up: the kernel skipped the return half of the calls in between. */
	depth = session_depth(session);
	frame->index += frame->depth - depth - 1;
	frame->depth = depth;
	start = session_start(session);
	duration = now() - start;
	if (duration < settings.min_duration)
		return;
	index = frame->index++;
	record = begin_record(task, frame, RECORD_CALL, depth);
	if (!record)
		return;
	/* What the entry noted is nearer than the attach cookie. */
	if (depth < OPEN_LEVELS)
		record->function = frame->open[depth].function;
	else
		record->function = bpf_get_attach_cookie(ctx) & ~COOKIE_ROOT;
	record->index = index;
	record->start = start;
	record->duration = duration;
	bpf_get_func_ret(ctx, &record->retval);
	end_record(record, depth);
}

SEC("fsession.multi")
int on_call(__u64 *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	/* First of all: most calls on a machine are of other tasks. */
	if (!*traced_byte(task->tgid))
		return 0;
	if (bpf_session_is_return(ctx))
		on_return(ctx, task);
	else
		on_entry(ctx, task);
	return 0;
}

/* Fills in what is known of the open call at this level, the next of its tree to be told. */
static __always_inline void tell_open(struct record *record, struct frame *frame,
                                      struct open_call *open)
{
	record->function = open->function;
	record->index = frame->index++;
	record->start = open->start;
	record->duration = now() - open->start;
	record->retval = 0;
}

/* Children of a traced process are traced before they run. */
SEC("tp_btf/sched_process_fork")
int on_fork(__u64 *ctx)
{
	struct task_struct *parent = (void *)ctx[0];
	struct task_struct *child = (void *)ctx[1];

	if (*traced_byte(parent->tgid))
		*traced_byte(child->tgid) = 1;
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
	struct frame *frame = bpf_task_storage_get(&frames, task, 0, 0);
	struct record *record;
	int level;

	/* The pid may be another process's soon. */
	if (settings.by_pid && task->pid == task->tgid)
		*traced_byte(task->tgid) = 0;
	if (!frame)
		return 0;
	for (level = OPEN_LEVELS - 1; level >= 0; level--) {
		if (level >= frame->depth)
			continue;
		record = begin_record(task, frame, RECORD_EXIT, level);
		if (!record) {
			frame->index++;
			continue;
		}
		tell_open(record, frame, &frame->open[level]);
		end_record(record, level);
	}
	frame->depth = 0;
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
	int level;

	if (!task)
		return 0;
	frame = bpf_task_storage_get(&frames, task, 0, 0);
	if (!frame)
		return 0;
	copy_comm(out.comm, task);
	for (level = OPEN_LEVELS - 1; level >= 0; level--) {
		if (level >= frame->depth)
			continue;
		out.record.size = level ? sizeof(out.record) : sizeof(out);
		out.record.type = RECORD_OPEN;
		out.record.depth = level;
		out.record.tree = frame->tree;
		out.record.tid = task->pid;
		out.record.pid = task->tgid;
		out.record.cpu = bpf_get_smp_processor_id();
		tell_open(&out.record, frame, &frame->open[level]);
		bpf_seq_write(seq, &out, out.record.size);
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
