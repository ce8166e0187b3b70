/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The contract between the kernel side and user space. src/events/record.ts and
 * src/attach/shared.ts mirror these structs; test/contract.test.ts compares them through the BTF
 * of the object.
 */
#ifndef FSNOOP_RECORD_H
#define FSNOOP_RECORD_H

#define COMM_BYTES 16

/* What happened, in a record's type. */
#define RECORD_CALL 1  /* a call returned */
#define RECORD_ENTRY 2 /* a call began; written in live mode, and for values of its entry */
#define RECORD_OPEN 3  /* a call had not returned when tracing ended */
#define RECORD_EXIT 4  /* a call had not returned when its task ended */
#define RECORD_DROP 5  /* a root returned that was not wanted: drop its tree */
#define RECORD_MARK 6  /* a task came by a tracepoint */
#define RECORD_AWAY 7  /* a task was off the CPU for the duration, and has been back since */

/* What is copied as one. */
union place {
	struct {
		__u32 index; /* ENTRY: how many calls of the tree returned before it */
		__u32 tree;  /* number of the root call, of all tasks */
	};
	__u64 both;
};

union head {
	struct {
		__u8 type;
		__u8 shape; /* number of args; SHAPE_ENTRY: an ENTRY of the same call came before */
		__u16 depth;
	};
	__u32 all;
};

union ids {
	struct {
		__u32 tid;
		__u32 pid;
	};
	__u64 both;
};

/*
 * One call. Behind the record come, in this order and if they are there, up to its size, which is
 * a multiple of RECORD_ALIGN:
 *
 *	u64 args[shape & SHAPE_ARGS]  argument slots as the registers have them; CALL and ENTRY
 *	char comm[COMM_BYTES]         of the task; depth 0
 *	items                         the values of a program, see there; CALL and ENTRY
 *
 * The records of one tree come in the order in which its calls
 * returned, so a caller comes after what it called:
 *
 *	vfs_read                depth 0, index 2
 *	├─ rw_verify_area       depth 1, index 0
 *	└─ read_zero            depth 1, index 1
 *
 * index counts every call of the tree that had a record to write, with room for it or not. A jump
 * in index is therefore the place and the number of lost records.
 *
 * MARK and AWAY are no calls, and have no index of their own: start says in which calls of the tree
 * they were. A MARK that is in no tree has depth 0, and the task's comm; one in a tree is below the
 * root, and has none. Its args and items are those of a call's entry.
 */
struct record {
	__u32 size; /* bytes, written last: 0 while the record is not complete */
	union head head;
	__u32 function; /* lower half of its attach cookie */
	__u32 cpu;      /* on which the record was written */
	union place place;
	union ids ids;
	__u64 start;    /* ns of CLOCK_MONOTONIC */
	__u64 duration; /* ns; OPEN and EXIT: until now; ENTRY and MARK: 0 */
	__u64 retval;   /* raw, upper bits not cleared; CALL only */
};

#define SHAPE_ARGS 0xf
#define SHAPE_ENTRY 0x10
#define ARGS_MAX 12 /* MAX_BPF_FUNC_ARGS */

struct root_record {
	struct record record;
	char comm[COMM_BYTES];
};

/*
 * The ring: one value of a mappable array. A writer takes its room with one atomic addition to
 * head, fills its record and writes the record's size last; the reader takes complete records from
 * where it left off, zeroes them and moves end, at which the ring is full. Positions only grow; a
 * record lies at data[position mod its size] and may run over that end into RING_MARGIN bytes
 * behind it, so that every record is in one piece.
 */
#define RING_MARGIN 8192
#define RECORD_ALIGN 8
#define RING_MAX (1 << 28)

struct ring {
	__u64 head;
	__u64 head_line[7]; /* writers and the reader each have a cache line */
	__u64 end;          /* less the room for writers that pass the check at one time */
	__u64 end_line[7];
	char data[RING_MAX + RING_MARGIN];
};

/* Decided before the program is loaded. */
struct settings {
	__u64 min_duration; /* ns; shorter calls are dropped */
	__u64 ring_mask;    /* position in the ring: its size, a power of two, less RECORD_ALIGN */
	__u32 max_level;    /* calls on deeper levels are not recorded; a root is on level 1 */
	__u8 by_task;       /* only chosen tasks, and not those that get their ids later */
	__u8 follow;        /* processes that traced ones start are traced too */
	__u8 by_comm;       /* only tasks called comm */
	__u8 live;          /* write a record at entry too */
	char comm[COMM_BYTES];
	__u16 in_trees;      /* marks are of open trees only */
	__u16 tell_deeper;   /* calls on deeper levels are lost: nobody asked for max_level */
	__u16 tell_away;     /* write a record of what a task was off the CPU in a tree */
	__u16 account_skips; /* tell apart whose runs the kernel skipped */
	__u64 cgroup;        /* only tasks in it, or below it: its id; 0: all */
	__u64 cgroup_level;  /* how far it is below the root of all */
	__u32 tick;          /* the lower half of the address of its handler */
	__u32 unused;
};

/* Ticks are counted by how long they take, as far as that is less than 64 << TICK_SHIFTS ns. */
#define TICK_SHIFTS 20
#define TICK_BUCKETS (32 * TICK_SHIFTS + 64)

/* What was counted so far. */
struct counters {
	__u64 lost_ring;       /* records that found no room */
	__u64 lost_entry;      /* calls to be recorded of which the entry was not seen */
	__u64 lost_recursion;  /* runs that a program skipped: those the kernel skips it counts */
	__u64 skipped_others;  /* of those that it counts: of tasks that are not traced */
	__u64 skipped_outside; /* and of those that are, while they had no root open */
};

/*
 * Of functions that lie outside of where roots are, no call is in a tree while no task has a root
 * open. Where a task may have one, everything is within reach.
 */
struct roots {
	__u64 reach; /* from the lowest to the highest; and REACH_TASK for each of those tasks */
	__u32 low;   /* the lower half of the lowest address */
	__u32 unused;
};

#define REACH_TASK (1ULL << 32)

/* A program, and where the kernel counts for each CPU which of its runs it skipped. */
struct skipping {
	__u64 id; /* 0: none */
	__u64 stats;
};

#define SKIPPING 2 /* a program, or one for each half of a call */

/*
 * The array tasks has a number for each tid: of the task's frame, or one of these. Tids stay below
 * 2^22 (PID_MAX_LIMIT in the kernel's include/linux/threads.h).
 */
#define TASK_IGNORED 0
#define TASK_TRACED 1   /* and has no frame yet */
#define TASK_SEARCHED 2 /* one of several with this tid: their frames are found by task */
#define TASK_FRAMES 3   /* the first frame that a task can have */
#define TID_LIMIT (1 << 22)

/*
 * An attach cookie is the function's place in the plan, whether it is a root, how many of its
 * argument slots are recorded, and the number of its program, with what that has.
 */
#define COOKIE_ROOT (1ULL << 31)
#define COOKIE_ARGS_SHIFT 32 /* 4 bits */
#define COOKIE_FILTER (1ULL << 36)
#define COOKIE_ENTRY (1ULL << 37)
#define COOKIE_RETURN_FILTER (1ULL << 38)
#define COOKIE_RETURN (1ULL << 39)
#define COOKIE_PROGRAM_SHIFT 48
#define COOKIE_GUARD (1ULL << 63) /* of a root */

/* Stands in programs for the cookie of a copy, until that is loaded; it is no cookie. */
#define COOKIE_BLANK (~0ULL)

/*
 * What is read, and what must hold, of the calls of a function: a range of operations each. A
 * guard is a comparison of one argument with a constant:
 *
 *	(arg - low) * scale <= span
 */
struct range {
	__u16 first;
	__u16 count;
};

struct program {
	__u64 guard_low;
	__u64 guard_scale;
	__u64 guard_span;
	__u32 guard_slot;
	struct range filter;        /* at the entry of a root */
	struct range entry;         /* values */
	struct range return_filter; /* at the return of a root */
	struct range at_return;     /* values */
} __attribute__((aligned(64)));     /* to be found by a shift */

/* One operation; src/expr/ops.ts says what each does. */
struct op {
	__u8 code;
	__u8 unused;
	__u16 n;
	__u32 unused_too;
	__u64 imm;
};

#define PROGRAMS (1 << 12)
#define OPS (1 << 14)
#define RANGE_OPS 128
#define STACK_WORDS 16

/*
 * What a program's values become: one item each, filled up to a multiple of 8 bytes. A negative
 * length, with no bytes, is the error for which there is no value.
 */
struct item {
	__s32 length;
	__u32 unused;
};

#define VALUE_BYTES 1024
#define ITEMS_BYTES 3072

#endif
