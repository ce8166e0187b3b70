/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * With -DPLAIN what `tasks` has of a task is not the number of its frame alone: it is the place of
 * its innermost open call, in bytes from `frames` on. That is all that most entries and returns
 * need. What else the frame tells of open calls is settled when a closer look is taken.
 */
#ifndef FSNOOP_WORD_H
#define FSNOOP_WORD_H

#define FRAME_BYTES 2048
#define CALL_BYTES 32
#define CALLS (FRAME_BYTES - CALL_BYTES)
#define NO_CALL 96 /* of level 0 */

_Static_assert(sizeof(struct frame) == FRAME_BYTES, "frames are found by shifts");
_Static_assert(sizeof(struct open_call) == CALL_BYTES, "calls too");
_Static_assert(__builtin_offsetof(struct frame, open) == NO_CALL, "and levels");

static __always_inline __u32 *task_word(struct task_struct *task)
{
	return &tasks[task->pid & (TID_LIMIT - 1)];
}

static __always_inline __u32 task_number(struct task_struct *task)
{
	return *task_word(task) / FRAME_BYTES;
}

/* With the last call of a frame, behind which none can be entered, where a closer look is needed.
 */
static __always_inline __u32 word_of(__u32 number)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (number == TASK_IGNORED)
		return 0;
	if (number < TASK_FRAMES)
		return number * FRAME_BYTES + CALLS;
	return number * FRAME_BYTES + NO_CALL + (frame->root ? frame->level * CALL_BYTES : 0);
}

static __always_inline void set_number(struct task_struct *task, __u32 number)
{
	*task_word(task) = word_of(number);
}

/* Notes in a frame which call is the innermost, where the word of its task tells. */
static __always_inline void settle(__u32 number)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];
	__u32 word = tasks[frame->ids.tid & (TID_LIMIT - 1)];
	__u32 level = (word % FRAME_BYTES - NO_CALL) / CALL_BYTES;

	if (word / FRAME_BYTES != number || number < TASK_FRAMES)
		return;
	frame->root = level ? frame->open[1].stack : 0;
	frame->level = level ? level : 1;
	frame->innermost = level ? open_at(frame, level)->stack : 0;
}

/* The same before the word of a task becomes another: it may be that of who had this id before. */
static __always_inline void settle_left(struct task_struct *task)
{
	__u32 number = task_number(task);

	if (frames[number & (FRAMES - 1)].ids.tid == task->pid)
		settle(number);
}

#endif
