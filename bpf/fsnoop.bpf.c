// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* One program for all traced functions, run at their entry and at their return. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "record.h"

#define on_task __attribute__((preserve_access_index))

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	char comm[COMM_BYTES] __attribute__((aligned(8))); /* for loads of 8 bytes */
} on_task;

#define PF_EXITING 0x4 /* in task_struct.flags; include/linux/sched.h */

struct seq_file;

/*
 * What iterators get lies at the same places in all kernels. Each type that is looked for in the
 * kernel's BTF costs millions of instructions.
 */
struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};

struct bpf_prog_stats {
	struct {
	} misses; /* a __u64 */
} on_task;

struct bpf_prog_aux {
	__u32 id;
} on_task;

struct bpf_prog {
	struct bpf_prog_stats *stats; /* per CPU */
	struct bpf_prog_aux *aux;
} on_task;

/* Where the memory of this CPU begins, as x86_64 has it: what is per CPU is at an offset to it. */
extern const unsigned long this_cpu_off __ksym __weak;

/* Lets the verifier take an address for what is there: no helper, which may be traced, reads it. */
extern void *bpf_rdonly_cast(const void *address, __u32 type) __ksym __weak;

/* Keeps from the compiler what it knows of a value, where it would make more code of that. */
#define opaque(value) asm volatile("" : "+r"(value))
#define opaque_word(value) asm volatile("" : "+w"(value))

/*
 * The session cookie carries a call's entry time and level from its entry to its return. A root is
 * on level 1. The trampoline clears the cookie: 0 at return means that the entry half did not run.
 * The time loses its upper bits, which a difference of two does not need.
 */
#define SESSION_LEVELS 0x1ff
#define SESSION_RARE 0x200 /* the return takes a closer look */
#define SESSION_IGNORED SESSION_RARE
#define SESSION_TIME_SHIFT 10

static __always_inline __u64 session_pack(__u64 start, __u32 level)
{
	return start << SESSION_TIME_SHIFT | level;
}

static __always_inline __u64 session_duration(__u64 session, __u64 now)
{
	now <<= SESSION_TIME_SHIFT;
	opaque(now);
	return (now + (SESSION_LEVELS | SESSION_RARE) - session) >> SESSION_TIME_SHIFT;
}

#include "method.h"

/*
 * THREAD_SIZE in the kernel's asm/page_64_types.h, of arm64 in asm/memory.h; it is aligned to its
 * size. Where pages of arm64 are larger, stacks are too: then less is known to be on the same one.
 */
#define STACK_BYTES 16384

struct open_call {
	__u64 start;
	__u64 function; /* its attach cookie */
#ifdef STAT
	__u64 below; /* ns that the calls took that it made */
#endif
#if IS_KEPT
	__u64 stack; /* where it was entered */
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
	struct open_call open[OPEN_LEVELS + 1]; /* by level; 0: a deeper one that returns */
};

/*
 * A task gets a frame, one of FRAMES, at its first root and keeps it to its end. Task storage is
 * meant for this, and costs 62 instructions a look-up, where this costs 9.
 */
const volatile struct settings settings SEC(".rodata.settings");
struct counters counters SEC(".bss.counters");
struct root_record *in_btf SEC(".bss.in_btf");  /* for nothing but its type, which tests compare */
struct ring ring SEC(".bss.ring");              /* its size is cut down before loading */
struct frame frames[FRAMES] SEC(".bss.frames"); /* the first ones are nobody's */
__u16 tasks[TID_LIMIT] SEC(".bss.tasks");       /* by tid, written before and while tracing */

static __always_inline __u16 *task_number(struct task_struct *task)
{
	return &tasks[task->pid & (TID_LIMIT - 1)];
}

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

#if IS_KEPT || defined(STAT)
static __always_inline struct open_call *open_at(struct frame *frame, __u32 level)
{
	return &frame->open[level & OPEN_LEVELS];
}
#endif

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

/*
 * The interpreter of src/expr/ops.ts: a stack machine. Its numbers follow opcode in that file.
 */
enum {
	OP_END,
	OP_PUSH,
	OP_ARG,
	OP_RETVAL,
	OP_TASK,
	OP_LOAD,
	OP_DUP,
	OP_DROP,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV_U,
	OP_DIV_S,
	OP_MOD_U,
	OP_MOD_S,
	OP_AND,
	OP_OR,
	OP_XOR,
	OP_SHL,
	OP_SHR_U,
	OP_SHR_S,
	OP_EQ,
	OP_NE,
	OP_LT_U,
	OP_LE_U,
	OP_LT_S,
	OP_LE_S,
	OP_NEG,
	OP_NOT,
	OP_IS_ZERO,
	OP_ADD_IMM,
	OP_EXTRACT_U,
	OP_EXTRACT_S,
	OP_SWAP,
	OP_JUMP,
	OP_JUMP_ZERO,
	OP_JUMP_NONZERO,
	OP_END_WORD,
	OP_END_BYTES,
	OP_END_STRING,
	OP_FILTER,
	OP_END_STACK,
	OP_END_COMM,
};

enum { TASK_PID, TASK_TID, TASK_CPU, TASK_COMM_LOW, TASK_COMM_HIGH };

#define EFAULT 14

/* What a program works on: one a CPU, as no two run on it at once, and one for tracepoints. */
struct machine {
	__u64 words[STACK_WORDS];
	__u32 depth;    /* of the stack */
	__u32 next;     /* operation */
	__u32 bytes;    /* of items */
	__s32 failed;   /* why the value that is being made can't be had; 0: it can */
	__u32 is_false; /* a filter did not hold */
	__u32 is_busy;  /* not 0: a copy runs on this CPU; with -DEACH, and of tracepoints */
#if IS_KEPT
	__u64 retval;
#endif
	__u64 args[ARGS_MAX]; /* where they are not had from the context */
	char items[ITEMS_BYTES + sizeof(struct item) + VALUE_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct machine);
} machines SEC(".maps");

struct program programs[PROGRAMS] SEC(".bss.programs");
struct op ops[OPS] SEC(".bss.ops");

struct run {
	void *ctx;
	struct machine *machine;
};

static __always_inline void push(struct machine *m, __u64 word)
{
	m->words[m->depth++ & (STACK_WORDS - 1)] = word;
}

static __always_inline __u64 pop(struct machine *m)
{
	return m->words[--m->depth & (STACK_WORDS - 1)];
}

static __always_inline bool is_kernel(__u64 address)
{
	return (__s64)address < 0;
}

static __noinline __u64 load(struct machine *m, __u64 address, __u32 bytes)
{
	__u64 word = 0;

	if (bytes > sizeof(word))
		bytes = sizeof(word);
	if (is_kernel(address) ? bpf_probe_read_kernel(&word, bytes, (void *)address)
	                       : bpf_probe_read_user(&word, bytes, (void *)address))
		m->failed = -EFAULT;
	return word;
}

static __noinline __u64 read_task(__u32 field)
{
	struct task_struct *task = bpf_get_current_task_btf();

	switch (field) {
	case TASK_PID:
		return task->tgid;
	case TASK_TID:
		return task->pid;
	case TASK_CPU:
		return bpf_get_smp_processor_id();
	case TASK_COMM_LOW:
		return ((__u64 *)task->comm)[0];
	default:
		return ((__u64 *)task->comm)[1];
	}
}

/* Quotient and remainder, as in C rounded to zero; there is no signed division before -mcpu=v4. */
static __always_inline __u64 divide(struct machine *m, __u32 code, __u64 left, __u64 right)
{
	bool is_signed = code == OP_DIV_S || code == OP_MOD_S;
	bool is_quotient = code == OP_DIV_U || code == OP_DIV_S;
	bool minus_left = is_signed && (__s64)left < 0, minus_right = is_signed && (__s64)right < 0;
	__u64 result;

	if (!right) {
		m->failed = -EFAULT;
		return 0;
	}
	if (minus_left)
		left = -left;
	if (minus_right)
		right = -right;
	result = is_quotient ? left / right : left % right;
	return (is_quotient ? minus_left != minus_right : minus_left) ? -result : result;
}

static __always_inline __u64 extract(__u64 word, __u32 n, bool is_signed)
{
	__u32 shift = n & 63, unused = (64 - (n >> 6)) & 63;

	word >>= shift;
	word <<= unused;
	return is_signed ? (__u64)((__s64)word >> unused) : word >> unused;
}

static __always_inline __u64 swap(__u64 word, __u32 bytes)
{
	if (bytes == 2)
		return __builtin_bswap16(word);
	return bytes == 4 ? __builtin_bswap32(word) : __builtin_bswap64(word);
}

/* Ends the value, of so many bytes that lie behind its item's head. */
static __always_inline void end_value(struct machine *m, struct item *item, __s64 length)
{
	if (m->failed)
		length = m->failed;
	item->length = length;
	item->unused = 0;
	m->bytes += sizeof(*item) + (length > 0 ? (length + 7) & ~7ULL : 0);
	m->failed = 0;
}

static __always_inline void restore_last(char *letter, __u64 address)
{
	if (is_kernel(address))
		bpf_probe_read_kernel(letter, 1, (void *)address);
	else
		bpf_probe_read_user(letter, 1, (void *)address);
}

static __noinline int end_memory(struct run *run, __u32 code, __u32 bytes)
{
	struct machine *m = run->machine;
	__u32 at = m->bytes;
	struct item *item;
	__u64 address;
	__s64 length;

	if (at > ITEMS_BYTES || bytes > VALUE_BYTES)
		return 1;
	item = (void *)(m->items + at);
	if (code == OP_END_STACK) {
		length = bpf_get_stack(run->ctx, item + 1, bytes, 0);
		if (length < 0)
			m->failed = length;
		end_value(m, item, length);
		return 0;
	}
	address = pop(m);
	if (code == OP_END_BYTES) {
		length = is_kernel(address)
		                 ? bpf_probe_read_kernel(item + 1, bytes, (void *)address)
		                 : bpf_probe_read_user(item + 1, bytes, (void *)address);
		if (!length)
			length = bytes;
	} else {
		length = is_kernel(address)
		                 ? bpf_probe_read_kernel_str(item + 1, bytes, (void *)address)
		                 : bpf_probe_read_user_str(item + 1, bytes, (void *)address);
		/* The helpers end a string that is cut with a zero of their own: it has none. */
		if (length == bytes)
			restore_last((char *)(item + 1) + length - 1, address + length - 1);
	}
	if (length < 0)
		m->failed = length;
	end_value(m, item, length);
	return 0;
}

static __always_inline int end_comm(struct machine *m)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 at = m->bytes;
	struct item *item;

	if (at > ITEMS_BYTES)
		return 1;
	item = (void *)(m->items + at);
	copy_comm((char *)(item + 1), task->comm);
	end_value(m, item, COMM_BYTES);
	return 0;
}

static __always_inline int end_word(struct machine *m)
{
	__u32 at = m->bytes;
	struct item *item;

	if (at > ITEMS_BYTES)
		return 1;
	item = (void *)(m->items + at);
	*(__u64 *)(item + 1) = pop(m);
	end_value(m, item, sizeof(__u64));
	return 0;
}

static __always_inline __u64 compute(struct machine *m, __u32 code, __u64 left, __u64 right)
{
	switch (code) {
	case OP_ADD:
		return left + right;
	case OP_SUB:
		return left - right;
	case OP_MUL:
		return left * right;
	case OP_AND:
		return left & right;
	case OP_OR:
		return left | right;
	case OP_XOR:
		return left ^ right;
	case OP_SHL:
		return left << (right & 63);
	case OP_SHR_U:
		return left >> (right & 63);
	case OP_SHR_S:
		return (__s64)left >> (right & 63);
	case OP_EQ:
		return left == right;
	case OP_NE:
		return left != right;
	case OP_LT_U:
		return left < right;
	case OP_LE_U:
		return left <= right;
	case OP_LT_S:
		return (__s64)left < (__s64)right;
	case OP_LE_S:
		return (__s64)left <= (__s64)right;
	default:
		return divide(m, code, left, right);
	}
}

#ifdef KPROBE
#define get_program_arg(run, n, to) (*(to) = (n) < REGISTER_ARGS ? (run)->machine->args[n] : 0)
#else
#define get_program_arg(run, n, to) bpf_get_func_arg((run)->ctx, n, to)
#endif

/* Programs that are for the entry do not ask for it; some kernels refuse one that could. */
#if IS_KEPT
#define get_program_returned(run, to) (*(to) = (run)->machine->retval)
#else
#define get_program_returned(run, to) bpf_get_func_ret((run)->ctx, to)
#endif

/* Where the arguments of a program are. */
enum source { CONTEXT, MACHINE };

/* One operation; 1 ends the program. */
static __always_inline long run_op(struct run *run, enum source source)
{
	struct machine *m = run->machine;
	struct op *op = &ops[m->next++ & (OPS - 1)];
	__u32 code = op->code, n = op->n;
	__u64 imm = op->imm, word = 0;

	if (code >= OP_ADD && code <= OP_LE_S) {
		word = pop(m);
		push(m, compute(m, code, pop(m), word));
		return 0;
	}
	switch (code) {
	case OP_PUSH:
		push(m, imm);
		return 0;
	case OP_ARG:
		if (source == CONTEXT)
			get_program_arg(run, n, &word);
		else if (n < ARGS_MAX)
			word = m->args[n];
		push(m, word);
		return 0;
	case OP_RETVAL:
		if (source == CONTEXT) /* tracepoints have none */
			get_program_returned(run, &word);
		push(m, word);
		return 0;
	case OP_TASK:
		push(m, read_task(n));
		return 0;
	case OP_LOAD:
		push(m, load(m, pop(m) + imm, n));
		return 0;
	case OP_DUP:
		word = pop(m);
		push(m, word);
		push(m, word);
		return 0;
	case OP_DROP:
		pop(m);
		return 0;
	case OP_NEG:
		push(m, -pop(m));
		return 0;
	case OP_NOT:
		push(m, ~pop(m));
		return 0;
	case OP_IS_ZERO:
		push(m, !pop(m));
		return 0;
	case OP_ADD_IMM:
		push(m, pop(m) + imm);
		return 0;
	case OP_EXTRACT_U:
		push(m, extract(pop(m), n, false));
		return 0;
	case OP_EXTRACT_S:
		push(m, extract(pop(m), n, true));
		return 0;
	case OP_SWAP:
		push(m, swap(pop(m), n));
		return 0;
	case OP_JUMP:
		m->next += n;
		return 0;
	case OP_JUMP_ZERO:
		if (!pop(m))
			m->next += n;
		return 0;
	case OP_JUMP_NONZERO:
		if (pop(m))
			m->next += n;
		return 0;
	case OP_END_WORD:
		return end_word(m);
	case OP_END_BYTES:
	case OP_END_STRING:
	case OP_END_STACK:
		return end_memory(run, code, n);
	case OP_END_COMM:
		return end_comm(m);
	case OP_FILTER:
		m->is_false = !pop(m) || m->failed;
		m->failed = 0;
		return m->is_false;
	default:
		return 1;
	}
}

static long step(__u32 i, struct run *run)
{
	return run_op(run, CONTEXT);
}

static long step_mark(__u32 i, struct run *run)
{
	return run_op(run, MACHINE);
}

static __always_inline struct program *program_of(__u64 function)
{
	return &programs[function >> COOKIE_PROGRAM_SHIFT & (PROGRAMS - 1)];
}

static __always_inline struct range *range_of(struct program *program, __u64 when)
{
	switch (when) {
	case COOKIE_FILTER:
		return &program->filter;
	case COOKIE_ENTRY:
		return &program->entry;
	case COOKIE_RETURN_FILTER:
		return &program->return_filter;
	default:
		return &program->at_return;
	}
}

#define FAILED (1U << 31)

static __always_inline void prepare(struct machine *machine, struct range *range)
{
	machine->next = range->first;
	machine->depth = 0;
	machine->bytes = 0;
	machine->failed = 0;
	machine->is_false = 0;
}

static __always_inline __u32 result_of(struct machine *machine)
{
	return machine->is_false ? FAILED : machine->bytes;
}

/*
 * Runs the operations of a function's program that are for that time: the bytes of values that the
 * machine of this CPU then has; FAILED where a filter did not hold.
 */
of_ctx __u32 run_program(void *ctx is_ctx, __u64 function, __u64 when)
{
	__u32 zero = 0;
	struct run run = {.ctx = ctx, .machine = bpf_map_lookup_elem(&machines, &zero)};
	struct range *range = range_of(program_of(function), when);

	if (!run.machine)
		return FAILED; /* on no kernel that there is */
#ifdef KPROBE
	if (when & (COOKIE_FILTER | COOKIE_ENTRY))
		read_registers(ctx, run.machine->args);
#endif
	prepare(run.machine, range);
	bpf_loop(range->count, step, &run, 0);
	return result_of(run.machine);
}

static __always_inline bool passes(void *ctx, __u64 function, __u64 when)
{
	return run_program(ctx, function, when) != FAILED;
}

static __always_inline bool is_guarded(struct program *program, __u64 arg)
{
	return (arg - program->guard_low) * program->guard_scale <= program->guard_span;
}

static __always_inline bool passes_guard(volatile struct kept *kept, __u64 function)
{
	struct program *program = program_of(function);

	kept->program = program;
	get_entry_arg(kept->ctx, program->guard_slot, (__u64 *)&kept->arg);
	program = kept->program;
	return is_guarded(program, kept->arg);
}

/* How much of it a program is made for: what it leaves out costs nothing. */
enum extent {
	TIMES,   /* and return values */
	ARGS,    /* argument slots and guards too */
	OPTIONS, /* all */
};

/* Whether a call of a root opens a tree. */
static __always_inline bool is_wanted(void *ctx, __u64 function, enum extent extent)
{
	struct kept kept = {.ctx = ctx};

	if (extent >= ARGS && function & COOKIE_GUARD && !passes_guard(&kept, function))
		return false;
	return extent < OPTIONS || !(function & COOKIE_FILTER) ||
	       passes(ctx, function, COOKIE_FILTER);
}

/* What the program of a return is to read, where it cannot be had at any time. */
static __always_inline void recall(volatile struct kept *kept)
{
#if IS_KEPT
	__u32 zero = 0;
	struct machine *m = bpf_map_lookup_elem(&machines, &zero);

	if (!m)
		return;
#ifdef KPROBE
	struct open_call *open = open_at(kept->frame, kept->session & SESSION_LEVELS);

	for (int slot = 0; slot < REGISTER_ARGS; slot++)
		m->args[slot] = open->args[slot];
#endif
	get_returned(kept->ctx, &m->retval);
#endif
}

/* The bytes of the values of a record. */
static __always_inline __u32 run_values(void *ctx, __u64 function, __u64 when)
{
	__u32 bytes = run_program(ctx, function, when);

	return bytes <= sizeof(((struct machine *)0)->items) ? bytes : 0;
}

/* Where the values of a record go. */
static __always_inline void *items_at(struct record *record, __u8 shape, __u32 level)
{
	__u32 bytes = 8 * (shape & SHAPE_ARGS) + (level == 1 ? COMM_BYTES : 0);

	return (char *)(record + 1) + bytes;
}

static __noinline void copy_items(void *to, __u32 bytes)
{
	struct machine *m;
	__u32 zero = 0;

	m = bpf_map_lookup_elem(&machines, &zero);
	opaque(bytes); /* or the check is left out, where it was made before */
	if (m && bytes <= sizeof(m->items))
		bpf_probe_read_kernel(to, bytes, m->items);
}

/* The record of an entry, but for its start; or NULL. */
static __noinline struct record *begin_entry(void *ctx, struct frame *frame)
{
	__u32 level = frame->level, items = 0;
	__u64 function = frame->function;
	__u8 shape = slots_of(function);
	struct record *record;
	volatile struct kept kept;

	kept.ctx = ctx;
	kept.frame = frame;
	if (function & COOKIE_ENTRY)
		items = run_values(ctx, function, COOKIE_ENTRY);
	record = begin_record(&kept, RECORD_ENTRY, shape, level, items);
	if (!record)
		return NULL;
	record->function = function;
	record->cpu = bpf_get_smp_processor_id();
	record->retval = 0;
	if (items)
		copy_items(items_at(record, shape, level), items);
	kept.record = record;
	copy_args(&kept);
	return record;
}

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

/* Unless its id is to be another task's: see on_exit. Idle tasks share theirs. */
static __always_inline void remember_frame(struct task_struct *task, __u32 number)
{
	struct frame *frame = &frames[number & (FRAMES - 1)];

	frame->ids.tid = task->pid;
	frame->ids.pid = task->tgid;
	if (task->pid && !(task->flags & PF_EXITING))
		*task_number(task) = number;
}

/* The number of the frame of a task that has one, or 0. */
static __always_inline __u32 own_number(struct task_struct *task)
{
	__u32 number = *task_number(task);

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

/*
 * Opens a call that is not simply below the open root, or a root where that takes a closer look.
 * The number of the call's frame, or 0 if it is not to be recorded.
 */
static __always_inline __u32 open_elsewhere(void *ctx, enum extent extent)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 id = own_function_or(bpf_get_attach_cookie(ctx));
	__u32 number = current_number();
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (number && frame->root && !is_root_gone(frame, number, ctx)) {
		if (IS_STAT && !is_wanted(ctx, id, extent))
			return 0;
		if (frame->level >= settings.max_level)
			return 0;
		frame->level++;
		frame->function = id;
		return number;
	}
	leave_root(frame);
	/* Only roots: a task may get another name, or cgroup, in an open tree. */
	if (!is_root(id) || !is_chosen(task))
		return 0;
	if (!is_wanted(ctx, id, extent))
		return 0;
	if (!number) {
		number = claim_owned(owner_of(task));
		if (!number) {
			__sync_fetch_and_add(&counters.lost_entry, 1);
			return 0;
		}
		remember_frame(task, number);
		frame = &frames[number & (FRAMES - 1)];
		frame->level = 1;
		frame->is_simple = !settings.by_comm && !settings.cgroup;
		frame->place.tree = (frame->place.tree & ~(FRAMES - 1)) | number;
	}
	copy_comm(frame->comm, task->comm);
	frame->function = id;
	begin_tree(ctx, frame);
	count_task(frame);
	return number;
}

/* One for each extent: what a program has no use for is not loaded with it. */
of_ctx __u32 open_times(void *ctx is_ctx)
{
	return open_elsewhere(ctx, TIMES);
}

of_ctx __u32 open_args(void *ctx is_ctx)
{
	return open_elsewhere(ctx, ARGS);
}

of_ctx __u32 open_options(void *ctx is_ctx)
{
	return open_elsewhere(ctx, OPTIONS);
}

/* That of the task's number, which is not its own where it has none yet. */
static __always_inline struct frame *frame_of(volatile struct kept *kept)
{
	struct frame *frame = &frames[kept->number & (FRAMES - 1)];

	opaque(frame);
	kept->frame = frame;
	return frame;
}

/* Whether a call is simply below the innermost that is open. */
static __always_inline bool is_below(struct frame *frame, void *ctx)
{
#if IS_KEPT
	return stack_at(ctx, ENTRY) < frame->innermost;
#else
	return (__u64)ctx < frame->root;
#endif
}

/* Notes where a call was entered, and its arguments. */
static __always_inline void keep_call(volatile struct kept *kept, enum extent extent)
{
#if IS_KEPT
	struct frame *frame = kept->frame;
	struct open_call *open = open_at(frame, frame->level);
	void *ctx = kept->ctx;

	frame->innermost = stack_at(ctx, ENTRY);
	open->stack = frame->innermost;
#ifdef KPROBE
	if (extent >= ARGS)
		read_registers(ctx, open->args);
#endif
#endif
}

static __always_inline int on_entry(volatile struct kept *kept, enum extent extent)
{
	__u64 id = own_function_or(bpf_get_attach_cookie(kept->ctx)), session;
	struct frame *frame = frame_of(kept);
	struct record *record = NULL;
	struct open_call *open;
	__u32 level, number;

	frame->function = id;
	if (is_below(frame, kept->ctx)) {
		if (IS_STAT && extent == OPTIONS) {
			if (!is_wanted(kept->ctx, id, extent))
				goto ignore;
			frame = kept->frame;
		}
		level = frame->level + 1;
		if (level > settings.max_level)
			goto ignore;
		frame->level = level;
	} else if (frame->root) {
		goto elsewhere;
	} else if (extent >= ARGS && id & COOKIE_GUARD ? !passes_guard(kept, id) : !is_root(id)) {
		goto ignore;
	} else if ((extent >= ARGS ? kept->frame : frame)->is_simple) {
		if (extent == OPTIONS && id & COOKIE_FILTER &&
		    !passes(kept->ctx, id, COOKIE_FILTER))
			goto ignore;
		if (extent >= ARGS)
			frame = kept->frame;
		begin_tree(kept->ctx, frame);
		count_task(frame);
	} else {
	elsewhere:
		number = extent == TIMES  ? open_times(kept->ctx)
		         : extent == ARGS ? open_args(kept->ctx)
		                          : open_options(kept->ctx);
		if (!number)
			goto ignore;
		kept->frame = &frames[number & (FRAMES - 1)];
	}
	keep_call(kept, extent);
	if (extent == OPTIONS && !IS_STAT) {
		if (has_entry(own_function_or(kept->frame->function)))
			record = begin_entry(kept->ctx, kept->frame);
		kept->record = record;
	}
#if !IS_KEPT
	kept->cookie = bpf_session_cookie(kept->ctx);
#endif
	session = bpf_ktime_get_ns();
	frame = kept->frame;
	level = frame->level;
	if (level <= OPEN_LEVELS) {
		open = &frame->open[level];
		open->start = session;
		open->function = frame->function;
#ifdef STAT
		open->below = 0;
#endif
	} else {
		level |= SESSION_RARE;
	}
#if !IS_KEPT
	*kept->cookie = session_pack(session, level);
#endif
	if (extent < OPTIONS || IS_STAT)
		return 0;
	record = kept->record;
	if (record) {
		record->start = session;
		submit_record(record, 0);
	}
	return 0;
ignore:
	return ignore(kept->ctx);
}

/* The kernel skipped the entry half, to keep the program out of itself. */
static __always_inline void on_unseen_entry(void *ctx, struct frame *frame)
{
	if (frame->root) {
		if (frame->level >= settings.max_level)
			return;
		frame->place.index++;
	} else {
#ifdef PAIR
		return; /* a root that was not seen, or one that was not wanted */
#endif
		if (!(own_function_or(bpf_get_attach_cookie(ctx)) & COOKIE_ROOT))
			return;
		if (!is_chosen(bpf_get_current_task_btf()))
			return;
	}
	__sync_fetch_and_add(&counters.lost_entry, 1);
}

#if IS_KEPT

static __always_inline bool is_innermost(struct frame *frame, __u64 stack, __u64 function)
{
	return frame->innermost == stack && open_at(frame, frame->level)->function == function;
}

/* The number of the frame of a call that returns and is not the innermost, or 0 as below. */
static __noinline __u32 find_returned(void *ctx)
{
	__u64 function = own_function_or(bpf_get_attach_cookie(ctx));
	__u32 number = current_number();
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (number && frame->root) {
		frame->here = stack_at(ctx, RETURN);
		close_gone(number);
		if (close_inner(number, function))
			return number;
	}
	on_unseen_entry(ctx, frame);
	return 0;
}

/*
 * Finds the frame of a call that returns, and what is known of it as a session cookie would tell
 * it; false where it is not to be recorded.
 */
static __always_inline bool find_call(volatile struct kept *kept, __u64 *session)
{
	struct frame *frame = frame_of(kept);
	__u64 stack = stack_at(kept->ctx, RETURN), function;
	__u32 number;

#ifdef PAIR
	/* Most of what was ignored at its entry. */
	if (!frame->root || (stack < frame->innermost && frame->level >= settings.max_level))
		return false;
#endif
	function = own_function_or(bpf_get_attach_cookie(kept->ctx));
	frame = kept->frame;
	if (!is_innermost(frame, stack, function)) {
		number = find_returned(kept->ctx);
		if (!number)
			return false;
		frame = &frames[number & (FRAMES - 1)];
		kept->frame = frame;
	}
	*session = session_pack(open_at(frame, frame->level)->start, frame->level);
	return true;
}

#else

/*
 * The number of the frame of a call that returns and is not the one that it seems to be, or 0 for
 * one that is not to be recorded.
 */
of_ctx __u32 find_returned(void *ctx is_ctx)
{
	__u64 session = *bpf_session_cookie(ctx);
	__u32 level = session & SESSION_LEVELS, number = current_number();
	struct frame *frame = &frames[number & (FRAMES - 1)];

	if (!session) {
		if (is_root_gone(frame, number, ctx))
			leave_root(frame);
		on_unseen_entry(ctx, frame);
		return 0;
	}
	if (!frame->root || level > frame->level)
		return 0;
	/* The kernel skipped the return half of the calls in between. */
	frame->place.index += frame->level - level;
	frame->level = level;
	if (level > OPEN_LEVELS)
		frame->open[0].function = own_function_or(bpf_get_attach_cookie(ctx));
	return number;
}

/* Finds the frame and the session of a call that returns; false where it is not to be recorded. */
static __always_inline bool find_call(volatile struct kept *kept, __u64 *session)
{
	__u32 level = *session & (SESSION_RARE | SESSION_LEVELS), number;
	struct frame *frame = frame_of(kept);

	if (level != frame->level) {
		number = find_returned(kept->ctx);
		if (!number)
			return false;
		kept->frame = &frames[number & (FRAMES - 1)];
		*session = *bpf_session_cookie(kept->ctx);
	}
	return true;
}

#endif

/* A call on that level has returned. */
static __always_inline void leave_level(struct frame *frame, __u32 level)
{
	if (level == 1)
		frame->root = 0;
	else
		frame->level = level - 1;
#if IS_KEPT
	frame->innermost = level == 1 ? 0 : open_at(frame, level - 1)->stack;
#endif
}

#ifdef STAT
#include "stat.h"
#else

/* What the entry noted is nearer than the attach cookie. */
static __always_inline __u64 noted_function(struct frame *frame, __u32 level)
{
#if IS_KEPT /* and no deeper ones are recorded */
	return own_function_or(open_at(frame, level)->function);
#else
	return own_function_or(frame->open[level <= OPEN_LEVELS ? level : 0].function);
#endif
}

/* The record of a call that returned, without arguments: less code where its size is known. */
static __always_inline void write_plain(volatile struct kept *kept, struct frame *frame,
                                        __u32 level, __u32 bytes)
{
	struct record *record = ring_reserve(bytes);
	__u32 cpu;

	if (!record) {
		frame->place.index++;
		return;
	}
	record->head.type = RECORD_CALL;
	record->head.shape = 0;
	record->head.depth = level - 1;
	record->place.both = frame->place.both;
	record->ids.both = frame->ids.both;
	frame->place.index++;
	kept->record = record;
	record->function = noted_function(frame, level);
	record->start = kept->start;
	if (level == 1)
		copy_comm((char *)(record + 1), frame->comm);
	get_returned(kept->ctx, &record->retval);
	cpu = bpf_get_smp_processor_id();
	record = kept->record;
	record->cpu = cpu;
	submit_sized(record, bytes, kept->duration);
}

static __always_inline void on_return(volatile struct kept *kept, __u64 session, enum extent extent)
{
	__u64 now, duration;
	__u32 level, cpu, items = 0;
	__u8 type = RECORD_CALL, shape;
	struct record *record;
	struct frame *frame;
	__u64 function;

	if (!find_call(kept, &session))
		return;
	kept->session = session;
	now = bpf_ktime_get_ns();
	session = kept->session;
	duration = session_duration(session, now);
	kept->start = now - duration;
	kept->duration = duration;
	level = session & SESSION_LEVELS;
	frame = kept->frame;
	leave_level(frame, level);
	if (extent == OPTIONS && duration < settings.min_duration)
		return;
	if (extent == TIMES && level == 1)
		return write_plain(kept, frame, level, sizeof(struct root_record));
	if (extent == TIMES)
		return write_plain(kept, frame, level, sizeof(struct record));
	function = noted_function(frame, level);
	kept->function = function;
	shape = slots_of(function);
	if (extent == OPTIONS) {
		if (function & (COOKIE_RETURN_FILTER | COOKIE_RETURN))
			recall(kept);
		if (level == 1 && function & COOKIE_RETURN_FILTER &&
		    !passes(kept->ctx, function, COOKIE_RETURN_FILTER))
			type = RECORD_DROP;
		else if (function & COOKIE_RETURN)
			items = run_values(kept->ctx, function, COOKIE_RETURN);
		frame = kept->frame;
		function = kept->function;
		level = kept->session & SESSION_LEVELS;
		if (has_entry(function))
			shape |= SHAPE_ENTRY;
	}
	record = begin_record(kept, type, shape, level, items);
	kept->frame->place.index++;
	if (!record)
		return;
	kept->record = record;
	record->function = kept->function;
	record->start = kept->start;
	if (extent == OPTIONS && items)
		copy_items(items_at(record, shape, level), items);
	get_returned(kept->ctx, &kept->record->retval);
	copy_args(kept);
	cpu = bpf_get_smp_processor_id();
	record = kept->record;
	record->cpu = cpu;
	submit_record(record, kept->duration);
}

#endif

static __always_inline int run(void *ctx, enum half half, enum extent extent)
{
	volatile struct kept kept;
	__u64 session = 0;
	__u16 number;

	kept.ctx = ctx;
	if (is_outside(ctx))
		return 0;
	number = *task_number(bpf_get_current_task_btf());
	/* First of all: most calls on a machine are of other tasks. */
	if (number == TASK_IGNORED)
		return IS_KEPT ? ignore(ctx) : 0;
	kept.number = number;
	if (!is_return(kept.ctx, half))
		return on_entry(&kept, extent);
#if !IS_KEPT
	session = *bpf_session_cookie(kept.ctx);
#endif
	if (session != SESSION_IGNORED)
		on_return(&kept, session, extent);
	return 0;
}

#ifdef EACH

static __always_inline struct machine *own_machine(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&machines, &zero);
}

/* Whether it is taken. */
static __always_inline bool take_machine(void *ctx, struct machine *machine)
{
#if IS_KEPT
	__u32 own = bpf_get_current_task_btf()->pid + 1, number;
	__u32 owner = __sync_val_compare_and_swap(&machine->is_busy, 0, own);
	struct frame *frame;

	/* By another task: the frame of this one can be told which calls are gone. */
	if (owner && owner != own) {
		number = current_number();
		frame = &frames[number & (FRAMES - 1)];
		if (number && frame->root)
			close_before(frame, number, ctx);
	}
	return owner;
#else
	return __sync_lock_test_and_set(&machine->is_busy, 1);
#endif
}

/*
 * With -DEACH the program is loaded again for each function. The kernel keeps each copy out of
 * itself, and not out of the others: an interrupt may bring one of those, or a helper, while this
 * one is at work on the frame of the task and the machine of the CPU. What is skipped for that is
 * what the kernel skips of one program for all.
 *
 * Functions are attached one by one, and tasks are traced when all are: a call that is ignored at
 * its entry is so at its return.
 */
static __always_inline int run_session(void *ctx, enum half half, enum extent extent)
{
	struct machine *machine;

	if (*task_number(bpf_get_current_task_btf()) == TASK_IGNORED)
		return ignore(ctx);
	machine = own_machine();
	if (!machine)
		return 0; /* on no kernel that there is */
	/* An exchange, for tasks that preempt each other here. */
	if (take_machine(ctx, machine)) {
		__sync_fetch_and_add(&counters.lost_recursion, 1);
		return 0;
	}
	run(ctx, half, extent);
	machine = own_machine();
	asm volatile("" ::: "memory"); /* all that it does comes before */
	if (machine)
		*(volatile __u32 *)&machine->is_busy = 0;
	return 0;
}

#else
#define run_session run
#endif

#ifdef PAIR
#define program(name, extent)                                                                      \
	SEC(AT_ENTRY) int name(void *ctx)                                                          \
	{                                                                                          \
		return run_session(ctx, ENTRY, extent);                                            \
	}                                                                                          \
	SEC(AT_RETURN) int name##_return(void *ctx)                                                \
	{                                                                                          \
		return run_session(ctx, RETURN, extent);                                           \
	}
#else
#define program(name, extent)                                                                      \
	SEC(SESSION) int name(void *ctx)                                                           \
	{                                                                                          \
		return run_session(ctx, BOTH, extent);                                             \
	}
#endif

/*
 * Of these that is loaded which is needed. The verifier drops a branch that a setting closes,
 * not its load. The last is for live mode, a least duration, and programs that are more than a
 * guard.
 */
#ifdef STAT
program(on_stat, TIMES);
program(on_stat_options, OPTIONS);
#else
program(on_call_times, TIMES);
program(on_call, ARGS);
program(on_call_options, OPTIONS);
#endif

/*
 * Tracepoints: each has a copy of on_mark, and the kernel keeps each copy out of itself only. They
 * share a machine, and change nothing of a frame, so they may come in the midst of the program
 * above.
 */
struct hit {
	struct run run;
	__u64 function; /* the cookie of the copy: before v6.10 a tracepoint's program gets none */
	struct frame *frame;
	__u64 here; /* where its arguments are on the stack: a number, no pointer */
};

static __always_inline struct machine *mark_machine(void)
{
	__u32 place = 1;

	return bpf_map_lookup_elem(&machines, &place);
}

/* What lies behind the arguments that there are is read too, and not used. */
static __always_inline void read_hit(struct hit *hit)
{
	struct machine *machine = hit->run.machine;

	machine->args[0] = (__u64)hit->run.ctx;
	hit->here = *(volatile __u64 *)&machine->args[0];
	bpf_probe_read_kernel(machine->args, sizeof(machine->args), (void *)hit->here);
}

/* The bytes of values that the machine then has; FAILED where a filter did not hold. */
static __noinline __u32 run_mark(struct hit *hit, __u64 when)
{
	struct range *range = range_of(program_of(hit->function), when);

	prepare(hit->run.machine, range);
	bpf_loop(range->count, step_mark, &hit->run, 0);
	return result_of(hit->run.machine);
}

/* The open tree of the task, if its root is not gone: see is_root_gone(). */
static __always_inline bool is_in_tree(struct hit *hit)
{
	__u64 root = hit->frame->root;

	return root && (hit->here < root || (hit->here ^ root) >= STACK_BYTES);
}

static __always_inline bool is_hit_wanted(struct hit *hit)
{
	struct program *program = program_of(hit->function);
	struct machine *machine = hit->run.machine;
	__u32 slot = program->guard_slot;

	if (hit->function & COOKIE_GUARD &&
	    (slot >= ARGS_MAX || !is_guarded(program, machine->args[slot])))
		return false;
	return !(hit->function & COOKIE_FILTER) || run_mark(hit, COOKIE_FILTER) != FAILED;
}

static __always_inline void write_mark(struct hit *hit, struct task_struct *task)
{
	struct machine *machine = hit->run.machine;
	__u32 items = hit->function & COOKIE_ENTRY ? run_mark(hit, COOKIE_ENTRY) : 0;
	__u32 args = 8 * slots_of(hit->function);
	__u32 comm = settings.in_trees ? 0 : COMM_BYTES;
	struct record *record;
	char *more;

	if (items > sizeof(machine->items))
		items = 0;
	if (args > sizeof(machine->args))
		return; /* of no plan */
	record = ring_reserve(sizeof(*record) + args + comm + items);
	if (!record)
		return;
	record->head.type = RECORD_MARK;
	record->head.shape = slots_of(hit->function);
	record->head.depth = settings.in_trees ? hit->frame->level : 0;
	record->function = hit->function;
	record->cpu = bpf_get_smp_processor_id();
	record->place.both = settings.in_trees ? hit->frame->place.both : 0;
	record->ids.tid = task->pid;
	record->ids.pid = task->tgid;
	record->start = bpf_ktime_get_ns();
	record->duration = sizeof(*record) + args + comm + items;
	record->retval = 0;
	more = (char *)(record + 1);
	bpf_probe_read_kernel(more, args, machine->args);
	more += args;
	if (comm)
		copy_comm(more, task->comm);
	more += comm;
	opaque(items); /* or the check is left out, where it was made before */
	if (items <= sizeof(machine->items))
		bpf_probe_read_kernel(more, items, machine->items);
	submit_record(record, 0);
}

static __always_inline void mark(void *ctx, struct machine *machine, struct task_struct *task)
{
	struct hit hit = {.run = {.ctx = ctx, .machine = machine}, .function = own_function()};

	read_hit(&hit);
	if (settings.in_trees) {
		hit.frame = &frames[current_number() & (FRAMES - 1)];
		if (!is_in_tree(&hit))
			return;
	} else if (!is_chosen(task)) {
		return;
	}
	if (is_hit_wanted(&hit))
		write_mark(&hit, task);
}

SEC("mark") int on_mark(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct machine *machine;

	if (*task_number(task) == TASK_IGNORED)
		return 0;
	machine = mark_machine();
	if (!machine)
		return 0; /* on no kernel that there is */
	if (__sync_lock_test_and_set(&machine->is_busy, 1)) {
		__sync_fetch_and_add(&counters.lost_recursion, 1);
		return 0;
	}
	mark(ctx, machine, task);
	asm volatile("" ::: "memory"); /* all that it does comes before */
	*(volatile __u32 *)&machine->is_busy = 0;
	return 0;
}

static __always_inline void fill_away(struct record *record, struct frame *frame)
{
	record->head.type = RECORD_AWAY;
	record->head.shape = 0;
	record->head.depth = frame->level;
	record->function = COOKIE_ROOT - 1; /* none has that place */
	record->cpu = bpf_get_smp_processor_id();
	record->place.both = frame->place.both;
	record->ids.both = frame->ids.both;
	record->start = frame->away;
	record->retval = 0;
}

static __always_inline struct frame *task_frame(struct task_struct *task)
{
	return &frames[own_number(task) & (FRAMES - 1)];
}

/* What a task is off the CPU in a tree is told when it is back: in the calls that are open then. */
static __always_inline void tell_switch(struct frame *from, struct frame *to)
{
	__u64 now = bpf_ktime_get_ns(), since = to->away;
	struct record *record;

	if (from->root)
		from->away = now;
	if (!since)
		return;
	record = to->root ? ring_reserve(sizeof(*record)) : NULL;
	if (record) {
		fill_away(record, to);
		record->duration = sizeof(*record);
		submit_record(record, now - since);
	}
	to->away = 0;
}

struct skipping skipping[SKIPPING] SEC(".bss.skipping");

/* What the kernel had skipped on this CPU when it was last looked at. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} skips SEC(".maps");

/* What the kernel skipped of our programs on this CPU. */
static __always_inline __u64 count_skips(__u64 offset)
{
	__u64 sum = 0;

	for (int i = 0; i < SKIPPING; i++) {
		const void *address = (const void *)(skipping[i].stats + offset);
		__u32 type = bpf_core_type_id_kernel(struct bpf_prog_stats);
		struct bpf_prog_stats *stats = bpf_rdonly_cast(address, type);
		const __u64 *misses = (const void *)&stats->misses;

		opaque(misses); /* libbpf moves addresses, and no loads of what is a struct there */
		if (skipping[i].stats)
			sum += *misses;
	}
	return sum;
}

/*
 * While a task is preempted in a program, the kernel skips that program for whoever is on the CPU:
 * what it skips between two switches is of one task, and nobody misses what is not traced.
 */
static __always_inline void account_skips(struct task_struct *from)
{
	__u32 key = 0;
	__u64 *before, sum;
	const unsigned long *offset;

	if (!settings.account_skips || !skipping[0].stats || !&this_cpu_off)
		return;
	before = bpf_map_lookup_elem(&skips, &key);
	offset = bpf_this_cpu_ptr(&this_cpu_off);
	if (!before)
		return;
	sum = count_skips(*offset);
	if (sum == *before)
		return;
	if (*task_number(from) == TASK_IGNORED)
		__sync_fetch_and_add(&counters.skipped_others, sum - *before);
	*before = sum;
}

SEC("tp_btf/sched_switch")
int on_switch(__u64 *ctx)
{
	struct task_struct *from = (void *)ctx[1], *to = (void *)ctx[2];

	if (settings.tell_away)
		tell_switch(task_frame(from), task_frame(to));
	account_skips(from);
#ifdef BELOW
	if (roots.reach >= REACH_TASK)
		uncount_task(task_frame(from));
#endif
	return 0;
}

/* Run before functions are attached. */
SEC("iter/bpf_prog")
int find_stats(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *program = ctx->prog;

	if (!program)
		return 0;
	for (int i = 0; i < SKIPPING; i++) {
		if (skipping[i].id == program->aux->id)
			skipping[i].stats = (__u64)program->stats;
	}
	return 0;
}

/* The innermost level of which the open call is known; 0: no root is open. */
static __always_inline __u32 innermost_open(struct frame *frame)
{
	if (!frame->root)
		return 0;
	return frame->level < OPEN_LEVELS ? frame->level : OPEN_LEVELS;
}

/* No arguments: of them only those at the entry could be told. */
static __always_inline __u8 open_shape(struct open_call *open)
{
	return has_entry(open->function) ? SHAPE_ENTRY : 0;
}

/* Fills in what is known of an open call, but for its duration until now, which it returns. */
static __always_inline __u64 tell_open(struct record *record, struct open_call *open)
{
	record->function = open->function;
	record->cpu = bpf_get_smp_processor_id();
	record->start = open->start;
	record->retval = 0;
	return bpf_ktime_get_ns() - open->start;
}

/*
 * Tasks that a traced one starts are traced before they run: its threads always. Where they are
 * woken first nobody is preempted. In sched_process_fork, since v7.0, a task may be, and the kernel
 * would skip this for the next one that forks on that CPU: of what its child calls nothing was
 * told.
 */
SEC("tp_btf/sched_wakeup_new")
int on_fork(__u64 *ctx)
{
	struct task_struct *parent = bpf_get_current_task_btf();
	struct task_struct *child = (void *)ctx[0];
	bool traced = *task_number(parent) != TASK_IGNORED &&
	              (settings.follow || child->tgid == parent->tgid);

	*task_number(child) = traced ? TASK_TRACED : TASK_IGNORED;
	return 0;
}

SEC("tp_btf/task_rename")
int on_rename(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	const char *name = (void *)ctx[1];
	__u32 number = own_number(task);

	if (number)
		bpf_probe_read_kernel_str(frames[number & (FRAMES - 1)].comm, COMM_BYTES, name);
	return 0;
}

/*
 * A thread that executes a program takes the id of its leader, which has exited by then. So from
 * here on that id does not tell whose frame it is.
 */
SEC("tp_btf/sched_process_exit")
int on_exit(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (task->pid == task->tgid && *task_number(task) != TASK_IGNORED)
		*task_number(task) = TASK_SEARCHED;
	return 0;
}

struct telling {
	__u32 number; /* of the frame */
	__u32 innermost;
	struct seq_file *seq;
};

static __always_inline struct telling tell_of(__u32 number)
{
	number &= FRAMES - 1;
	return (struct telling){.number = number, .innermost = innermost_open(&frames[number])};
}

/* The level of the `n`th open call from the innermost that there can be; 0: it is not open. */
static __always_inline __u32 open_level(struct telling *telling, __u32 n)
{
	__u32 level = (OPEN_LEVELS - n) & OPEN_LEVELS;

	return level <= telling->innermost ? level : 0;
}

static long tell_exit(__u32 n, struct telling *telling)
{
	struct frame *frame = &frames[telling->number & (FRAMES - 1)];
	__u32 level = open_level(telling, n);
	struct open_call *open = &frame->open[level];
	volatile struct kept kept = {.frame = frame};
	struct record *record;

	if (!level)
		return 0;
	record = begin_record(&kept, RECORD_EXIT, open_shape(open), level, 0);
	frame->place.index++;
	if (record)
		submit_record(record, tell_open(record, open));
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
	__u32 number = *task_number(task) == TASK_TRACED ? 0 : find_frame(task);
	struct frame *frame = &frames[number & (FRAMES - 1)];
	struct telling telling;

	*task_number(task) = settings.by_task ? TASK_IGNORED : TASK_TRACED;
	if (!number)
		return 0;
	telling = tell_of(number);
	bpf_loop(OPEN_LEVELS, tell_exit, &telling, 0);
	leave_root(frame);
	frame->away = 0;
	uncount_task(frame);
	__sync_lock_test_and_set(&frame->owner, 0);
	return 0;
}

static long tell_unreturned(__u32 n, struct telling *telling)
{
	struct frame *frame = &frames[telling->number & (FRAMES - 1)];
	__u32 level = open_level(telling, n), bytes;
	struct open_call *open = &frame->open[level];
	struct root_record out = {};

	if (!level)
		return 0;
	bytes = level > 1 ? sizeof(out.record) : sizeof(out);
	copy_comm(out.comm, frame->comm);
	out.record.size = bytes;
	out.record.head.type = RECORD_OPEN;
	out.record.head.shape = open_shape(open);
	out.record.head.depth = level - 1;
	out.record.place = frame->place;
	out.record.ids = frame->ids;
	out.record.duration = tell_open(&out.record, open);
	bpf_seq_write(telling->seq, &out, bytes);
	frame->place.index++;
	return 0;
}

static __noinline void tell_away(struct telling *telling)
{
	struct frame *frame = &frames[telling->number & (FRAMES - 1)];
	struct record out = {.size = sizeof(out)};

	if (!frame->root || !frame->away)
		return;
	fill_away(&out, frame);
	out.duration = bpf_ktime_get_ns() - frame->away;
	bpf_seq_write(telling->seq, &out, sizeof(out));
}

/*
 * Read once, after the functions are detached: the calls that were still open, of a task that is
 * off the CPU behind how long it has been.
 */
SEC("iter/task")
int tell_open_calls(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct telling telling;

	if (!task)
		return 0;
	telling = tell_of(find_frame(task));
	telling.seq = ctx->meta->seq;
	tell_away(&telling);
	bpf_loop(OPEN_LEVELS, tell_unreturned, &telling, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
