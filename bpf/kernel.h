/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What is known of the kernel: its types, by BTF where they differ, and its symbols. */
#ifndef FSNOOP_KERNEL_H
#define FSNOOP_KERNEL_H

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

#endif
