/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What differs with the way the program is attached. One source makes an object for each:
 *
 *	                       fsession.multi  one program, run at entry and return
 *	-DBELOW                fsession.multi  the same, where some functions are no roots
 *	-DEACH                 fsession        the same, loaded again for each function
 *	-DEACH -DPAIR          fentry+fexit    and with a program for each of the two halves
 *	-DKPROBE               kprobe.session  one program, that sees registers
 *	-DKPROBE -DPAIR        kprobe.multi    and with a program for each of the two halves
 *	-DKPROBE -DVOID_KFUNC  kprobe.session  of a kernel before v7.0
 *
 * and one with -DSTAT for each, whose calls are counted: cell.h. One of those is for what is asked
 * most, by the shortest way:
 *
 *	-DSTAT -DPLAIN         fsession.multi  where all functions are roots, and nothing is left
 *out
 */
#ifndef FSNOOP_METHOD_H
#define FSNOOP_METHOD_H

#include "kernel.h"

/* Run at the entry and at the return of a function, or at one of them. */
enum half { BOTH, ENTRY, RETURN };

/* How much of all this a program is made for: what it leaves out costs nothing. */
enum extent {
	TIMES,   /* and return values */
	ARGS,    /* argument slots and guards too */
	OPTIONS, /* all */
};

/*
 * Without a cookie of its own, or with one that may hold what another call left there, what is
 * known of an open call is in the frame of its task. A return is that of the innermost call that
 * was entered at the same place of the stack, if the function is the same.
 *
 * Of OPEN_LEVELS, the outermost calls of a task that have not returned, is told when they never
 * will; where they are kept, no deeper ones are recorded.
 */
#if defined(PLAIN)
#define IS_KEPT 1
#define OPEN_LEVELS 63
#define PLAIN_LEVELS 60
#define FRAMES (1 << 14)
#elif defined(KPROBE) || defined(PAIR)
#define IS_KEPT 1
#define OPEN_LEVELS 31
#define FRAMES (1 << 14)
#elif defined(STAT)
#define IS_KEPT 0
#define OPEN_LEVELS 63
#define FRAMES (1 << 14)
#else
#define IS_KEPT 0
#define OPEN_LEVELS 15
#define FRAMES (1 << 16)
#endif

/* What calls take that are counted is noted level by level: no deeper ones are. */
#ifdef STAT
#define IS_STAT 1
#else
#define IS_STAT 0
#endif

#if defined(KPROBE) && defined(PAIR)
#define AT_ENTRY "kprobe.multi"
#define AT_RETURN "kretprobe.multi"
#elif defined(PAIR)
#define AT_ENTRY "fentry"
#define AT_RETURN "fexit"
#elif defined(KPROBE)
#define SESSION "kprobe.session"
#elif defined(EACH)
#define SESSION "fsession"
#else
#define SESSION "fsession.multi"
#endif

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

/* With a context since v7.0; v6.10 to v6.19 have both as (void), for kprobe.session only. */
#ifdef VOID_KFUNC
extern bool bpf_session_is_return(void) __ksym;
#define session_is_return(ctx) bpf_session_is_return()
#else
extern bool bpf_session_is_return(void *ctx) __ksym;
extern __u64 *bpf_session_cookie(void *ctx) __ksym;
#define session_is_return(ctx) bpf_session_is_return(ctx)
#endif

/* The attach cookie that is a constant in a copy of the program: native/object.cc puts it there. */
static __always_inline __u64 own_function(void)
{
	__u64 function;

	asm volatile("%0 = %1 ll" : "=r"(function) : "i"(COOKIE_BLANK));
	return function;
}

#ifdef EACH

/*
 * So that the verifier leaves out what that function has no use for: it reads less, and calls run
 * less.
 */
#define own_function_or(other) (own_function() == COOKIE_BLANK ? (other) : own_function())
#define own_slots_or(other) (own_function() == COOKIE_BLANK ? (other) : slots_of(own_function()))

#else

#define own_function_or(other) (other)
#define own_slots_or(other) (other)

#endif

static __always_inline bool is_return(void *ctx, enum half half)
{
#ifdef PAIR
	return half == RETURN;
#else
	return session_is_return(ctx);
#endif
}

/* Ends the entry half of a call that is not recorded. */
static __always_inline int ignore(void *ctx)
{
#if defined(PAIR) || defined(PLAIN)
	return 0;
#elif defined(KPROBE)
	return 1; /* then the kernel leaves out the other half */
#else
	*bpf_session_cookie(ctx) = SESSION_IGNORED;
	return 0;
#endif
}

/* Functions of which the verifier is told that they take a context, where it can be told. */
#if IS_KEPT
#define of_ctx static __noinline
#define is_ctx
#else
#define of_ctx __noinline
#define is_ctx __attribute__((btf_decl_tag("arg:ctx")))
#endif

#ifdef KPROBE

/* struct pt_regs of x86_64: arch/x86/include/asm/ptrace.h */
struct registers {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
};

/* Arguments behind the sixth are on the stack, and not read. */
#define REGISTER_ARGS 6

static __always_inline void read_registers(const struct registers *ctx, __u64 args[REGISTER_ARGS])
{
	args[0] = ctx->di;
	args[1] = ctx->si;
	args[2] = ctx->dx;
	args[3] = ctx->cx;
	args[4] = ctx->r8;
	args[5] = ctx->r9;
}

/* By memory: the verifier wants each register read from where it is in the context. */
static __always_inline __u64 entry_arg(const struct registers *ctx, __u32 slot)
{
	__u64 args[REGISTER_ARGS];

	read_registers(ctx, args);
	return slot < REGISTER_ARGS ? args[slot] : 0;
}

#define get_entry_arg(ctx, slot, to) (*(to) = entry_arg(ctx, slot))
#define get_returned(ctx, to) (*(to) = ((struct registers *)(ctx))->ax)

/*
 * Where the return address of the call is, or was before it returned. A function that ends with a
 * jump to another lends that its place.
 */
#define IS_PLACE_SHARED 1
#define stack_at(ctx, half)                                                                        \
	(((struct registers *)(ctx))->sp - ((half) == RETURN ? sizeof(__u64) : 0))

#else

#define get_entry_arg(ctx, slot, to) bpf_get_func_arg(ctx, slot, to)
#define get_returned(ctx, to) bpf_get_func_ret(ctx, to)

/* Where the trampoline of the call has its arguments. */
#define IS_PLACE_SHARED 0
#define stack_at(ctx, half) ((__u64)(ctx))

#endif
#endif
