/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What a return does with -DSTAT: it counts the call, and records it only where it is asked to. */
#ifndef FSNOOP_STAT_H
#define FSNOOP_STAT_H

#include "cell.h"

/* As large as the verifier lets an offset be: cut down before loading. */
#define CELLS_MAX (1 << 21)
#define KEYS_MAX (1 << 21)
#define PAGES_MAX (1 << 20)

const volatile struct counting counting SEC(".rodata.counting");
struct cell cells[CELLS_MAX] SEC(".bss.cells");
struct key keys[KEYS_MAX] SEC(".bss.keys");
struct page pages[PAGES_MAX] SEC(".bss.pages");

/* The shift of a duration, by ns >> 6 where that fits. */
static const __u8 shifts[256] SEC(".rodata.shifts") = {
        [1] = 1,         [2 ... 3] = 2,   [4 ... 7] = 3,    [8 ... 15] = 4,
        [16 ... 31] = 5, [32 ... 63] = 6, [64 ... 127] = 7, [128 ... 255] = 8,
};

#define SHIFT_BITS 6
#define SHIFTS_BITS 8

static __always_inline __u32 bucket_of(__u64 ns)
{
	__u32 shift = 0;
	__u64 high;

	if (ns >= LONGEST_NS)
		ns = LONGEST_NS - 1;
	high = ns >> SHIFT_BITS;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		if (high >> SHIFTS_BITS) {
			high >>= SHIFTS_BITS;
			shift += SHIFTS_BITS;
		}
	}
	shift += shifts[high & 255];
	return PAGE_BUCKETS * shift + (ns >> shift);
}

#define mask(place, blank) asm("%0 &= %1" : "+w"(place) : "i"(blank))

static __always_inline struct cell *cell_at(__u32 number)
{
	__u32 place = number * sizeof(struct cell);

	mask(place, CELLS_BLANK);
	return (void *)cells + place;
}

static __always_inline struct page *page_at(__u32 place)
{
	mask(place, PAGES_BLANK);
	return (void *)pages + place;
}

/* A page that is the caller's from now on, or 0. */
static __always_inline __u32 take_page(__u32 cpu)
{
	__u32 first = cpu * counting.pages;
	struct page *nobodys = page_at(first * sizeof(struct page));

	if (nobodys->next + 1 >= counting.pages)
		return 0;
	return (first + ++nobodys->next) * sizeof(struct page);
}

/* A return value by its width; signed, as errors are. */
static __always_inline __s64 value_of(__u64 retval, __u64 function)
{
	switch (function >> COOKIE_RETURN_SHIFT & COOKIE_RETURN_MASK) {
	case 0:
		return 0;
	case 1:
		return (__s8)retval;
	case 2:
		return (__s16)retval;
	case 3:
		return (__s32)retval;
	default:
		return retval;
	}
}

#define ERRNO_MAX 4095

struct error {
	__u64 errno;
	__u32 page;
};

/* In the place of the errno, or the first free one; what finds none is counted in the last. */
static long count_errno(__u32 place, struct error *error)
{
	struct page *page = page_at(error->page);

	place &= PAGE_ERRORS - 1;
	if (place < PAGE_ERRORS - 1) {
		if (page->errors[place].errno && page->errors[place].errno != error->errno)
			return 0;
		page->errors[place].errno = error->errno;
	}
	page->errors[place].count++;
	return 1;
}

static __always_inline void count_error(struct cell *cell, __u32 cpu, __u64 function, __u64 retval)
{
	struct error error = {.errno = -value_of(retval, function)};

	if (!(function & COOKIE_ERRNO) || error.errno - 1 >= ERRNO_MAX)
		return;
	if (!cell->errors)
		cell->errors = take_page(cpu);
	error.page = cell->errors;
	if (error.page)
		bpf_loop(PAGE_ERRORS, count_errno, &error, 0);
}

/* Notes that calls may be as long as this. */
static __always_inline void widen(struct cell *cell, __u64 duration)
{
	if (!cell->limit || duration < cell->least)
		cell->least = duration;
	if (duration >= cell->limit)
		cell->limit = duration + 1;
	if (cell->least > OFTEN_NS)
		return;
	cell->from = cell->least;
	cell->span = (cell->limit > OFTEN_NS ? OFTEN_NS : cell->limit - 1) - cell->from;
}

/*
 * Counts the rest of a call that may have failed, takes long, or is longer or shorter than all
 * before it. By itself, as the registers that it needs would be saved for each call.
 */
static __noinline void count_rarely(struct open_call *open, struct cell *cell, __u64 duration,
                                    __u64 returned)
{
	__u32 bucket = bucket_of(duration), place = cell_page(bucket);
	__u32 cpu = bpf_get_smp_processor_id();

	if (place > CELL_PAGES)
		return; /* which it never is */
	widen(cell, duration);
	if (!cell->pages[place])
		cell->pages[place] = take_page(cpu);
	if (cell->pages[place])
		page_at(cell->pages[place])->counts[bucket % PAGE_BUCKETS]++;
	else
		cell->pageless++;
	count_error(cell, cpu, open->function, returned);
}

struct probe {
	struct key key;
	__u32 slot;
	__u32 cpu;
	__u32 cell; /* the first of those of all CPUs */
};

#define KEY_TRIES 32

/* Finds the key in the table of its CPU, or writes it to a free place. */
static long probe_key(__u32 try, struct probe *probe)
{
	__u32 slot = (probe->slot + try) & (counting.keys - 1);
	__u32 index = probe->cpu * counting.keys + slot;
	struct key *key;

	if (index >= counting.all_keys)
		return 1;
	/*
	 * Keeps from the compiler that it was checked: it would make the address before. And moves
	 * it, so that the verifier of v6.1 knows that the upper half of its register is 0.
	 */
	asm volatile("%0 = %0" : "+w"(index));
	key = &keys[index];
	if (!key->function) {
		key->low = probe->key.low;
		key->high = probe->key.high;
		*(volatile __u32 *)&key->function = probe->key.function;
	} else if (key->function != probe->key.function || key->low != probe->key.low ||
	           key->high != probe->key.high) {
		return 0;
	}
	probe->cell = counting.first_key + slot * counting.cpus;
	return 1;
}

#define HASH_PRIME 0x9e3779b97f4a7c15ULL /* 2^64 by the golden ratio */

/* The first cell of a function. */
static __always_inline __u32 first_cell(__u64 function)
{
	__u32 place = function & ~COOKIE_ROOT;

	return counting.recorded ? place * counting.cpus : place;
}

/* The first cell of a call that is told apart from others of its function. */
static __noinline __u32 keyed_cell(__u64 function, __u64 retval, __u32 cpu)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 place = first_cell(function);
	struct probe probe = {.key.function = place + 1, .cpu = cpu, .cell = place};

	switch (counting.by) {
	case BY_COMM:
		probe.key.low = ((__u64 *)task->comm)[0];
		probe.key.high = ((__u64 *)task->comm)[1];
		break;
	case BY_PID:
		probe.key.low = task->tgid;
		break;
	case BY_CGROUP:
		probe.key.low = bpf_get_current_cgroup_id();
		break;
	case BY_RETVAL:
		probe.key.low = value_of(retval, function);
		break;
	default:
		return place;
	}
	probe.slot = ((probe.key.low ^ probe.key.high * 3 ^ (__u64)place << 32) * HASH_PRIME) >> 40;
	bpf_loop(KEY_TRIES, probe_key, &probe, 0);
	return probe.cell;
}

/* Counts what most calls are, in few instructions. False: the rest of it is to be counted yet. */
static __always_inline bool count_often(struct cell *cell, __u64 duration, __u64 below,
                                        __s32 returned)
{
	__u64 shift;
	__u32 place;

	cell->total += duration;
	cell->below += below;
	if (duration - cell->from > cell->span)
		return false;
	opaque_word(returned); /* or its sign becomes a bit to look for: more code */
	if (returned < 0)
		return false;
	shift = shifts[duration >> SHIFT_BITS & 255];
	/* Its buckets are from 32 << shift on. Where that is 0 there is none, and a closer look. */
	place = cell->pages[1 + (shift & 15)];
	if (!place)
		return false;
	page_at(place)->counts[duration >> shift & (PAGE_BUCKETS - 1)]++;
	return true;
}

/* The record of a call that is counted. */
static __noinline void write_counted(void *ctx, struct frame *frame, __u32 level, __u64 duration)
{
	volatile struct kept kept;

	kept.ctx = ctx;
	kept.start = open_at(frame, level)->start;
	kept.duration = duration;
	if (level == 1)
		write_plain(&kept, frame, level, sizeof(struct root_record));
	else
		write_plain(&kept, frame, level, sizeof(struct record));
}

static __always_inline void on_return(volatile struct kept *kept, __u64 session, enum extent extent)
{
	__u64 duration;
	__u32 level, cpu, cell;
	struct cell *found;
	struct open_call *open;
	struct frame *frame;

	if (!find_call(kept, &session))
		return;
	kept->session = session;
	duration = bpf_ktime_get_ns();
	session = kept->session;
	duration = session_duration(session, duration);
	kept->duration = duration;
	level = session & SESSION_LEVELS;
	frame = kept->frame;
	leave_level(frame, level);
	if (extent == OPTIONS) {
		if (duration < settings.min_duration)
			return;
		kept->function = own_function_or(open_at(frame, level)->function);
		if (kept->function & COOKIE_RETURN_FILTER) {
			recall(kept);
			if (!passes(kept->ctx, kept->function, COOKIE_RETURN_FILTER))
				return;
		}
		frame = kept->frame;
		level = kept->session & SESSION_LEVELS;
		if (counting.recorded) {
			write_counted(kept->ctx, frame, level, kept->duration);
			frame = kept->frame;
			level = kept->session & SESSION_LEVELS;
		}
	}
	kept->open = open_at(frame, level);
	get_returned(kept->ctx, (__u64 *)&kept->arg);
	cpu = bpf_get_smp_processor_id();
	open = kept->open;
	open[-1].below += kept->duration; /* of the root, where nobody reads it */
	if (extent < OPTIONS)
		cell = open->function & ~COOKIE_ROOT;
	else if (counting.by)
		cell = keyed_cell(open->function, kept->arg, cpu);
	else
		cell = first_cell(open->function);
	found = cell_at(cell + cpu);
	opaque(found); /* or its address is made again and again */
	if (!count_often(found, kept->duration, open->below, kept->arg))
		count_rarely(open, found, kept->duration, kept->arg);
}

#endif
