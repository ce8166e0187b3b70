/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Values and conditions that are computed in the kernel: the interpreter of src/expr/ops.ts, a
 * stack machine, and where its programs are run.
 */
#ifndef FSNOOP_VALUES_H
#define FSNOOP_VALUES_H

#include "ring.h"

/* Numbered as opcode in that file. */
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

#endif
