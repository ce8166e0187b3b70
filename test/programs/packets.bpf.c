// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Known calls below an XDP program: a function of its own, and one of the kernel. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} sizes SEC(".maps");

/* A third of the bytes; global, so that it is verified and kept by itself. */
__noinline __u32 third_of(__u32 bytes, __u32 more)
{
	return bytes / 3 + more;
}

SEC("xdp")
int count_packets_by_size(struct xdp_md *ctx)
{
	__u32 bytes = ctx->data_end - ctx->data;
	__u64 third = third_of(bytes, 0);

	bpf_map_update_elem(&sizes, &bytes, &third, BPF_ANY);
	return third ? XDP_PASS : XDP_DROP;
}

char _license[] SEC("license") = "GPL";
