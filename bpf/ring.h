/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Records: room for them in the ring, and what all of them have. */
#ifndef FSNOOP_RING_H
#define FSNOOP_RING_H

#include "frame.h"

struct ring ring SEC(".bss.ring");             /* its size is cut down before loading */
struct root_record *in_btf SEC(".bss.in_btf"); /* for nothing but its type, which tests compare */

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

/*
 * What on_call keeps over calls of helpers. On the stack: a register that something is kept in
 * costs four instructions, of ignored calls too. And in six slots with all else that is there: from
 * seven on the kernel makes it a stack of its own, and saves its address over each call.
 */
struct kept {
	void *ctx;
	union {
		__u16 number; /* in the array tasks */
		struct frame *frame;
		struct open_call *open; /* that returns, with -DSTAT */
	};
	union {
		__u64 session;
		struct record *record;
	};
	union {
		__u64 start;
		__u64 arg;
	};
	union {
		__u64 duration;
		__u64 *cookie;
		struct program *program;
	};
	__u64 function;
};

/*
 * Room for the next record of a tree, with what the frame knows of it and `more` bytes behind it;
 * or NULL. The bytes of all are in its duration until it is submitted.
 */
static __always_inline struct record *begin_record(volatile struct kept *kept, __u8 type,
                                                   __u8 shape, __u32 level, __u32 more)
{
	__u32 bytes = sizeof(struct record) + 8 * (shape & SHAPE_ARGS) + more;
	struct frame *frame;
	union head head = {.type = type, .shape = shape, .depth = level - 1};
	struct record *record;

	opaque(head.all);
	if (!head.depth)
		bytes += COMM_BYTES;
	opaque(bytes);
	record = ring_reserve(bytes);
	if (!record)
		return NULL;
	frame = kept->frame;
	record->head.all = head.all;
	record->duration = bytes;
	record->place.both = frame->place.both;
	record->ids.both = frame->ids.both;
	if (!head.depth)
		copy_comm((char *)(record + 1) + 8 * (head.shape & SHAPE_ARGS), frame->comm);
	return record;
}

/* The exchange orders what was written before it, on every architecture. */
static __always_inline void submit_sized(struct record *record, __u32 bytes, __u64 duration)
{
	record->duration = duration;
	__sync_lock_test_and_set(&record->size, bytes);
}

/* As begin_record() made it. */
static __always_inline void submit_record(struct record *record, __u64 duration)
{
	submit_sized(record, record->duration, duration);
}

#ifdef KPROBE
#define get_arg(kept, n, to)                                                                       \
	(*(to) = open_at(kept->frame, kept->record->head.depth + 1)->args[n % REGISTER_ARGS])
#else
#define get_arg(kept, n, to) bpf_get_func_arg(kept->ctx, n, to)
#endif

#define copy_arg(n)                                                                                \
	if (own_slots_or(kept->record->head.shape & SHAPE_ARGS) <= n)                              \
		return;                                                                            \
	get_arg(kept, n, (__u64 *)(kept->record + 1) + n)

/* Fills in the argument slots behind the record. At the return they are still what they were. */
static __always_inline void copy_args(volatile struct kept *kept)
{
	copy_arg(0);
	copy_arg(1);
	copy_arg(2);
	copy_arg(3);
	copy_arg(4);
	copy_arg(5);
	copy_arg(6);
	copy_arg(7);
	copy_arg(8);
	copy_arg(9);
	copy_arg(10);
	copy_arg(11);
}

#endif
