// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* The floor: what a session program costs that does nothing. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("fsession.multi")
int on_call(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
