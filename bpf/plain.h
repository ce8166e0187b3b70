/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What most calls take that `fsnoop stat` counts: each entry is of a root or below one, each return
 * is that of the innermost call, and nothing is left out. What is not so takes a closer look.
 */
#ifndef FSNOOP_PLAIN_H
#define FSNOOP_PLAIN_H

/* Its caller is the one before. */
static __always_inline struct open_call *call_at(__u32 word)
{
	return (void *)frames + (word & (FRAMES * FRAME_BYTES - CALL_BYTES));
}

static __noinline int look_closer(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 number = task_number(task);

	settle(number);
	run(ctx, BOTH, TIMES);
	number = task_number(task);
	if (number >= TASK_FRAMES)
		set_number(task, number);
	return 0;
}

/* What is kept over calls of helpers. From 64 bytes on a program has a stack apart, which costs. */
struct near {
	void *ctx;
	struct open_call *open;
};

static __always_inline int count_entry(volatile struct near *near)
{
	__u32 *innermost = task_word(bpf_get_current_task_btf());
	__u32 word = *innermost;
	struct open_call *open;
	void *ctx;

	if (!word)
		return 0;
	word += CALL_BYTES;
	if (!(word & CALLS))
		return look_closer(near->ctx);
	*innermost = word;
	open = call_at(word);
	near->open = open;
	ctx = near->ctx;
	open->below = 0;
	open->stack = (__u64)ctx;
	near->open->function = bpf_get_attach_cookie(ctx);
	near->open->start = bpf_ktime_get_ns();
	return 0;
}

/*
 * The number of the CPU, without the price of a call: two values stay in registers that it would
 * cost. The verifier takes these moves away, as it puts the helper in line.
 */
static __always_inline __u32 cpu_besides(__u64 *value, struct open_call **open)
{
	register __u64 cpu asm("r0");
	register __u64 one asm("r1") = *value;
	register struct open_call *two asm("r2") = *open;

	asm volatile("*(u64 *)(r10 - 40) = r1\n"
	             "*(u64 *)(r10 - 48) = r2\n"
	             "call %3\n"
	             "r2 = *(u64 *)(r10 - 48)\n"
	             "r1 = *(u64 *)(r10 - 40)"
	             : "=r"(cpu), "+r"(one), "+r"(two)
	             : "i"(BPF_FUNC_get_smp_processor_id)
	             : "r3", "r4", "r5");
	*value = one;
	*open = two;
	return cpu;
}

static __always_inline int count_return(volatile struct near *near)
{
	__u32 *innermost = task_word(bpf_get_current_task_btf());
	__u32 word = *innermost, cpu;
	struct open_call *open = call_at(word);
	struct cell *cell;
	__u64 duration;
	void *ctx;

	if (!word)
		return 0;
	ctx = near->ctx;
	if (open->stack != (__u64)ctx)
		return look_closer(ctx);
	near->open = open;
	*innermost = word - CALL_BYTES;
	get_returned(ctx, &open->stack); /* which is known */
	duration = bpf_ktime_get_ns();
	open = near->open;
	duration -= open->start;
	open[-1].below += duration;
	cpu = cpu_besides(&duration, &open);
	cell = cell_at(open->function + cpu);
	opaque(cell); /* or its address is made again and again */
	if (!count_often(cell, duration, open->below, open->stack))
		count_rarely(open, cell, duration, open->stack);
	return 0;
}

SEC(SESSION)
int on_stat(void *ctx)
{
	volatile struct near near;

	near.ctx = ctx;
	if (session_is_return(ctx))
		return count_return(&near);
	/* Keeps them apart: what both begin with would be done before, and be saved. */
	asm volatile("" ::: "memory");
	return count_entry(&near);
}

#endif
