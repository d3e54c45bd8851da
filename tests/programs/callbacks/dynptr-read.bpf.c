// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A callback may read the dynptr that it is handed, and take slices of it.
// expect: accept

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} samples SEC(".maps");

static long sum(struct bpf_dynptr *sample, __u64 *total)
{
	__u64 *first;
	__u32 second;

	first = bpf_dynptr_data(sample, 0, sizeof(*first));
	if (!first)
		return 1;
	if (bpf_dynptr_read(&second, sizeof(second), sample, 8, 0))
		return 1;
	*total += *first + second;
	return 0;
}

SEC("tc")
int drain(struct __sk_buff *skb __attribute__((unused)))
{
	__u64 total = 0;

	bpf_user_ringbuf_drain(&samples, sum, &total, 0);
	return total ? TC_ACT_OK : TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual MIT/GPL";
