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

/* The first of a CPU's pages is nobody's: 0 is the number of none, and its first word is next. */
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

/* The calls of one function, or those of one key, that returned on one CPU. */
struct cell {
	__u64 calls;
	__u64 total;  /* ns */
	__u64 self;   /* ns, less what the calls took that are counted and directly below */
	__u64 max;    /* ns */
	__u64 least;  /* ~ns of the shortest: 0 is none */
	__u16 errors; /* the page that has them, by errno */
	__u16 pages[CELL_PAGES];
	__u16 unused[3];
};

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
 * How many there are, decided before the program is loaded. The cells of a CPU are those of the
 * functions, by their place in the plan, and then those of its keys. What finds no free key is
 * counted in the function's own cell.
 */
struct counting {
	__u32 functions;
	__u32 keys;  /* of each CPU: a power of two */
	__u32 cells; /* of each CPU */
	__u32 pages; /* of each CPU */
	__u32 all_keys;
	__u32 all_cells;
	__u32 all_pages;
	__u32 by;
};

/* More bits of an attach cookie: how wide a return value is, and whether it may be an error. */
#define COOKIE_RETURN_SHIFT 40 /* 3 bits: 0 for none, or 1 + the power of two of its bytes */
#define COOKIE_RETURN_MASK 7
#define COOKIE_ERRNO (1ULL << 43)

#endif
