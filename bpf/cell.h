/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What `fsnoop stat` counts, and the contract of it with user space: src/events/cells.ts mirrors
 * these structs; test/contract.test.ts compares them through the BTF of the objects.
 *
 * Each CPU has cells of its own, which nobody else writes: the program never runs twice at once on
 * a CPU. So nothing here is atomic, and user space adds up what the CPUs have. It may read while
 * they count, and then find a call in some of a cell's numbers and not yet in the others.
 */
#ifndef FSNOOP_CELL_H
#define FSNOOP_CELL_H

/*
 * Durations are counted in buckets, 32 for each power of two of nanoseconds; below 64 ns each has
 * one of its own:
 *
 *	bucket = 32 * shift + (ns >> shift), where ns >> shift is less than 64
 *
 * The buckets of one power of two are a page. A cell gets a page when it needs it, from those of
 * its CPU: most functions have times of a few powers of two, and most functions are not called.
 */
#define PAGE_BUCKETS 32
#define PAGE_ERRORS 16
#define CELL_PAGES 40           /* for up to 2^44 ns; what is longer is counted in the last */
#define LONGEST_NS (1ULL << 44) /* 4.9 hours */

/*
 * Pages are known by their place among those of all CPUs, in bytes. The first of a CPU's pages is
 * nobody's, so that 0 is none, and its first word is the number of the next, of that CPU's.
 */
struct page {
	union {
		__u64 counts[PAGE_BUCKETS]; /* by bucket */
		struct {
			__u64 errno; /* 0: free, and of the last all others */
			__u64 count;
		} errors[PAGE_ERRORS];
		__u64 next; /* the first that is free */
	};
};

/*
 * The calls of one function, or those of one key, that returned on one CPU. How many they are is
 * the sum of its buckets, and of what is in none.
 */
struct cell {
	__u64 total;     /* ns */
	__u64 below;     /* ns of that, in calls that are counted and were made by these */
	__u64 from;      /* ns: of what was that long already, and no more than OFTEN_NS, */
	__u64 span;      /* or up to this much longer, little is left to be done */
	__u64 least;     /* ns */
	__u64 limit;     /* ns that none took, one more than the longest; 0: there is no call */
	__u64 pageless;  /* how many found no page for their bucket */
	__u32 errors;    /* the page that has them, by errno */
	__u32 pages[41]; /* by cell_page() */
	__u32 unused[8];
};

#define OFTEN_NS 16383

/*
 * Where a cell has the page of a bucket. What is shorter than 64 ns has two, and the second is
 * last: the place that it would have, 1, is always empty.
 */
static inline __u32 cell_page(__u32 bucket)
{
	__u32 power = bucket / PAGE_BUCKETS;

	return power == 1 ? CELL_PAGES : power;
}

/* By what, besides functions, calls are told apart; by CPU they are already. */
#define BY_NOTHING 0
#define BY_COMM 1
#define BY_PID 2
#define BY_CGROUP 3
#define BY_RETVAL 4

/* Each CPU has a table of them, hashed, with a cell for each slot. */
struct key {
	__u64 low;
	__u64 high;     /* the second half of a name */
	__u32 function; /* its place in the plan + 1; 0: free */
	__u32 unused;
};

/*
 * How many there are, decided before the program is loaded. The cells of a function, of all CPUs,
 * lie together, and attach cookies have the number of the first: but for where calls are recorded
 * too, and cookies have the function's place, as records do. Behind them are those of keys. What
 * finds no free key is counted in the function's own cell.
 */
struct counting {
	__u32 first_key; /* its first cell */
	__u32 keys;      /* of each CPU: a power of two */
	__u32 cpus;
	__u32 pages; /* of each CPU */
	__u32 all_keys;
	__u32 by;
	__u32 recorded; /* each counted call is recorded too */
};

/*
 * In their instructions programs have masks for the places of cells and of pages, in bytes: there
 * is room for a power of two of each. They are put there before loading, in place of these.
 */
#define CELLS_BLANK 0x0ce11500
#define PAGES_BLANK 0x0a6e5500

/* More bits of an attach cookie: how wide a return value is, and whether it may be an error. */
#define COOKIE_RETURN_SHIFT 40 /* 3 bits: 0 for none, or 1 + the power of two of its bytes */
#define COOKIE_RETURN_MASK 7
#define COOKIE_ERRNO (1ULL << 43)

#endif
