/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The contract between the kernel side and user space. src/events/record.ts mirrors these
 * structs; test/record.test.ts compares the two through the BTF of the object.
 */
#ifndef FSNOOP_RECORD_H
#define FSNOOP_RECORD_H

#define COMM_BYTES 16

/* What happened, in record.type. */
#define RECORD_CALL 1  /* a call returned */
#define RECORD_ENTRY 2 /* a call began; written in live mode only */
#define RECORD_OPEN 3  /* a call had not returned when tracing ended */
#define RECORD_EXIT 4  /* a call had not returned when its task ended */

/*
 * One call. A root's record (depth 0) is followed by the task's comm[COMM_BYTES]; a record's
 * size is a multiple of 8. The records of one tree come in the order in which its calls returned,
 * so a caller comes after what it called:
 *
 *	vfs_read                depth 0, index 2
 *	├─ rw_verify_area       depth 1, index 0
 *	└─ read_zero            depth 1, index 1
 *
 * index counts every call of the tree that had a record to write, with room for it or not. A jump
 * in index is therefore the place and the number of lost records.
 */
struct record {
	__u32 size; /* bytes, written last: 0 while the record is not complete */
	__u16 type;
	__u16 depth;
	__u32 function; /* its place in the plan */
	__u32 tree;	/* number of the root call, of all tasks */
	__u32 tid;
	__u32 pid;
	__u32 cpu;	/* on which the record was written */
	__u32 index;	/* ENTRY: how many calls of the tree returned before it */
	__u64 start;	/* ns since settings.epoch */
	__u64 duration; /* ns; OPEN and EXIT: until now; ENTRY: 0 */
	__u64 retval;	/* raw, upper bits not cleared; CALL only */
};
