/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Tasks, and the frame of each that has had a root open: what calls are open there. */
#ifndef FSNOOP_FRAME_H
#define FSNOOP_FRAME_H

#include "method.h"

/*
 * THREAD_SIZE in the kernel's asm/page_64_types.h, of arm64 in asm/memory.h; it is aligned to its
 * size. Where pages of arm64 are larger, stacks are too: then less is known to be on the same one.
 */
#define STACK_BYTES 16384

struct open_call {
#if IS_KEPT
	__u64 stack; /* where it was entered */
#endif
	__u64 start;
	__u64 function; /* its attach cookie */
#ifdef STAT
	__u64 below; /* ns that the calls took that it made */
#endif
#ifdef KPROBE
	__u64 args[REGISTER_ARGS]; /* at its return they are gone */
#endif
};

/*
 * State of one task. The program never runs twice at once on a CPU, so no two of it meet here: the
 * kernel sees to that, or run_session() where each function has a copy of it.
 * The other side of that: while a task is preempted in the program, it is skipped for all other
 * tasks on that CPU. Those runs are counted, and fsnoop tells them.
 */
struct frame {
	__u64 root;        /* where on the stack the open root was entered; 0: none is open */
	__u32 level;       /* of the innermost open call */
	__u16 is_simple;   /* a root that is entered needs no closer look */
	__u16 is_counted;  /* in roots.reach */
	__u64 function;    /* of the call that is being entered: its attach cookie */
	union place place; /* of the next record */
	union ids ids;
	__u64 owner; /* see owner_of(); 0: free */
	__u64 here;  /* to make a number of a pointer */
	__u64 away;  /* since when the task is off the CPU, with a root open; 0: it is not */
	char comm[COMM_BYTES];
#if IS_KEPT
	__u64 innermost; /* where on the stack that was entered; 0: no call is open */
#endif
#ifdef PLAIN
	__u64 unused;
	struct open_call open[PLAIN_LEVELS + 1]; /* by level; 0: no call */
#else
	struct open_call open[OPEN_LEVELS + 1]; /* by level; 0: a deeper one that returns */
#endif
};

#if IS_KEPT || defined(STAT)
static __always_inline struct open_call *open_at(struct frame *frame, __u32 level)
{
	return &frame->open[level & OPEN_LEVELS];
}
#endif

const volatile struct settings settings SEC(".rodata.settings");
struct counters counters SEC(".bss.counters");

/*
 * A task gets a frame, one of FRAMES, at its first root and keeps it to its end. Task storage is
 * meant for this, and costs 62 instructions a look-up, where this costs 9.
 */
#ifdef PLAIN

/*
 * The verifier wants room for a caller before the first call, and for a call behind the last. With
 * values they lie in this order.
 */
struct frame before SEC(".bss.frames") = {};
struct frame frames[FRAMES] SEC(".bss.frames") = {};
struct frame behind SEC(".bss.frames") = {};
__u32 tasks[TID_LIMIT] SEC(".bss.tasks");

#include "word.h"

#else

struct frame frames[FRAMES] SEC(".bss.frames"); /* the first ones are nobody's */
__u16 tasks[TID_LIMIT] SEC(".bss.tasks");       /* by tid, written before and while tracing */

static __always_inline __u16 *task_word(struct task_struct *task)
{
	return &tasks[task->pid & (TID_LIMIT - 1)];
}

static __always_inline __u32 task_number(struct task_struct *task)
{
	return *task_word(task);
}

static __always_inline void set_number(struct task_struct *task, __u32 number)
{
	*task_word(task) = number;
}

static __always_inline void settle(__u32 number)
{
}

static __always_inline void settle_left(struct task_struct *task)
{
}

#endif

/* A task's frame lies at, or soon behind, a number that follows from the task's address. */
#define FRAME_TRIES 64

/* A number that no other task has: of pointers the verifier allows differences only. */
static __always_inline __u64 owner_of(struct task_struct *task)
{
	__u64 owner = (__u64)task;

	asm volatile("%0 -= %1" : "+r"(owner) : "r"(frames));
	return owner;
}

/*
 * Loops are callbacks of bpf_loop() here: the verifier reads one of those once or twice, and a loop
 * as often as it may run.
 */
struct search {
	__u64 owner;
	__u32 number; /* of the frame that was found, or 0 */
};

static __always_inline __u32 numbered(struct search *search, __u32 try)
{
	return ((search->owner >> 6) + try) & (FRAMES - 1);
}

static long is_owned(__u32 try, struct search *search)
{
	__u32 number = numbered(search, try);

	if (number < TASK_FRAMES || frames[number].owner != search->owner)
		return 0;
	search->number = number;
	return 1;
}

static long claim(__u32 try, struct search *search)
{
	__u32 number = numbered(search, try);

	if (number < TASK_FRAMES ||
	    __sync_val_compare_and_swap(&frames[number].owner, 0, search->owner))
		return 0;
	search->number = number;
	return 1;
}

/*
 * The number of the frame of a task, or 0. Functions that are not static are verified by
 * themselves, and not again for all that is known where they are called.
 */
__noinline __u32 find_owned(__u64 owner)
{
	struct search search = {.owner = owner};

	bpf_loop(FRAME_TRIES, is_owned, &search, 0);
	return search.number;
}

/* The number of a frame that the task has from now on, or 0. */
__noinline __u32 claim_owned(__u64 owner)
{
	struct search search = {.owner = owner};

	bpf_loop(FRAME_TRIES, claim, &search, 0);
	return search.number;
}

static __always_inline __u32 find_frame(struct task_struct *task)
{
	return find_owned(owner_of(task));
}

/* Unless its id is to be another task's: see on_exit. Idle tasks share theirs, 0. */
static __always_inline void remember_frame(struct task_struct *task, __u32 number)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];

	settle(number);
	frame->ids.tid = task->pid;
	frame->ids.pid = task->tgid;
	if (!task->pid)
		set_number(task, TASK_SEARCHED);
	else if (!(task->flags & PF_EXITING))
		set_number(task, number);
}

/* The number of the frame of a task that has one, or 0. */
static __always_inline __u32 own_number(struct task_struct *task)
{
	__u32 number = task_number(task);

	if (number == TASK_TRACED)
		return 0;
	if (number != TASK_SEARCHED)
		return number;
	number = find_frame(task);
	if (number)
		remember_frame(task, number);
	return number;
}

/* By itself to be verified once: it is called where much is known. */
__noinline __u32 current_number(void)
{
	return own_number(bpf_get_current_task_btf());
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

/* Whether the task is one of those whose roots are traced. */
static __always_inline bool is_chosen(struct task_struct *task)
{
	if (settings.by_comm && !is_called(task, settings.comm))
		return false;
	return !settings.cgroup ||
	       bpf_get_current_ancestor_cgroup_id(settings.cgroup_level) == settings.cgroup;
}

static __always_inline __u32 slots_of(__u64 function)
{
	return function >> COOKIE_ARGS_SHIFT & SHAPE_ARGS;
}

static __always_inline bool is_root(__u64 function)
{
	__s32 low = function;

	opaque_word(low); /* or its sign becomes a bit to look for: more code */
	return low < 0;
}

/* Whether a record is written at each entry of the function. */
static __always_inline bool has_entry(__u64 function)
{
	return settings.live || function & COOKIE_ENTRY;
}

#endif
