/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The open tree of a task: where it begins, and the calls in it that are gone. */
#ifndef FSNOOP_TREE_H
#define FSNOOP_TREE_H

#include "frame.h"

#if IS_KEPT

struct unwinding {
	__u64 here;
	__u64 function;
	__u32 number; /* of the frame */
	__u32 level;  /* the innermost that is left, or that was found */
};

/* From the innermost open call on, until one was not entered below here. */
static long unwind(__u32 n, struct unwinding *unwinding)
{
	struct frame *frame = &frames[unwinding->number & (FRAMES - 1)];
	__u32 level = frame->level - n;
	__u64 stack = open_at(frame, level)->stack;

	if (!level || level > OPEN_LEVELS)
		return 1;
	if ((stack ^ unwinding->here) >= STACK_BYTES)
		return 0; /* of an interrupt, which is over if what it interrupted goes on */
	unwinding->level = stack >= unwinding->here ? level : level - 1;
	return stack >= unwinding->here;
}

/* From the innermost open call on, as long as they were entered here. */
static long match(__u32 n, struct unwinding *unwinding)
{
	struct frame *frame = &frames[unwinding->number & (FRAMES - 1)];
	__u32 level = frame->level - n;
	struct open_call *open = open_at(frame, level);

	if (!level || open->stack != unwinding->here)
		return 1;
	if (open->function != unwinding->function)
		return 0;
	unwinding->level = level;
	return 1;
}

/* Closes the open calls behind a level, which are gone; 0: the root too. */
static __always_inline void close_to(struct frame *frame, __u32 level)
{
	frame->place.index += frame->level - level;
	frame->level = level ? level : 1;
	frame->root = level ? frame->root : 0;
	frame->innermost = level ? open_at(frame, level)->stack : 0;
}

/*
 * Closes the open calls that were entered below here, which is frame->here: those that are gone,
 * because the kernel skipped the program at their return. What they call lies lower on the same
 * stack, or on another one, in an interrupt.
 */
__noinline int close_gone(__u32 number)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];
	struct unwinding unwinding = {.here = frame->here, .number = number, .level = frame->level};

	if (!frame->root)
		return 0;
	bpf_loop(OPEN_LEVELS, unwind, &unwinding, 0);
	close_to(frame, unwinding.level);
	return 0;
}

/* Makes a call of that function that was entered here the innermost; 0: there is none. */
__noinline int close_inner(__u32 number, __u64 function)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];
	struct unwinding unwinding = {.here = frame->here, .function = function, .number = number};

	if (!frame->root)
		return 0;
	bpf_loop(OPEN_LEVELS, match, &unwinding, 0);
	if (unwinding.level)
		close_to(frame, unwinding.level);
	return unwinding.level;
}

/* Closes the open calls that are gone where a call is entered, or returns. */
static __always_inline void close_before(struct frame *frame, __u32 number, void *ctx)
{
	frame->here = stack_at(ctx, ENTRY);
	frame->here = *(volatile __u64 *)&frame->here + !IS_PLACE_SHARED;
	close_gone(number);
}

#endif

/*
 * Whether the open root is gone, because the kernel skipped the program at its return: what is
 * called below it lies lower on the same stack (or on another one, in an interrupt).
 */
static __always_inline bool is_root_gone(struct frame *frame, __u32 number, void *ctx)
{
#if IS_KEPT
	close_before(frame, number, ctx);
	/* No function ends with a jump to itself: it has returned. */
	if (IS_PLACE_SHARED && close_inner(number, own_function_or(bpf_get_attach_cookie(ctx))))
		close_to(frame, frame->level - 1);
	return !frame->root;
#else
	__u64 here;

	frame->here = (__u64)ctx;
	here = *(volatile __u64 *)&frame->here; /* a number, no longer a pointer */
	return here >= frame->root && (here ^ frame->root) < STACK_BYTES;
#endif
}

static __always_inline void begin_tree(void *ctx, struct frame *frame)
{
	frame->root = stack_at(ctx, ENTRY);
	frame->place.index = 0;
	frame->place.tree += FRAMES; /* so that no two frames have trees of the same number */
}

static __always_inline void leave_root(struct frame *frame)
{
	frame->root = 0;
	frame->level = 1;
}

#ifdef BELOW

struct roots roots SEC(".bss.roots");

/* Whether a call is surely of no tree. */
static __always_inline bool is_outside(void *ctx)
{
	__u32 address = bpf_get_func_ip(ctx);

	return address - roots.low > *(volatile __u64 *)&roots.reach;
}

/*
 * Notes that the task has a root open. The next switch of the task after that is closed takes it
 * back: the count is shared by all CPUs, and each change of it costs those that read it. A switch
 * in the midst of this sees the root.
 */
static __always_inline void count_task(struct frame *frame)
{
	asm volatile("" ::: "memory"); /* the root is there before */
	if (frame->is_counted)
		return;
	frame->is_counted = 1;
	__sync_fetch_and_add(&roots.reach, REACH_TASK);
}

static __always_inline void uncount_task(struct frame *frame)
{
	if (!frame->is_counted || frame->root)
		return;
	frame->is_counted = 0;
	__sync_fetch_and_add(&roots.reach, -REACH_TASK);
}

#else

static __always_inline bool is_outside(void *ctx)
{
	return false;
}

static __always_inline void count_task(struct frame *frame)
{
}

static __always_inline void uncount_task(struct frame *frame)
{
}

#endif

#endif
